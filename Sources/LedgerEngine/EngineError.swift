package import LedgerStorage

/// Why a ledger did not open, or had to stop. Final for this engine; `description` is for people and says what to do.
package struct EngineError: Error, Sendable, CustomStringConvertible {
    package enum Reason: Sendable, Equatable {
        /// The data directory or a file in it: see `fault`.
        case storage
        /// The first start could not load its rules.
        case rules
        /// `FLORIN_ADMIN_PASSPORT` is not a well-formed passport, or a new one could not be kept for its owner.
        case adminPassport
        /// The state machine refused what it must accept (a mistake of ours).
        case state
        /// A ledger that clients drive was to go by the machine's clock, or the other way round.
        case clock
        /// The engine was stopped.
        case stopped
        /// A checkpoint did not come about; the ledger itself is unharmed.
        case checkpoint
    }
    package var reason: Reason
    package var detail: String
    /// The fault below, where there is one.
    package var fault: StorageError?

    package init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    package init(_ fault: StorageError) {
        reason = .storage
        detail = fault.description
        self.fault = fault
    }

    package var description: String { detail }
}
