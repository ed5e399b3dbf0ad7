internal import Glibc

/// A thread of its own.
package struct NamedThread: Sendable {
    private let handle: pthread_t

    /// `name` is what `top -H` shows, at most 15 bytes.
    package static func start(_ name: String, nice: Int32 = 0, _ body: @escaping @Sendable () -> Void) -> NamedThread {
        guard let thread = startIfPossible(name, nice: nice, body) else {
            fatalError("a thread could not be started: the system has no more of them for this process")
        }
        return thread
    }

    private static func startIfPossible(
        _ name: String, nice: Int32, _ body: @escaping @Sendable () -> Void
    ) -> NamedThread? {
        let box = Unmanaged.passRetained(Body(name, nice, body))
        var handle = pthread_t()
        guard pthread_create(&handle, nil, { runThread($0) }, box.toOpaque()) == 0 else {
            box.release()
            return nil
        }
        return NamedThread(handle: handle)
    }

    /// Waits for its end. Once, and not after `detach`.
    package func join() { pthread_join(handle, nil) }

    /// Nobody will wait for it.
    package func detach() { pthread_detach(handle) }

    /// Does two things at once, `other` on a thread of its own, or one after the other where the system has no thread
    /// for it; returns what came of them when both are done.
    package static func both<A, B: Sendable>(
        _ name: String, _ body: () -> A, _ other: @escaping @Sendable () -> B
    ) -> (A, B) {
        let outcome = Outcome<B>()
        let thread = startIfPossible(name, nice: 0) { outcome.value = other() }
        let mine = body()
        guard let thread else { return (mine, other()) }
        thread.join()
        return (mine, outcome.value!)
    }

    /// Unchecked Sendable: written before the thread ends, read after it was joined.
    private final class Outcome<Value: Sendable>: @unchecked Sendable {
        var value: Value?
    }

    fileprivate final class Body: Sendable {
        let name: String
        let nice: Int32
        let run: @Sendable () -> Void
        init(_ name: String, _ nice: Int32, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.nice = nice
            self.run = run
        }
    }
}

/// A nonisolated function: a closure written elsewhere might inherit an isolation and trap on its own thread.
private func runThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    let body = Unmanaged<NamedThread.Body>.fromOpaque(argument!).takeRetainedValue()
    if let comm = fopen("/proc/thread-self/comm", "w") {
        fputs(String(body.name.prefix(15)), comm)
        fclose(comm)
    }
    // On Linux a priority belongs to a thread: 0 is the calling one.
    if body.nice > 0 { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, body.nice) }
    body.run()
    return nil
}
