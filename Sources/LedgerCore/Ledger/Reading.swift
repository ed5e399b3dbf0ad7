// What is asked of the ledger beside queries: by the engine, for INFO, and for people who start it.
extension StateMachine {
    package func lookUp(user: Hash128) -> UserOrdinal? { self.user(user) }
    package func lookUp(passport: PassportID) -> PassportOrdinal? { self.passport(passport) }
    package var userCount: Int { store.accounts.count }
    package var passportCount: Int { store.passports.count }
    package var limits: Limits { store.limits }

    /// Counters for INFO.
    package var counts: [(name: String, count: Int)] {
        [
            ("users", store.accounts.count), ("passports", store.passports.count), ("lots", store.lots.count),
            ("holds", store.holds.count), ("sessions", store.sessions.count), ("resources", store.resources.count),
            ("spaces", store.spaces.count), ("space_grants", store.spaceGrants.count),
            ("instances", store.instances.count),
            ("allowances", store.allowances.count), ("meters", store.meters.count), ("rules", store.rules.count),
            ("external_ids", store.external.count),
            ("idempotency_keys", store.history.count), ("refunded_charges", store.refunded.count),
            ("timers", store.timers.count),
        ]
    }

    /// What became due while nobody was there, for people who start a ledger. Leases and deadlines of sessions count as
    /// they stand: the start will extend them. Cost: a pass over lots, holds and sessions.
    package func overdue(at now: Timestamp) -> Overdue {
        var overdue = Overdue()
        for slot in store.lots.slots where !store.lots[slot].expired && store.lots[slot].expires <= now {
            overdue.lots += 1
            overdue.credit += Int128(store.lots[slot].remaining.nanos)
        }
        for slot in store.holds.slots where store.holds[slot].expires <= now { overdue.holds += 1 }
        for slot in store.sessions.slots where store.sessions[slot].ttlEnd <= now { overdue.sessions += 1 }
        return overdue
    }
}

/// What a ledger has to catch up with after it was away.
package struct Overdue: Hashable, Sendable {
    package var lots = 0
    /// Credit of those lots, in nano-USD: it expires now, but for what is still to be charged for the time they were
    /// good.
    package var credit = Int128(0)
    package var holds = 0
    /// Sessions whose time to live has ended.
    package var sessions = 0
    package init() {}
}
