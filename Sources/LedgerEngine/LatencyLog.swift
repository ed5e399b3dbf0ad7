package import LedgerCore
internal import LedgerStorage

/// What took the engine long of late and is no command's doing: what LATENCY shows, and a load test draws into its
/// clients' time line.
package final class LatencyLog: Sendable {
    package enum Event: Int, CaseIterable, Sendable {
        /// Writing and syncing a unit of events, where that took five milliseconds or more.
        case sync
        /// The journal went on in its next segment: while this was prepared, the writer's events waited.
        case segment
        /// A full segment was sealed, or the next one made, beside the writer.
        case seal
        /// A snapshot was made, beside the writer.
        case snapshot
        /// Due instants were carried out in one go, where that took a millisecond or more.
        case timers

        package var text: String {
            switch self {
            case .sync: "sync"
            case .segment: "segment"
            case .seal: "seal"
            case .snapshot: "snapshot"
            case .timers: "timers"
            }
        }

        /// Shorter ones are not worth a line, in nanoseconds.
        fileprivate var threshold: UInt64 {
            switch self {
            case .sync: 5_000_000
            case .timers: 1_000_000
            case .segment, .seal, .snapshot: 0
            }
        }
    }

    package struct Entry: Sendable {
        package var event: Event
        /// When it had ended.
        package var time: Timestamp
        package var nanoseconds: UInt64
    }

    private struct State {
        var recent: [Entry] = []
        var next = 0
        var latest: [Entry?] = Event.allCases.map { _ in nil }
        var longest: [UInt64] = Event.allCases.map { _ in 0 }
    }

    private static let capacity = 1024
    private let clock: any LedgerClock
    private let state = Lock(State())

    init(clock: any LedgerClock) { self.clock = clock }

    /// `began`: by ``MonotonicTime``. Any thread. Costs a comparison where it was short.
    func record(_ event: Event, since began: UInt64) {
        let nanoseconds = MonotonicTime.now &- began
        guard nanoseconds >= event.threshold else { return }
        let entry = Entry(event: event, time: clock.now(), nanoseconds: nanoseconds)
        state.withLock { state in
            if state.recent.count < Self.capacity {
                state.recent.append(entry)
            } else {
                state.recent[state.next] = entry
            }
            state.next = (state.next + 1) % Self.capacity
            state.latest[event.rawValue] = entry
            state.longest[event.rawValue] = max(state.longest[event.rawValue], nanoseconds)
        }
    }

    /// The last ones, `count` at most, newest first.
    package func recent(_ count: Int) -> [Entry] {
        state.withLock { state in
            let ordered = state.recent[min(state.next, state.recent.count)...] + state.recent[..<state.next]
            return Array(ordered.suffix(max(0, count)).reversed())
        }
    }

    /// The last one of each kind that there was, and how many nanoseconds its longest took.
    package var latest: [(entry: Entry, longest: UInt64)] {
        state.withLock { state in
            zip(state.latest, state.longest).compactMap { entry, longest in entry.map { ($0, longest) } }
        }
    }
}
