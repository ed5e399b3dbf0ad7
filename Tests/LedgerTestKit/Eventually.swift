internal import Glibc

// Conditions that another thread or process brings about are awaited, never slept for. The limit is far beyond what
// any of them takes, for a sanitizer and a busy machine: a test that meets it has found something.

/// `eventually` for tests that are not `async`: keeps their thread.
package func holdsInTime(_ condition: () throws -> Bool) rethrows -> Bool {
    for _ in 0..<300_000 {
        if try condition() { return true }
        usleep(1000)
    }
    return false
}

/// Whether it came to hold within five minutes.
package func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<60_000 {
        if try await condition() { return true }
        try await Task.sleep(nanoseconds: 5_000_000)
    }
    return false
}
