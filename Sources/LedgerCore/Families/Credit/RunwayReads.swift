/// How long a user's credit lasts if nothing changes.
package struct RunwayRow: Sendable {
    package var userID: ShortText
    /// The instant of the read.
    package var time: Timestamp
    /// Open sessions, and what they all use now, in nano-USD an hour.
    package var sessions: Int
    package var sessionRate: Int64
    /// What is stored and accrues, and what that uses now, in nano-USD an hour of this month, rounded up.
    package var megabytes: Int64 = 0
    package var storageRate: Int64
    package var available: Money
    /// What else there is that pays for certain sources only.
    package var scoped = Money.zero
    package var debt: Money
    /// When the first lots expire that have something left which nothing is held of, and how much that is; `.never`
    /// where none does.
    package var firstExpiry = Timestamp.never
    package var expiring = Money.zero
    /// The first instant at which something that runs or is stored finds nothing to pay for it; `.never` where that is
    /// not within the time that a ledger records.
    package var emptyAt = Timestamp.never

    package init(
        userID: ShortText, time: Timestamp, sessions: Int, sessionRate: Int64, storageRate: Int64, available: Money,
        debt: Money
    ) {
        self.userID = userID
        self.time = time
        self.sessions = sessions
        self.sessionRate = sessionRate
        self.storageRate = storageRate
        self.available = available
        self.debt = debt
    }
}
