internal import Histogram
internal import Synchronization

/// Puts the seconds of all event loops together, and tells a run to end early.
package final class LoadMonitor: Sendable {
    private struct State {
        var parts: [Int: [SecondPart]] = [:]
        var seconds: [Second] = []
    }

    private let state = Mutex(State())
    private let stopped = Atomic<Bool>(false)
    private let threads: Int
    private let onSecond: @Sendable (Second) -> Void

    package init(threads: Int, onSecond: @escaping @Sendable (Second) -> Void) {
        self.threads = threads
        self.onSecond = onSecond
    }

    package var seconds: [Second] { state.withLock { $0.seconds } }

    /// No operation begins after this; what is under way is still answered.
    package func stop() { stopped.store(true, ordering: .relaxed) }
    var isStopped: Bool { stopped.load(ordering: .relaxed) }

    func publish(_ part: SecondPart) {
        let second: Second? = state.withLock { state in
            state.parts[part.number, default: []].append(part)
            guard let parts = state.parts[part.number], parts.count == threads else { return nil }
            state.parts[part.number] = nil
            var whole = parts[0]
            for part in parts.dropFirst() {
                whole.response.add(part.response)
                whole.errors.merge(part.errors, uniquingKeysWith: +)
                whole.dropped += part.dropped
                whole.waiting += part.waiting
            }
            let second = Second(
                end: whole.end, nanoseconds: whole.nanoseconds, completed: Int(whole.response.totalCount),
                errors: whole.errors, dropped: whole.dropped, waiting: whole.waiting, isWarmup: whole.isWarmup,
                p50: whole.response.valueAtPercentile(50), p99: whole.response.valueAtPercentile(99),
                maximum: whole.response.max)
            state.seconds.append(second)
            return second
        }
        if let second { onSecond(second) }
    }
}
