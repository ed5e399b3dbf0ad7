/// What a change of a user's type does to what runs: every session ends a segment and begins the next, every resource
/// goes on at another price, each under the version of the rule that priced it so far.
struct TypeChange {
    /// What of a user's sessions one question is about. Few: a list that is looked through is the fastest table.
    private struct Kind: Equatable {
        let tier: Tier
        let rule: RuleIdentity

        init(_ ledger: borrowing StateMachine, _ slot: Slot<Session>) {
            tier = ledger.store.sessions[slot].tier
            rule = ledger.store.sessions[slot].rule
        }
    }

    /// What of a user's storage one version prices.
    private struct Group: Hashable {
        let rule: RuleIdentity
        let kind: StorageKind

        init(_ row: Resource) {
            rule = row.pricing.priced.rule
            kind = row.kind
        }
    }

    private let user: UserOrdinal
    private let type: UserType
    /// Each once: one for each kind of session, then those about storage.
    private(set) var questions: [PriceQuestion] = []
    private var kinds: [Kind] = []
    /// The sizes that are asked about, ascending, and which question the first of them is.
    private var sizes: [Group: (question: Int, megabytes: [Int64])] = [:]

    /// Asked once, before anything is posted. Cost: the user's sessions and resources.
    init(_ ledger: borrowing StateMachine, _ user: UserOrdinal, to type: UserType, at now: Timestamp) {
        self.user = user
        self.type = type
        for slot in ledger.sessions(of: user) {
            let kind = Kind(ledger, slot)
            if !kinds.contains(kind) { kinds.append(kind) }
        }
        let seconds = kinds.isEmpty ? 0 : ledger.sessionSeconds(user, in: Month(containing: now), at: now)
        questions = kinds.map {
            PriceQuestion(
                query: .sessionRuntime(type: type, tier: $0.tier, secondsThisMonth: seconds), rule: $0.rule)
        }
        askAboutStorage(ledger)
    }

    /// Of each kind as many sizes as there is room for; the others take the price of the nearest smaller one, as they
    /// do where a month begins.
    private mutating func askAboutStorage(_ ledger: borrowing StateMachine) {
        var groups: [Group] = []
        var stored: [Group: Set<StorageSize>] = [:]
        for slot in ledger.resources(of: user) {
            let row = ledger.store.resources[slot]
            if stored[Group(row)] == nil { groups.append(Group(row)) }
            stored[Group(row), default: []].insert(StorageSize(type: type, kind: row.kind, megabytes: row.megabytes))
        }
        guard !groups.isEmpty else { return }
        let room = max(1, (StateMachine.maximumQuestions - questions.count) / groups.count)
        for group in groups {
            let asked = StorageSize.thinned(stored[group] ?? [], to: room).map(\.megabytes)
            sizes[group] = (questions.count, asked)
            questions += asked.map {
                PriceQuestion(query: .storage(type: type, kind: group.kind, megabytes: $0), rule: group.rule)
            }
        }
    }

    /// Which question is about a resource.
    private func question(_ row: Resource) -> Int? {
        guard let asked = sizes[Group(row)] else { return nil }
        return asked.question + (asked.megabytes.lastIndex { $0 <= row.megabytes } ?? 0)
    }

    /// Whether it may be, and at which prices: one for each question.
    func prices(
        in ledger: borrowing StateMachine, _ decision: borrowing Decision
    ) throws(Rejection) -> [Pricing] {
        guard kinds.allSatisfy({ ledger.store.limits.allows($0.tier, for: type) }) else {
            throw .limit(.tiers, ledger.store.limits[type, .tiers])
        }
        guard questions.count <= StateMachine.maximumQuestions else {
            throw .rule(
                "what runs was priced by so many versions of its rules that \(questions.count) prices would have to be asked; "
                    + "at most \(StateMachine.maximumQuestions) are")
        }
        return try decision.priced(questions)
    }

    /// What was used comes first: where some of it takes credit that nothing holds, everything is posted before
    /// anything is held for again. Before the event that answers.
    func carryOut(in ledger: inout StateMachine, at pricings: [Pricing], _ decision: inout Decision) {
        for slot in ledger.resources(of: user) {
            let row = ledger.store.resources[slot]
            guard let pricing = question(row).map({ pricings[$0] }) else { continue }
            // A price that it could not have been created at is not taken over.
            let next = StateMachine.isAffordable(pricing, row.megabytes) ? pricing : row.pricing
            ledger.postStorage(slot, through: decision.now, then: next, precedes: true, &decision)
        }
        var repriced: [Slot<Session>] = []
        let caps = CapsAtHand()
        for slot in ledger.sessions(of: user) {
            guard let question = kinds.firstIndex(of: Kind(ledger, slot)) else { continue }
            let pricing = pricings[question]
            if ledger.store.sessions[slot].meter.lastPricing != pricing { repriced.append(slot) }
            ledger.reprice(slot, pricing, under: caps, &decision)
        }
        for slot in repriced { ledger.renewRepriced(slot, under: caps, &decision) }
    }
}
