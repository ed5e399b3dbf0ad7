package struct SessionRow: Sendable {
    package var id: SessionID
    package var session: ShortText
    package var user: UserOrdinal
    package var userID: ShortText
    package var type: UserType
    package var tier: Tier
    package var status: SessionStatus
    package var started: Timestamp
    /// nano-USD per hour now.
    package var rate: Int64
    package var held: Money
    package var leaseUntil: Timestamp
    package var emptyAt: Timestamp
    /// `.never` unless exhausting.
    package var deadline: Timestamp
    package var ttlEnd: Timestamp
    package var heartbeat: TimeSpan
    package var lastHeard: Timestamp
    /// Up to the instant of the read.
    package var elapsed: TimeSpan
    package var amount: Money
    package var labels = Labels.none
}

extension StateMachine {
    func sessionRow(_ slot: Slot<Session>, at now: Timestamp) -> SessionRow {
        let row = store.sessions[slot]
        let until = row.meteredUntil(now)
        let held = row.pins.total
        let emptyAt =
            row.status == .exhausting
            ? row.emptyAt : self.emptyAt(row.user, at: now)
        return SessionRow(
            id: row.id, session: row.external, user: row.user, userID: store.accounts[row.user].id,
            type: row.type, tier: row.tier, status: row.status, started: row.started,
            rate: row.lastPricing.tariff.rate(at: until - row.started),
            held: held, leaseUntil: row.leaseUntil, emptyAt: emptyAt, deadline: deadline(of: slot), ttlEnd: row.ttlEnd,
            heartbeat: row.heartbeat, lastHeard: row.lastHeard, elapsed: until - row.started,
            amount: row.posted + cost(of: slot, at: now), labels: row.labels)
    }

    /// Open sessions, newest first, of one user and in one status where given.
    func sessions(of user: UserOrdinal?, _ status: SessionStatus?, _ page: Page, at now: Timestamp) -> QueryResult {
        var ids: [UInt64] = []
        func add(_ slot: Slot<Session>) {
            if status == nil || store.sessions[slot].status == status { ids.append(store.sessions[slot].id.value) }
        }
        if let user {
            for slot in sessions(of: user) { add(slot) }
        } else {
            for slot in store.sessions.slots { add(slot) }
        }
        if page.cursor != 0 { ids.removeAll { $0 > page.cursor } }
        ids.sort(by: >)
        let next = ids.count > page.count ? ids[page.count] : 0
        return .sessions(
            ids.prefix(page.count).map { sessionRow(session(BirthID(value: $0))!, at: now) }, next: next)
    }
}
