/// Reads from the tables, and the views that the engine publishes.
extension StateMachine {
    package func lookUp(user: Hash128) -> UserOrdinal? { store.userIndex[user].map { UserOrdinal(UInt32($0)) } }
    package func lookUp(passport: PassportID) -> PassportOrdinal? {
        store.passportIndex[passport.value].map { PassportOrdinal(UInt32($0)) }
    }
    package var userCount: Int { store.accounts.count }
    package var passportCount: Int { store.passports.count }
    package var limits: Limits { store.limits }

    package func ruleSource(_ identity: RuleIdentity) -> (name: RuleName, source: [UInt8])? {
        store.rules.first { $0.identity == identity }.map { ($0.name, $0.source) }
    }
    package func activeRule(_ name: RuleName) -> RuleIdentity? {
        store.activeVersion(name).map { store.rules[$0].identity }
    }
    package func ruleIdentity(_ name: RuleName, version: UInt32) -> RuleIdentity? {
        store.rules.first { $0.name == name && $0.version == version }?.identity
    }
    package func previousRule(_ name: RuleName) -> RuleIdentity? {
        guard let versions = store.active.first(where: { $0.name == name })?.versions, versions.count >= 2 else {
            return nil
        }
        return ruleIdentity(name, version: versions[versions.count - 2])
    }

    /// Counters for INFO.
    package var counts: [(name: String, count: Int)] {
        [
            ("users", store.accounts.count), ("passports", store.passports.count), ("lots", store.lots.count),
            ("holds", store.holds.count), ("sessions", store.sessions.count), ("resources", store.resources.count),
            ("spaces", store.spaces.count), ("rules", store.rules.count), ("external_ids", store.external.count),
            ("idempotency_keys", store.history.count), ("refunded_charges", store.refunded.count),
            ("timers", store.timers.count),
        ]
    }

    /// What became due while nobody was there, for people who start a ledger. Leases and deadlines of sessions count as
    /// they stand: the start will extend them. Cost: a pass over lots, holds and sessions.
    package func overdue(at now: Timestamp) -> Overdue {
        var overdue = Overdue()
        store.lots.visit { slot in
            guard !store.lots[slot].expired, store.lots[slot].expires <= now else { return }
            overdue.lots += 1
            overdue.credit += Int128(store.lots[slot].remaining.nanos)
        }
        store.holds.visit { slot in if store.holds[slot].expires <= now { overdue.holds += 1 } }
        store.sessions.visit { slot in if store.sessions[slot].ttlEnd <= now { overdue.sessions += 1 } }
        return overdue
    }

    // MARK: Views

    /// What readers see of a user. Cost: the user's open sessions and resources.
    package func accountView(_ user: UserOrdinal, at now: Timestamp) -> AccountView {
        let slot = Int32(user.value)
        let row = store.accounts[slot]
        var validUntil = row.nextExpiry
        if row.pending > .zero {
            var lot = row.firstLot
            while lot >= 0 {
                if store.lots[lot].waiting { validUntil = min(validUntil, store.lots[lot].effective) }
                lot = store.lots[lot].links.next
            }
        }
        let isCovered = now < row.coveredUntil
        if isCovered { validUntil = min(validUntil, row.coveredUntil) }
        var sessions = Int128(0)
        var session = row.firstSession
        while session >= 0 {
            validUntil = min(validUntil, nextDue(session: session).due)
            sessions += Int128(store.sessions[session].lastPricing.tariff.highestRate)
            session = store.sessions[session].links.next
        }
        var storage = Int128(0)
        var resource = row.firstResource
        while resource >= 0 {
            let r = store.resources[resource]
            validUntil = min(validUntil, min(r.nextDaily, r.month.end))
            let monthly = Int128(r.pricing.tariff.highestRate) * Int128(r.megabytes) * Tariff.hour
            let denominator = StateMachine.denominator(r.month)
            storage += (monthly + denominator - 1) / denominator
            resource = store.resources[resource].links.next
        }
        var hold = row.firstHold
        while hold >= 0 {
            validUntil = min(validUntil, store.holds[hold].expires)
            hold = store.holds[hold].links.next
        }
        return AccountView(
            user: user, type: row.type, state: row.state, paid: row.paid, promo: row.promo, held: row.held,
            debt: row.debt, available: available(user, at: now), asOf: now,
            slope: Int64(clamping: isCovered ? storage : storage + sessions), validUntil: validUntil,
            lasting: lasting(user, at: now), lastingSlope: Int64(clamping: storage + sessions))
    }

    /// What of `available` no expiry takes away. Cost: nothing where no lot has one, else the user's lots.
    private func lasting(_ user: UserOrdinal, at now: Timestamp) -> Money {
        let row = store.accounts[Int32(user.value)]
        guard row.nextExpiry != .never else { return available(user, at: now) }
        var sum = Money.zero
        var lot = row.firstLot
        while lot >= 0 {
            if store.lots[lot].expires == .never, !store.lots[lot].waiting { sum += store.lots[lot].free }
            lot = store.lots[lot].links.next
        }
        return sum - unposted(user, at: now)
    }

    package func passportView(_ passport: PassportOrdinal) -> PassportRow {
        let row = store.passports[Int32(passport.value)]
        return PassportRow(
            ordinal: passport, id: row.id, user: row.user, userID: store.accounts[Int32(row.user.value)].id,
            digest: row.digest, lastFour: row.lastFour, name: row.name, permissions: row.permissions, scope: row.scope,
            created: row.created, expires: row.expires, revoked: row.revoked, rate: row.rate)
    }

    package func userRow(_ user: UserOrdinal, at now: Timestamp) -> UserRow {
        let row = store.accounts[Int32(user.value)]
        return UserRow(
            ordinal: user, id: row.id, email: row.email, name: row.name, type: row.type, state: row.state,
            created: row.created,
            account: image(user, at: now), sessions: Int(row.sessionCount), lastEvent: row.lastEvent)
    }

    /// The head of a user's thread through the journal.
    package func lastEvent(of user: UserOrdinal) -> LSN { store.accounts[Int32(user.value)].lastEvent }

    // MARK: Queries

    /// No page of a table has more rows, whatever was asked for: nobody waits long for somebody else's page.
    package static let longestPage = 1000

    /// Answers a query from the tables as they are. Cost: the page, or the tables of one user; `.sessions` of all users
    /// visits every open session.
    package func read(_ query: Query, at now: Timestamp) -> QueryResult {
        do throws(Rejection) {
            return try answer(query.within(StateMachine.longestPage), at: max(now, lastTime))
        } catch {
            return .rejected(error)
        }
    }

    private func answer(_ query: Query, at now: Timestamp) throws(Rejection) -> QueryResult {
        switch query {
        case .user(let user): return .user(userRow(try find(user), at: now))
        case .users(let page):
            var rows: [UserRow] = []
            var ordinal =
                page.cursor == 0 ? store.accounts.count : min(Int(clamping: page.cursor) - 1, store.accounts.count)
            while ordinal > 0, rows.count < page.count {
                ordinal -= 1
                rows.append(userRow(UserOrdinal(UInt32(ordinal)), at: now))
            }
            return .users(rows, next: ordinal > 0 ? UInt64(ordinal) + 1 : 0)
        case .passport(let id):
            guard let ordinal = lookUp(passport: id) else { throw .notFound(.passport) }
            return .passport(passportView(ordinal))
        case .passports(let user, let page):
            let first = store.accounts[Int32(try find(user).value)].firstPassport
            let (slots, next) = walk(from: first, page, in: store.passports) { UInt64($0) + 1 }
            return .passports(slots.map { passportView(PassportOrdinal(UInt32($0))) }, next: next)
        case .lots(let user, let page):
            var rows: [LotRow] = []
            var slot = store.accounts[Int32(try find(user).value)].firstLot
            var order = 0
            while slot >= 0 {
                order += 1
                let lot = store.lots[slot]
                if page.cursor == 0 || lot.id.value <= page.cursor {
                    rows.append(LotRow(origin: lot.origin, remaining: lot.remaining, pinned: lot.pinned, order: order))
                }
                slot = lot.links.next
            }
            rows.sort { $0.origin.id.value > $1.origin.id.value }
            let next = rows.count > page.count ? rows[page.count].origin.id.value : 0
            return .lots(Array(rows.prefix(page.count)), next: next)
        case .hold(let id):
            guard let slot = store.holdIndex[id.value] else {
                throw id.shard == shard && id.lsn <= lastLSN ? .closed(.hold) : .notFound(.hold)
            }
            return .hold(holdRow(Int32(slot)))
        case .holds(let user, let page):
            let first = store.accounts[Int32(try find(user).value)].firstHold
            let (slots, next) = walk(from: first, page, in: store.holds) { store.holds[$0].id.value }
            return .holds(slots.map { holdRow($0) }, next: next)
        case .session(let hash):
            guard let lsn = store.external[hash] else { throw .notFound(.session) }
            guard let slot = store.sessionIndex[BirthID(shard: shard, lsn: LSN(lsn)).value] else {
                return .closedSession(LSN(lsn))
            }
            return .session(sessionRow(Int32(slot), at: now))
        case .sessions(let user, let status, let page): return try sessions(user, status, page, at: now)
        case .resources(let user, let page):
            let first = store.accounts[Int32(try find(user).value)].firstResource
            let (slots, next) = walk(from: first, page, in: store.resources) { store.resources[$0].id.value }
            return .resources(slots.map { resourceRow($0, at: now) }, next: next)
        case .spaces(let page, let publicOnly):
            // The catalogue only grows: the cursor is a space's number in it, from 1.
            var number = page.cursor == 0 ? store.spaces.count : min(Int(clamping: page.cursor), store.spaces.count)
            var rows: [SpaceRow] = []
            while number > 0 {
                let space = store.spaces[number - 1]
                if space.space.isPublic || !publicOnly {
                    // Where the next page begins, if there is one.
                    guard rows.count < page.count else { break }
                    let creator = space.creator == .none ? ShortText() : passportView(space.creator).userID
                    rows.append(SpaceRow(space: space.space, creator: creator, created: space.created))
                }
                number -= 1
            }
            return .spaces(rows, next: UInt64(number))
        case .limits: return .limits(limitRows())
        case .rules: return .rules(store.rules.map { ruleRow($0) })
        case .ruleSource(let name, let version):
            let index =
                version.map { v in store.rules.firstIndex { $0.name == name && $0.version == v } }
                ?? store.activeVersion(name)
            guard let index else { throw .notFound(.rule) }
            return .ruleSource(ruleRow(store.rules[index]), source: store.rules[index].source)
        case .priceBooks:
            return .priceBooks(
                store.active.compactMap { active in
                    store.activeVersion(active.name).map {
                        PriceBookRow(rule: ruleRow(store.rules[$0]), book: store.rules[$0].book)
                    }
                })
        case .books:
            return .books(
                store.books.accounts.indices.map {
                    BookRow(account: store.books.name($0), balance: store.books.accounts[$0].balance)
                })
        case .quote(let user, let tier):
            let user = try find(user)
            return .quote(sessionQuery(user, tier, at: now, now: now), user: userRow(user, at: now))
        }
    }

    /// A page of a linked list that is newest first; the cursor names the row to go on with, by a number that only
    /// falls.
    private func walk<Row: Listed>(
        from first: Int32, _ page: Page, in slab: borrowing Slab<Row>, number: (Int32) -> UInt64
    ) -> (slots: [Int32], next: UInt64) {
        var slots: [Int32] = []
        var slot = first
        while slot >= 0 {
            if page.cursor == 0 || number(slot) <= page.cursor {
                if slots.count == page.count { return (slots, number(slot)) }
                slots.append(slot)
            }
            slot = slab[slot].links.next
        }
        return (slots, 0)
    }

    private func sessions(_ user: Hash128?, _ status: SessionStatus?, _ page: Page, at now: Timestamp) throws(Rejection)
        -> QueryResult
    {
        var ids: [UInt64] = []
        if let user {
            var slot = store.accounts[Int32(try find(user).value)].firstSession
            while slot >= 0 {
                if status == nil || store.sessions[slot].status == status { ids.append(store.sessions[slot].id.value) }
                slot = store.sessions[slot].links.next
            }
        } else {
            store.sessions.visit { slot in
                if status == nil || store.sessions[slot].status == status { ids.append(store.sessions[slot].id.value) }
            }
        }
        if page.cursor != 0 { ids.removeAll { $0 > page.cursor } }
        ids.sort(by: >)
        let next = ids.count > page.count ? ids[page.count] : 0
        return .sessions(
            ids.prefix(page.count).map { sessionRow(Int32(store.sessionIndex[$0]!), at: now) }, next: next)
    }

    private func holdRow(_ slot: Int32) -> HoldRow {
        let row = store.holds[slot]
        return HoldRow(
            id: row.id, userID: store.accounts[Int32(row.user.value)].id, amount: row.pins.total, source: row.source,
            placed: row.placed, expires: row.expires)
    }

    private func sessionRow(_ slot: Int32, at now: Timestamp) -> SessionRow {
        let row = store.sessions[slot]
        let until = meteredUntil(slot, at: now)
        let held = row.pins.total
        let emptyAt =
            row.status == .exhausting
            ? row.emptyAt : lasts(slot, held: held + max(available(row.user, at: now), .zero))
        return SessionRow(
            id: row.id, session: row.external, user: row.user, userID: store.accounts[Int32(row.user.value)].id,
            type: row.type, tier: row.tier, status: row.status, started: row.started,
            rate: row.lastPricing.tariff.rate(at: until - row.started),
            held: held, leaseUntil: row.leaseUntil, emptyAt: emptyAt, deadline: row.deadline, ttlEnd: row.ttlEnd,
            heartbeat: row.heartbeat, lastHeard: row.lastHeard, elapsed: until - row.started,
            amount: row.posted + cost(of: slot, at: now))
    }

    private func resourceRow(_ slot: Int32, at now: Timestamp) -> ResourceRow {
        let row = store.resources[slot]
        return ResourceRow(
            id: row.id, resource: row.external, kind: row.kind, megabytes: row.megabytes, created: row.created,
            rate: row.pricing.tariff.rate(at: max(now, row.pricedFrom) - row.pricedFrom),
            accrued: accrued(slot, at: now), posted: row.total)
    }

    private func ruleRow(_ rule: Rule) -> RuleRow {
        let active = store.active.first { $0.name == rule.name }
        let isActive = active?.versions.last == rule.version
        let scheduled = store.scheduled.first { $0.name == rule.name && $0.identity == rule.identity }
        return RuleRow(
            name: rule.name, version: rule.version, identity: rule.identity, loaded: rule.loaded, active: isActive,
            activation: isActive ? active!.since : scheduled?.at ?? .never)
    }

    private func limitRows() -> [LimitRow] {
        let overdrafts = overdrafts()
        return UserType.allCases.flatMap { type in
            LimitName.allCases.map { limit in
                LimitRow(
                    type: type, limit: limit, value: store.limits[type, limit],
                    overdraft: limit == .exhaustionGrace ? overdrafts?[Int(type.rawValue)] : nil)
            }
        }
    }

    /// SPEC 5, by user type: the most that sessions of one user can use with nothing left. Those that run do so at
    /// their own price or the one they will have, through the grace they have or will get; the rest that the limits
    /// allow, at the highest rate. Nil without an active rule. Cost: the open sessions.
    private func overdrafts() -> [Money]? {
        guard let index = store.activeVersion(.sessionRuntime) else { return nil }
        let types = UserType.allCases.count
        var rates = [[Int64]](repeating: [Int64](repeating: 0, count: Tier.allCases.count), count: types)
        for row in store.rules[index].book.rows {
            guard case .sessionRuntime(let type, let tier, _) = row.query, case .tariff(let tariff) = row.answer else {
                continue
            }
            let known = rates[Int(type.rawValue)][Int(tier.rawValue)]
            rates[Int(type.rawValue)][Int(tier.rawValue)] = max(known, tariff.highestRate)
        }
        let graces = UserType.allCases.map { grace($0).nanoseconds }
        // Of each further session, in nano-USD times nanoseconds.
        let further = UserType.allCases.map { type in
            let allowed = Tier.allCases.filter { store.limits.allows($0, for: type) }
            let highest = allowed.map { rates[Int(type.rawValue)][Int($0.rawValue)] }.max() ?? 0
            return Int128(highest) * Int128(graces[Int(type.rawValue)])
        }
        func possible(_ type: UserType, running: Int) -> Int128 {
            Int128(max(min(store.limits[type, .sessions], 1 << 32) - Int64(running), 0)) * further[Int(type.rawValue)]
        }
        var most = UserType.allCases.map { possible($0, running: 0) }
        store.sessions.visit { head in
            guard store.sessions[head].links.previous < 0 else { return }  // once for each user
            let type = store.accounts[Int32(store.sessions[head].user.value)].type
            var sum = possible(type, running: Int(store.accounts[Int32(store.sessions[head].user.value)].sessionCount))
            var slot = head
            while slot >= 0 {
                let own = Int(store.sessions[slot].type.rawValue)
                let rate = max(
                    store.sessions[slot].lastPricing.tariff.highestRate,
                    rates[own][Int(store.sessions[slot].tier.rawValue)])
                let grace =
                    store.sessions[slot].status == .exhausting
                    ? (store.sessions[slot].deadline - store.sessions[slot].emptyAt).nanoseconds : graces[own]
                sum += Int128(rate) * Int128(max(grace, 0))
                slot = store.sessions[slot].links.next
            }
            most[Int(type.rawValue)] = max(most[Int(type.rawValue)], sum)
        }
        return most.map { Rational.up($0, over: Tariff.hour) ?? .max }
    }

    /// How long a session of this type outlives its credit.
    func grace(_ type: UserType) -> TimeSpan {
        TimeSpan(nanoseconds: min(store.limits[type, .exhaustionGrace], TimeSpan.days(365).nanoseconds))
    }
}

extension Query {
    /// With a page of at most `rows`.
    fileprivate func within(_ rows: Int) -> Query {
        func cut(_ page: Page) -> Page { Page(count: min(page.count, rows), cursor: page.cursor) }
        return switch self {
        case .users(let page): .users(cut(page))
        case .passports(let user, let page): .passports(user: user, cut(page))
        case .lots(let user, let page): .lots(user: user, cut(page))
        case .holds(let user, let page): .holds(user: user, cut(page))
        case .sessions(let user, let status, let page): .sessions(user: user, status: status, cut(page))
        case .resources(let user, let page): .resources(user: user, cut(page))
        case .spaces(let page, let publicOnly): .spaces(cut(page), publicOnly: publicOnly)
        default: self
        }
    }
}
