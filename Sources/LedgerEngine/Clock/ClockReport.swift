package import LedgerCore

/// CLOCK: how the ledger's clock stands to the wall, and what CLOCK ACCEPT would bring about now.
package struct ClockReport: Sendable {
    package enum Mode: String, Sendable {
        case ok
        /// Off by more than a minute: shown, and drawn level slowly.
        case deviating
        /// Nothing is recorded until CLOCK ACCEPT, or until the wall is right again.
        case readOnly = "read-only"
        /// It stands until CLOCK SET moves it on.
        case driven
    }

    /// The ledger's time.
    package var now: Timestamp
    package var status: ClockStatus
    /// What is over as soon as the ledger's time is ``accepted``, much of which may be over already and only waits.
    package var overdue: Overdue

    package var isDriven = false

    package var mode: Mode {
        isDriven ? .driven : status.refusal != nil ? .readOnly : status.warning != nil ? .deviating : .ok
    }
    package var wall: Timestamp { now + status.deviation }
    /// How far CLOCK ACCEPT steps the ledger's time: to a wall that is ahead, and nowhere where it is behind.
    package var step: TimeSpan { max(.zero, status.deviation) }
    /// The ledger's time behind the step.
    package var accepted: Timestamp { now + step }

    package init(now: Timestamp, status: ClockStatus, overdue: Overdue = Overdue()) {
        self.now = now
        self.status = status
        self.overdue = overdue
    }
}
