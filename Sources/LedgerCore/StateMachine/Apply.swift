/// `apply`: the only code that changes state. It runs when an event is decided and again, the same, whenever a journal
/// is replayed. It trusts the event, which was decided here or has passed `replay`.
extension StateMachine {
    mutating func apply(_ event: Event) {
        switch event.body {
        case .ledgerCreated(let e):
            ledger = e.ledger
            shard = e.shard
            seed = e.hashSeed
            names = Names(seed: e.hashSeed)
        case .engineStarted(let e): applyEngineStarted(e)
        case .clockAccepted, .answered: break
        case .refused: if event.key == nil { store.refusals.count(at: event.time) }
        case .ruleLoaded(let e):
            var rule = Rule()
            (rule.name, rule.version, rule.identity, rule.source, rule.loaded) = (
                e.name, e.version, e.identity, e.source, event.time
            )
            store.rules.append(rule)
        case .ruleScheduled(let e):
            // One activation of a version waits at a time: a later word replaces an earlier one.
            store.scheduled.removeAll { $0.name == e.name && $0.identity == e.identity }
            store.scheduled.append(
                ScheduledRule(lsn: event.lsn, name: e.name, identity: e.identity, at: e.at, book: e.book))
            store.timers.push(TimerEntry(due: e.at, kind: .activation, born: event.lsn.value))
        case .ruleActivated(let e): applyRuleActivated(e, event)
        case .limitsSet(let e): store.limits[e.type, e.limit] = e.value
        case .userCreated(let e): applyUserCreated(e, event)
        case .userChanged(let e):
            let slot = Int32(event.user.value)
            switch e.field {
            case .name: store.accounts[slot].name = e.name
            case .type: store.accounts[slot].type = e.type
            case .state: store.accounts[slot].state = e.state
            }
        case .passportCreated(let e): applyPassportCreated(e, event)
        case .passportRevoked(let id): store.passports[Int32(store.passportIndex[id.value]!)].revoked = true

        case .creditPurchased(let e):
            let method = store.books.open(.cash, e.method)
            store.books.post(at: method, -e.amount)
            repay(event.user, e.repaid)
            credit(
                event.user, origin(of: event, .paid, fundedBy: e.method), e.amount - e.repaid, at: event.time)
            if !e.reference.isEmpty {
                store.external.set(names.hash(.reference, [e.method, e.reference]), event.lsn.value)
            }
        case .creditGranted(let e):
            store.books.post(StateMachine.costAccount(e.lot.kind), -e.amount)
            credit(event.user, e.lot, e.amount, at: event.time)
        case .creditCharged(let e):
            pay(event.user, e.payment)
            store.books.post(at: store.books.open(.revenue, e.source), e.amount)
        case .creditAdjusted(let e):
            store.books.post(.adjustments, -e.amount)
            if e.amount.isNegative {
                pay(event.user, e.payment)
            } else {
                repay(event.user, e.repaid)
                credit(
                    event.user, origin(of: event, .adjustment, fundedBy: "adjustments"), e.amount - e.repaid,
                    at: event.time)
            }
            if !e.reference.isEmpty { store.external.set(names.hash(.adjustment, e.reference), event.lsn.value) }
        case .creditRefunded(let e): applyRefunded(e, event)
        case .lotExpired(let e): expire(lot: slot(of: e.lot), e.amount)
        case .lotEffective(let lot):
            let slot = slot(of: lot)
            store.lots[slot].waiting = false
            store.accounts[Int32(event.user.value)].pending -= store.lots[slot].free

        case .holdPlaced(let e):
            var hold = Hold()
            (hold.id, hold.user, hold.pins, hold.source) = (event.id(shard: shard), event.user, e.pins, e.source)
            (hold.placed, hold.expires) = (event.time, e.expires)
            pin(event.user, e.pins)
            insert(hold)
            _ = store.books.open(.revenue, e.source)  // there is room for it now; the capture must not find it gone
        case .holdCaptured(let e):
            let slot = Int32(store.holdIndex[e.hold.value]!)
            pay(event.user, e.payment)
            store.books.post(at: store.books.open(.revenue, e.source), e.amount)
            _ = store.holds[slot].pins.take(e.payment.held.total)
            if e.final { endHold(slot) }
        case .holdReleased(let e): endHold(Int32(store.holdIndex[e.hold.value]!))

        case .sessionStarted(let e): applySessionStarted(e, event)
        case .sessionHeard(let e): applySessionHeard(e, event)
        case .leaseRenewed(let e):
            let slot = Int32(store.sessionIndex[e.session.value]!)
            extend(slot, e.pins)
            if store.sessions[slot].status == .exhausting {
                store.accounts[Int32(event.user.value)].exhaustingCount -= 1
            }
            store.sessions[slot].status = .active
            store.sessions[slot].leaseUntil = e.leaseUntil
            store.sessions[slot].emptyAt = .never
            store.sessions[slot].deadline = .never
            refreshCover(session: slot)
            schedule(session: slot)
        case .sessionExhausting(let e):
            let slot = Int32(store.sessionIndex[e.session.value]!)
            extend(slot, e.pins)
            if store.sessions[slot].status == .active { store.accounts[Int32(event.user.value)].exhaustingCount += 1 }
            store.sessions[slot].status = .exhausting
            store.sessions[slot].emptyAt = e.emptyAt
            store.sessions[slot].deadline = e.deadline
            refreshCover(session: slot)
            schedule(session: slot)
        case .sessionPosted(let e): applySessionPosted(e, event)
        case .sessionRepriced(let e):
            let slot = Int32(store.sessionIndex[e.session.value]!)
            if e.pricing != store.sessions[slot].lastPricing {
                store.sessions[slot].repricings.append(Repricing(at: e.at, pricing: e.pricing))
                refreshCover(session: slot)
            }
            store.sessions[slot].lockEnd = e.at + .hours(24)
            schedule(session: slot)
        case .sessionClosed(let e): applySessionClosed(e, event)
        case .sessionRecorded(let e):
            pay(event.user, e.payment)
            store.books.post(.sessionRuntime, e.usage.amount)
            store.external.set(names.session(e.session), event.lsn.value)
            countSessionTime(event.user, e.usage)

        case .storageCreated(let e): applyStorageCreated(e, event)
        case .storagePosted(let e):
            applyPosted(e, event)
            schedule(resource: Int32(store.resourceIndex[names.resource(e.external)]!))
        case .storageResized(let e):
            applyPosted(e.posted, event)
            let slot = Int32(store.resourceIndex[names.resource(e.posted.external)]!)
            store.accounts[Int32(event.user.value)].storedMegabytes += e.megabytes - store.resources[slot].megabytes
            store.resources[slot].megabytes = e.megabytes
            store.resources[slot].pricing = e.pricing
            store.resources[slot].pricedFrom = e.posted.usage.through
            schedule(resource: slot)
        case .storageDeleted(let e):
            applyPosted(e.posted, event)
            let name = names.resource(e.posted.external)
            let slot = Int32(store.resourceIndex[name]!)
            store.accounts[Int32(event.user.value)].storedMegabytes -= store.resources[slot].megabytes
            store.accounts[Int32(event.user.value)].resourceCount -= 1
            store.resourceIndex.remove(name)
            store.resourceByID.remove(e.posted.resource.value)
            store.resources.unlink(slot, head: &store.accounts[Int32(event.user.value)].firstResource)
            store.resources.remove(slot)

        case .spaceAdded(let e):
            let space = Space(space: e.space, creator: event.actor, created: event.time, lsn: event.lsn)
            if let index = store.spaces.firstIndex(where: { $0.space.id == e.space.id }) {
                store.spaces[index] = space
            } else {
                store.spaces.append(space)
            }
        case .spacePurchased(let e):
            pay(event.user, e.payment)
            store.books.post(.spacePurchase, e.amount)
            store.external.set(instanceName(event.user, e.workspace, e.instance), event.lsn.value)
        }

        if event.user != .none { store.accounts[Int32(event.user.value)].lastEvent = event.lsn }
        if let key = event.key {
            store.history.remember(CommandHistory.Entry(key: key, lsn: event.lsn, time: event.time))
        }
        store.history.forget(at: event.time)
        sweepTimers()
        lastLSN = event.lsn
        lastTime = event.time
    }

    // MARK: Pieces

    func origin(of event: Event, _ kind: LotKind, fundedBy: ShortText) -> LotOrigin {
        LotOrigin(
            id: event.id(shard: shard), kind: kind, priority: kind.defaultPriority, effective: event.time,
            expires: .never,
            fundedBy: fundedBy)
    }

    static func costAccount(_ kind: LotKind) -> Books.Fixed {
        switch kind {
        case .promo: .promoCost
        case .bonus: .bonusCost
        case .compensation: .compensationCost
        case .opening: .opening
        case .paid, .adjustment: .adjustments
        }
    }

    func instanceName(_ user: UserOrdinal, _ workspace: ShortText, _ instance: ShortText) -> Hash128 {
        names.hash(.instance, [store.accounts[Int32(user.value)].id, workspace, instance])
    }

    private mutating func repay(_ user: UserOrdinal, _ amount: Money) { owe(user, -amount) }

    private mutating func applyEngineStarted(_ e: EngineStarted) {
        store.history.retention = e.keyRetention
        store.history.capacity = e.keyCapacity
        guard e.downtime > .zero else { return }
        // Nobody could hear a host or renew a lease while the ledger was down: what runs is given that time back.
        var open: [Int32] = []
        store.sessions.visit { open.append($0) }
        for slot in open {
            store.sessions[slot].leaseUntil = min(
                store.sessions[slot].leaseUntil + e.downtime, store.sessions[slot].ttlEnd)
            store.sessions[slot].lostAt = store.sessions[slot].lostAt + e.downtime
            // A deadline stays: it was told, and bounds what a session may overdraw.
            schedule(session: slot)
        }
    }

    private mutating func applyRuleActivated(_ e: RuleActivated, _ event: Event) {
        let index = store.rules.firstIndex { $0.name == e.name && $0.version == e.version }!
        if !e.book.rows.isEmpty { store.rules[index].book = e.book }
        var settled = e.identity
        if let place = store.active.firstIndex(where: { $0.name == e.name }) {
            if e.rollback {
                // What was rolled back does not come again by an activation that was asked for before.
                let left = store.active[place].versions.removeLast()
                settled = store.rules.first { $0.name == e.name && $0.version == left }?.identity ?? settled
            } else if store.active[place].versions.last != e.version {
                // A scheduled activation may find its version active already: a rollback must not come back to it.
                store.active[place].versions.append(e.version)
            }
            store.active[place].since = event.time
        } else {
            store.active.append(ActiveRule(name: e.name, versions: [e.version], since: event.time))
            store.active.sort { $0.name.rawValue < $1.name.rawValue }
        }
        store.scheduled.removeAll { $0.name == e.name && $0.identity == settled }
    }

    private mutating func applyUserCreated(_ e: UserCreated, _ event: Event) {
        var account = Account()
        (account.id, account.email, account.name, account.emailHash) = (e.id, e.email, e.name, e.emailHash)
        (account.type, account.created, account.createdBy) = (e.type, event.time, event.lsn)
        let slot = store.accounts.insert(account)
        precondition(UInt32(slot) == event.user.value, "a user got another number than the event says")
        store.userIndex.set(names.user(e.id), UInt64(slot))
        store.external.set(emailName(e.emailHash), event.lsn.value)
        store.books.post(.promoCost, -e.bonus)
        credit(event.user, origin(of: event, .promo, fundedBy: "sign_up"), e.bonus, at: event.time)
    }

    func emailName(_ hash: Hash128) -> Hash128 {
        var hasher = names.hasher(.email)
        hasher.combine(hash.high)
        hasher.combine(hash.low)
        return hasher.finish()
    }

    private mutating func applyPassportCreated(_ e: PassportCreated, _ event: Event) {
        var passport = Passport()
        (passport.id, passport.user, passport.digest, passport.lastFour) = (e.id, event.user, e.digest, e.lastFour)
        (passport.name, passport.permissions, passport.scope) = (e.name, e.permissions, e.scope)
        (passport.created, passport.expires, passport.rate) = (event.time, e.expires, e.rate)
        let slot = store.passports.insert(passport)
        store.passportIndex.set(e.id.value, UInt64(slot))
        store.passports.link(slot, head: &store.accounts[Int32(event.user.value)].firstPassport)
        if e.replaces.value != 0 {
            let old = Int32(store.passportIndex[e.replaces.value]!)
            store.passports[old].expires = e.replacedExpires
            store.passports[old].replaced = true
        }
    }

    private mutating func applyRefunded(_ e: CreditRefunded, _ event: Event) {
        store.books.post(.refunds, -e.amount)
        repay(event.user, e.forgiven)
        for part in e.parts {
            var origin = part.lot
            if origin.id.isNone { origin.id = event.id(shard: shard) }
            if origin.expires <= event.time {
                store.books.post(.breakage, part.amount)
            } else {
                credit(event.user, origin, part.amount, at: event.time)
            }
        }
        let charge = e.charge.lsn.value
        store.refunded.set(charge, (store.refunded[charge] ?? 0) + UInt64(e.amount.nanos))
    }

    mutating func insert(_ hold: Hold) {
        let slot = store.holds.insert(hold)
        store.holdIndex.set(hold.id.value, UInt64(slot))
        store.holds.link(slot, head: &store.accounts[Int32(hold.user.value)].firstHold)
        store.accounts[Int32(hold.user.value)].holdCount += 1
        store.timers.push(TimerEntry(due: hold.expires, kind: .holdExpiry, born: hold.id.value))
    }

    private mutating func endHold(_ slot: Int32) {
        let hold = store.holds[slot]
        release(hold.user, hold.pins)
        store.holds.unlink(slot, head: &store.accounts[Int32(hold.user.value)].firstHold)
        store.accounts[Int32(hold.user.value)].holdCount -= 1
        store.holdIndex.remove(hold.id.value)
        store.holds.remove(slot)
    }

    // MARK: Sessions

    private mutating func applySessionStarted(_ e: SessionStarted, _ event: Event) {
        var session = Session()
        (session.id, session.user, session.external) = (event.id(shard: shard), event.user, e.session)
        (session.tier, session.type, session.pricing) = (e.tier, e.type, e.pricing)
        (session.started, session.postedThrough, session.lastHeard) = (event.time, event.time, event.time)
        (session.ttlEnd, session.reserveFull, session.heartbeat) = (e.ttlEnd, e.reserveFull, e.heartbeat)
        (session.leaseUntil, session.pins, session.admitted) = (e.leaseUntil, e.pins, e.admitted)
        if e.heartbeat > .zero {
            session.lostAt = max(event.time + e.heartbeat, event.time + StateMachine.lease)
        }
        session.lockEnd = event.time + .hours(24)
        session.nextDaily = StateMachine.daily(event.user, after: event.time + StateMachine.cancelWindow)
        pin(event.user, e.pins)
        store.external.set(names.session(e.session), event.lsn.value)
        insert(session)
    }

    mutating func insert(_ session: Session) {
        let slot = store.sessions.insert(session)
        let user = Int32(session.user.value)
        store.sessionIndex.set(session.id.value, UInt64(slot))
        store.sessions.link(slot, head: &store.accounts[user].firstSession)
        store.accounts[user].sessionCount += 1
        if session.status == .exhausting { store.accounts[user].exhaustingCount += 1 }
        refreshCover(session: slot)
        schedule(session: slot)
    }

    private mutating func applySessionHeard(_ e: SessionHeard, _ event: Event) {
        let slot = Int32(store.sessionIndex[e.session.value]!)
        store.sessions[slot].heard = true
        store.sessions[slot].lastHeard = event.time
        if store.sessions[slot].heartbeat > .zero {
            store.sessions[slot].lostAt = event.time + store.sessions[slot].heartbeat
        }
        // Only what is due sooner needs a timer of its own; else the old one looks again when it comes.
        if nextDue(session: slot).due < store.sessions[slot].timerDue { schedule(session: slot) }
    }

    private mutating func extend(_ slot: Int32, _ pins: LotAmounts) {
        pin(store.sessions[slot].user, pins)
        for index in 0..<pins.count { store.sessions[slot].pins.append(pins[index]) }
    }

    private mutating func applySessionPosted(_ e: SessionPosted, _ event: Event) {
        let slot = Int32(store.sessionIndex[e.session.value]!)
        pay(event.user, e.payment)
        store.books.post(.sessionRuntime, e.usage.amount)
        _ = store.sessions[slot].pins.take(e.payment.held.total)
        store.sessions[slot].numerator = e.usage.numerator
        store.sessions[slot].posted += e.usage.amount
        store.sessions[slot].postedThrough = e.usage.through
        store.sessions[slot].segments += 1
        store.sessions[slot].nextDaily = StateMachine.daily(event.user, after: e.usage.through)
        countSessionTime(event.user, e.usage)
        if let repriced = e.repriced {
            store.sessions[slot].pricing = repriced
            if store.sessions[slot].repricings.first?.at == e.usage.through {
                store.sessions[slot].repricings.removeFirst()  // its lock went on from there already
            } else {
                store.sessions[slot].lockEnd = e.usage.through + .hours(24)
            }
        }
        refreshCover(session: slot)
        schedule(session: slot)
    }

    private mutating func applySessionClosed(_ e: SessionClosed, _ event: Event) {
        let slot = Int32(store.sessionIndex[e.session.value]!)
        let user = Int32(event.user.value)
        pay(event.user, e.payment)
        store.books.post(.sessionRuntime, e.usage.amount)
        _ = store.sessions[slot].pins.take(e.payment.held.total)
        release(event.user, store.sessions[slot].pins)
        store.external.set(names.session(e.external), event.lsn.value)
        if e.reason != .cancelled { countSessionTime(event.user, e.usage) }
        if store.sessions[slot].status == .exhausting { store.accounts[user].exhaustingCount -= 1 }
        store.accounts[user].sessionCount -= 1
        store.sessionIndex.remove(e.session.value)
        let cover = store.sessions[slot].coveredUntil
        store.sessions.unlink(slot, head: &store.accounts[user].firstSession)
        store.sessions.remove(slot)
        if cover <= store.accounts[user].coveredUntil { refreshCover(account: user) }
    }

    /// Counts session time for each month that it lies in: an input of rules.
    private mutating func countSessionTime(_ user: UserOrdinal, _ usage: MeteredUsage) {
        var from = usage.from
        while from < usage.through {
            let month = Month(containing: from)
            let to = min(month.end, usage.through)
            let key = Store.monthKey(user, month)
            // No money: it may stop at the end of 64 bits, it must not wrap or trap there.
            let (sum, overflow) = (store.sessionTime[key] ?? 0).addingReportingOverflow(UInt64((to - from).nanoseconds))
            store.sessionTime.set(key, overflow ? .max : sum)
            from = to
        }
    }

    // MARK: Storage

    private mutating func applyStorageCreated(_ e: StorageCreated, _ event: Event) {
        var resource = Resource()
        (resource.id, resource.user, resource.external) = (event.id(shard: shard), event.user, e.resource)
        (resource.kind, resource.megabytes, resource.pricing) = (e.kind, e.megabytes, e.pricing)
        (resource.created, resource.pricedFrom, resource.postedThrough) = (event.time, event.time, event.time)
        resource.month = Month(containing: event.time)
        resource.nextDaily = StateMachine.daily(event.user, after: event.time)
        insert(resource)
    }

    mutating func insert(_ resource: Resource) {
        let slot = store.resources.insert(resource)
        let user = Int32(resource.user.value)
        store.resourceIndex.set(names.resource(resource.external), UInt64(slot))
        store.resourceByID.set(resource.id.value, UInt64(slot))
        store.resources.link(slot, head: &store.accounts[user].firstResource)
        store.accounts[user].storedMegabytes += resource.megabytes
        store.accounts[user].resourceCount += 1
        schedule(resource: slot)
    }

    /// Usage of a resource up to a boundary. At the end of a month the sums start anew.
    private mutating func applyPosted(_ e: StoragePosted, _ event: Event) {
        let slot = Int32(store.resourceIndex[names.resource(e.external)]!)
        pay(event.user, e.payment)
        store.books.post(.storageCreation, e.usage.amount)
        store.resources[slot].numerator = e.usage.numerator
        store.resources[slot].posted += e.usage.amount
        store.resources[slot].total += e.usage.amount
        store.resources[slot].postedThrough = e.usage.through
        if e.usage.through == store.resources[slot].month.end {
            store.resources[slot].month.index += 1
            store.resources[slot].numerator = 0
            store.resources[slot].posted = .zero
        }
        if let repriced = e.repriced {
            store.resources[slot].pricing = repriced
            store.resources[slot].pricedFrom = e.usage.through
        }
        store.resources[slot].nextDaily = StateMachine.daily(event.user, after: e.usage.through)
    }

    // MARK: Due instants

    static let lease = TimeSpan.minutes(10)
    static let cancelWindow = TimeSpan.minutes(5)

    /// When a session next needs attention, and for what.
    func nextDue(session slot: Int32) -> (due: Timestamp, kind: TimerKind) {
        let row = store.sessions[slot]
        var boundary = min(min(row.ttlEnd, row.lostAt), row.lockEnd)
        // A monitored session is posted when it is heard: it may turn out to have ended at its last heartbeat.
        if row.heartbeat == .zero { boundary = min(boundary, row.nextDaily) }
        let exhaustion = row.status == .exhausting ? row.deadline : row.leaseUntil
        return boundary <= exhaustion ? (boundary, .session) : (exhaustion, .exhaustion)
    }

    mutating func schedule(session slot: Int32) {
        let (due, kind) = nextDue(session: slot)
        guard due != store.sessions[slot].timerDue || kind != store.sessions[slot].timerKind else { return }
        store.sessions[slot].timerDue = due
        store.sessions[slot].timerKind = kind
        store.timers.push(TimerEntry(due: due, kind: kind, born: store.sessions[slot].id.value))
    }

    mutating func schedule(resource slot: Int32) {
        let due = min(store.resources[slot].nextDaily, store.resources[slot].month.end)
        guard due != store.resources[slot].timerDue else { return }
        store.resources[slot].timerDue = due
        store.timers.push(TimerEntry(due: due, kind: .accrual, born: store.resources[slot].id.value))
    }
}
