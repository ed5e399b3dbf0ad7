/// SPACE PURCHASE: charges once and gives the user an instance in the same entry.
package struct SpacePurchase: CommandType {
    package static let name: StaticString = "SPACE PURCHASE"
    package var user: Hash128
    package var space: ShortText
    package var workspace: ShortText
    package var instance: ShortText
    package init(user: Hash128, space: ShortText, workspace: ShortText, instance: ShortText) {
        self.user = user
        self.space = space
        self.workspace = workspace
        self.instance = instance
    }

    package var subject: Subject { .user(user) }

    package func priceQuery(in ledger: borrowing StateMachine, at now: Timestamp) -> PriceQuery? {
        guard let user = ledger.user(user), let number = ledger.space(space, for: user) else { return nil }
        return ledger.store.spaces[number].entry.query(ledger.type(of: user))
    }

    package func mayGiveManyEvents(in ledger: borrowing StateMachine) -> Bool {
        guard let number = ledger.space(space), ledger.store.spaces[number].creator != .none else { return false }
        return ledger.mayRenewMany(ledger.store.spaces[number].creator)
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let user = try ledger.find(user)
        guard let number = ledger.space(space, for: user) else { throw .notFound(.space) }
        let entry = ledger.store.spaces[number].entry
        guard ledger.store.instanceIndex[ledger.instanceName(user, workspace, instance)] == nil else {
            throw .exists(.instance)
        }
        try ledger.checkMayStart(user)
        try ledger.checkNoDebt(user)
        let pricing = try decision.priced(entry.query(ledger.type(of: user)))
        let available = ledger.available(user, for: .space, at: decision.now)
        guard available >= pricing.amount else { throw .insufficient(available: available, needed: pricing.amount) }
        var settlement = Settlement()
        settlement.free = ledger.planFree(user, pricing.amount, for: .space, at: decision.now)
        let share = ledger.share(of: number, boughtBy: user, settlement)
        let event = SpacePurchased(
            space: space, workspace: workspace, instance: instance, gigabytes: entry.gigabytes,
            amount: pricing.amount, pricing: pricing, settlement: settlement,
            share: share.map { SpaceShare(creator: $0.0, amount: $0.1.amount) })
        let answer = ledger.commit(event, user: user, &decision)
        if let (creator, event) = share {
            var earned = event
            if earned.lot.id.isNone {
                earned.lot = LotOrigin(
                    .earning, born: BirthID(shard: ledger.shard, lsn: ledger.lastLSN.next), at: decision.now,
                    fundedBy: Sources.earning)
            }
            ledger.commit(earned, user: creator, linked: answer.lsn, &decision)
            ledger.renewExhausting(creator, &decision)
        }
        return .accepted(answer)
    }
}

package struct SpacePurchased: EventType {
    package static let code = EventCode.spacePurchased
    package static let blank = SpacePurchased(
        space: ShortText(), workspace: ShortText(), instance: ShortText(), gigabytes: 0, amount: .zero,
        pricing: .blank, settlement: Settlement(), share: nil)
    package var body: EventBody { .spacePurchased(self) }

    package var space: ShortText
    package var workspace: ShortText
    package var instance: ShortText
    package var gigabytes: Int64
    package var amount: Money
    package var pricing: Pricing
    package var settlement: Settlement
    /// To the creator, as an event of its own that follows.
    package var share: SpaceShare?

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&space)
        try c.text(&workspace)
        try c.text(&instance)
        try c.signed(&gigabytes)
        try c.money(&amount)
        try pricing.code(with: &c)
        try settlement.code(with: &c)
        try c.optional(&share, blank: .blank)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard !amount.isNegative else { return "charges less than nothing" }
        guard ledger.store.instanceIndex[ledger.instanceName(header.user, workspace, instance)] == nil else {
            return "gives an instance that is there"
        }
        if let share {
            let isKnown = share.creator.value < UInt32(ledger.store.accounts.count) && share.creator != header.user
            guard isKnown, share.amount > .zero, share.amount <= amount else { return "shares what cannot be shared" }
        }
        return ledger.objection(to: settlement, of: header.user)
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.pay(header.user, settlement)
        ledger.store.books.post(.spacePurchase, amount)
        ledger.count(spending: amount, of: header.user, by: header.actor, at: header.asOf)
        var row = Instance()
        (row.id, row.user, row.purchased) = (header.id(shard: ledger.shard), header.user, header.asOf)
        (row.space, row.workspace, row.name) = (space, workspace, instance)
        (row.gigabytes, row.amount) = (gigabytes, amount)
        ledger.insert(row)
    }

    package func facts(_ header: EventHeader) -> Facts {
        var facts = Facts()
        facts.charge = Facts.Charge(
            amount: amount, source: Sources.spacePurchase, settlement: settlement, pricing: pricing)
        facts.charge?.space = space
        facts.charge?.share = share
        facts.text = .words("\(space), \(instance) in \(workspace)")
        return facts
    }

    package static var isPriced: Bool { true }
    package var priced: PricedPart? { PricedPart(amount, pricing) }
}

extension SpaceEntry {
    /// What a user of this type is asked for it.
    func query(_ type: UserType) -> PriceQuery {
        .spacePurchase(type: type, space: id, listPrice: cost, gigabytes: gigabytes)
    }
}
