package import LedgerCore

/// Where recorded time comes from. One clock belongs to one engine.
package protocol LedgerClock: AnyObject, Sendable {
    /// The time now; never goes back. Any thread, no lock.
    func now() -> Timestamp
    /// The time now, and how much time has really passed, by which a pause is noticed. Any thread, no lock.
    func look() -> ClockLook
    /// The last known time of the ledger, told once before the first `now`: decides whether the wall can be believed.
    func start(after last: Timestamp?)
    /// Compares with the wall; called about once a second and at CLOCK ACCEPT.
    func discipline() -> ClockStatus
    /// CLOCK ACCEPT: believes the wall from here on, as far as time can still only grow: it steps to a wall that is
    /// ahead, and waits for one that is behind.
    func accept()
    /// How long a thread may sleep before `deadline` has come, in nanoseconds; nil: until `onJump` calls.
    func delay(until deadline: Timestamp) -> UInt64?
    /// Registers who is to be woken when time moves by other means than passing.
    func onJump(_ wake: @escaping @Sendable () -> Void)
}

/// One look at the clock.
package struct ClockLook: Sendable, Equatable {
    package var time: Timestamp
    /// Nanoseconds since some instant, those included in which the process was stopped or the machine suspended. No
    /// setting of a clock moves it.
    package var uptime: Int64

    package init(time: Timestamp, uptime: Int64) {
        self.time = time
        self.uptime = uptime
    }
}

/// How the ledger's clock stands to the wall.
package struct ClockStatus: Sendable, Equatable {
    /// wall − ledger.
    package var deviation = TimeSpan.zero
    /// Why nothing may be recorded until CLOCK ACCEPT; nil when the clock is good.
    package var refusal: String?
    /// A deviation worth showing, over a minute.
    package var warning: String?
    package init() {}
}
