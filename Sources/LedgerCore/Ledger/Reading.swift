// Reads from the tables. Which family answers what stands here; how, in the family's folder.
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
            ("meters", store.meters.count), ("rules", store.rules.count), ("external_ids", store.external.count),
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

    /// No page of a table has more rows, whatever was asked for: nobody waits long for somebody else's page.
    package static let longestPage = 1000
    /// No search visits more rows for a page, which may then be short before the end.
    package static let longestSearch = 10_000

    /// Answers a query from the tables as they are. Cost: the page, or the tables of one user; `.sessions` of all users
    /// visits every open session.
    package func read(_ query: Query, at now: Timestamp) -> QueryResult {
        do throws(Rejection) {
            return try answer(query, at: max(now, lastTime))
        } catch {
            return .rejected(error)
        }
    }

    private func answer(_ query: Query, at now: Timestamp) throws(Rejection) -> QueryResult {
        switch query {
        case .user(let user): return .user(userRow(try find(user), at: now))
        case .balance(let user, let source): return .balance(balance(of: try find(user), for: source, at: now))
        case .users(let page): return users(page.cut, at: now)
        case .find(let search, let page): return find(search, page.cut, at: now)
        case .passport(let id):
            guard let ordinal = passport(id) else { throw .notFound(.passport) }
            return .passport(passportRow(ordinal, at: now))
        case .passports(let user, let page): return passports(of: try find(user), page.cut, at: now)
        case .lots(let user, let page): return lots(of: try find(user), page.cut)
        case .hold(let id):
            guard let slot = hold(id) else {
                throw id.shard == shard && id.lsn <= lastLSN ? .closed(.hold) : .notFound(.hold)
            }
            return .hold(holdRow(slot))
        case .holds(let user, let page): return holds(of: try find(user), page.cut)
        case .session(let name):
            switch try findSession(name) {
            case .open(let slot): return .session(sessionRow(slot, at: now))
            case .closed(let lsn): return .closedSession(lsn)
            }
        case .sessions(let user, let status, let page):
            let user = try user.map { (name) throws(Rejection) in try find(name) }
            return sessions(of: user, status, page.cut, at: now)
        case .resources(let user, let page): return resources(of: try find(user), page.cut, at: now)
        case .spaces(let page, let subject): return spaces(page.cut, for: try reader(subject))
        case .instances(let user, let workspace, let page):
            return instances(of: try find(user), in: workspace, page.cut)
        case .limits(nil): return .limits(limitRows())
        case .limits(.type(let type)): return .limits(limitRows().filter { $0.type == type })
        case .limits(.user(let user)): return .limits(limitRows(of: try find(user), at: now))
        case .allowances(let subject, let page): return try allowances(of: subject, page.cut)
        case .meters: return .meters(meterRows())
        case .rules: return .rules(store.rules.map { ruleRow($0) })
        case .ruleSource(let name, let version): return try ruleSource(name, version: version)
        case .priceBooks(let subject): return .priceBooks(priceBooks(for: try reader(subject)))
        case .books:
            return .books(
                store.books.places.map { BookRow(account: store.books.name($0), balance: store.books.balance(at: $0)) })
        case .quote(let user, let tier):
            let user = try find(user)
            return .quote(sessionQuery(user, tier, at: now, now: now), user: userRow(user, at: now))
        case .usageQuote(let user, let meter, let billionths):
            let user = try find(user)
            guard let number = self.meter(meter) else { throw .notFound(.meter) }
            guard let query = usageQuery(user, number, billionths, at: now) else {
                let row = store.meters[number]
                throw .invalid("meter \(row.name) counts \(row.unit) with at most \(row.scale) fraction digits")
            }
            return .quote(query, user: userRow(user, at: now))
        }
    }

    /// Who is to see what is not everybody's; nil: all of it is asked for.
    private func reader(_ subject: Subject?) throws(Rejection) -> UserOrdinal? {
        guard let subject else { return nil }
        guard let user = user(of: subject) else { throw .notFound(.user) }
        return user
    }

    /// A page of a list that is newest first; the cursor names the row to go on with, by a number that only falls.
    func walk<Row: Listed>(
        _ list: SlabList<Row>, _ page: Page, number: (Slot<Row>) -> UInt64,
        where isWanted: (Slot<Row>) -> Bool = { _ in true }
    ) -> (slots: [Slot<Row>], next: UInt64) {
        var slots: [Slot<Row>] = []
        for slot in list where (page.cursor == 0 || number(slot) <= page.cursor) && isWanted(slot) {
            if slots.count == page.count { return (slots, number(slot)) }
            slots.append(slot)
        }
        return (slots, 0)
    }
}

extension Page {
    /// As asked for, but not longer than a page may be.
    fileprivate var cut: Page { Page(count: min(count, StateMachine.longestPage), cursor: cursor) }
}
