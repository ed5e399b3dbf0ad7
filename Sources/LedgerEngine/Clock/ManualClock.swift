package import LedgerCore
internal import LedgerStorage

/// A clock that stands still until it is told to go on: for tests, for ledgers that are looked at, and for those that
/// clients drive (CLOCK SET).
package final class ManualClock: LedgerClock {
    private struct State {
        var now: Timestamp
        var uptime: Int64 = 0
        var status = ClockStatus()
        var wakes: [@Sendable () -> Void] = []
    }
    private let state: Lock<State>

    package init(_ now: Timestamp) { state = Lock(State(now: now)) }

    package func now() -> Timestamp { state.withLock { $0.now } }
    package func look() -> ClockLook { state.withLock { ClockLook(time: $0.now, uptime: $0.uptime) } }

    /// Moves time on, as if everybody had been awake, and wakes who waits for it.
    package func advance(by span: TimeSpan) { set(now() + span) }

    /// Time passes while nobody looks: a stopped process, a suspended machine. Wakes who waits.
    package func sleep(for span: TimeSpan) {
        let now = state.withLock { state in
            state.uptime += span.nanoseconds
            return state.now + span
        }
        set(now)
    }

    package func set(_ time: Timestamp) {
        let wakes = state.withLock { state in
            precondition(time >= state.now, "the clock was set back")
            state.now = time
            return state.wakes
        }
        for wake in wakes { wake() }
    }

    /// What `discipline` will say.
    package func set(_ status: ClockStatus) { state.withLock { $0.status = status } }

    package func start(after last: Timestamp?) {
        guard let last else { return }
        state.withLock { state in
            if state.now <= last { state.now = Timestamp(nanoseconds: last.nanoseconds + 1) }
        }
    }
    package func discipline() -> ClockStatus { state.withLock { $0.status } }
    package func accept() {
        state.withLock { state in
            state.now = state.now + max(.zero, state.status.deviation)
            state.status = ClockStatus()
        }
    }
    package func delay(until deadline: Timestamp) -> UInt64? { deadline <= now() ? 0 : nil }
    package func onJump(_ wake: @escaping @Sendable () -> Void) { state.withLock { $0.wakes.append(wake) } }
}
