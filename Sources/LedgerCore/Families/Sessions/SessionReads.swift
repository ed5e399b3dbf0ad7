extension StateMachine {
    func sessionRow(_ slot: Slot<Session>, at now: Timestamp) -> SessionRow {
        let row = store.sessions[slot]
        let until = meteredUntil(slot, at: now)
        let held = row.pins.total
        let emptyAt =
            row.status == .exhausting
            ? row.emptyAt : self.emptyAt(row.user, at: now)
        return SessionRow(
            id: row.id, session: row.external, user: row.user, userID: store.accounts[row.user].id,
            type: row.type, tier: row.tier, status: row.status, started: row.started,
            rate: row.lastPricing.tariff.rate(at: until - row.started),
            held: held, leaseUntil: row.leaseUntil, emptyAt: emptyAt, deadline: row.deadline, ttlEnd: row.ttlEnd,
            heartbeat: row.heartbeat, lastHeard: row.lastHeard, elapsed: until - row.started,
            amount: row.posted + cost(of: slot, at: now))
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

    /// SPEC 5, by user type: the most that sessions of one user can use with nothing left. Those that run do so at
    /// their own price or the one they will have, through the grace they have or will get; the rest that the limits
    /// allow, at the highest rate. Nil without an active rule. Cost: the open sessions.
    func overdrafts() -> [Money]? {
        guard let index = activeVersion(.sessionRuntime) else { return nil }
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
        for head in store.sessions.slots where store.sessions[head].links.previous.isNone {  // once for each user
            let user = store.sessions[head].user
            let type = store.accounts[user].type
            var sum = possible(type, running: Int(store.accounts[user].sessionCount))
            for slot in sessions(of: user) {
                let own = Int(store.sessions[slot].type.rawValue)
                let rate = max(
                    store.sessions[slot].lastPricing.tariff.highestRate,
                    rates[own][Int(store.sessions[slot].tier.rawValue)])
                let grace =
                    store.sessions[slot].status == .exhausting
                    ? (store.sessions[slot].deadline - store.sessions[slot].emptyAt).nanoseconds : graces[own]
                sum += Int128(rate) * Int128(max(grace, 0))
            }
            most[Int(type.rawValue)] = max(most[Int(type.rawValue)], sum)
        }
        return most.map { Rational.up($0, over: Tariff.hour) ?? .max }
    }
}
