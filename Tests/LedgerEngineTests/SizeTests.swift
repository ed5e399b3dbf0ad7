import LedgerCore
import Testing

@testable import LedgerEngine

/// What crosses between an event loop and the writer is copied for every command: it stays small. `Scripts/counts`
/// prints these lines.
@Suite struct SizeTests {
    @Test func `a work item takes at most 128 bytes`() { check(WorkItem.self, "a work item", atMost: 128) }
    @Test func `a work result takes at most 64 bytes`() { check(WorkResult.self, "a work result", atMost: 64) }
    /// It waits in a result, and in what a slow client has yet to read.
    @Test func `a reference to an event takes at most 16 bytes`() {
        check(EventReference.self, "a reference to an event", atMost: 16)
    }

    private func check<T>(_ type: T.Type, _ name: String, atMost limit: Int) {
        // In an array, which is where they lie.
        let bytes = MemoryLayout<T>.stride
        print("bytes of \(name): \(bytes) (at most \(limit))")
        #expect(bytes <= limit)
    }
}
