/// What a change of a user's type does to what runs: every session ends a segment and begins the next, every resource
/// goes on at another price, each under the version of the rule that priced it so far.
struct TypeChange {
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
    private let seconds: Int64
    /// The sizes that are asked about, ascending.
    private var sizes: [Group: [Int64]] = [:]
    /// Each once.
    private(set) var questions: [PriceQuestion] = []

    /// Asked once, before anything is posted. Cost: the user's sessions and resources.
    init(_ ledger: borrowing StateMachine, _ user: UserOrdinal, to type: UserType, at now: Timestamp) {
        self.user = user
        self.type = type
        seconds = ledger.sessionSeconds(user, in: Month(containing: now), at: now)
        for slot in ledger.sessions(of: user) {
            let question = question(ledger.store.sessions[slot].lastPricing)
            if !questions.contains(question) { questions.append(question) }
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
            sizes[group] = asked
            questions += asked.map {
                PriceQuestion(query: .storage(type: type, kind: group.kind, megabytes: $0), rule: group.rule)
            }
        }
    }

    /// About a session that has been priced so until now.
    private func question(_ pricing: Pricing) -> PriceQuestion {
        PriceQuestion(
            query: .sessionRuntime(type: type, tier: pricing.tier, secondsThisMonth: seconds),
            rule: pricing.priced.rule)
    }

    private func question(_ row: Resource) -> PriceQuestion? {
        let group = Group(row)
        guard let asked = sizes[group], let smallest = asked.first else { return nil }
        let size = asked.last { $0 <= row.megabytes } ?? smallest
        return PriceQuestion(query: .storage(type: type, kind: group.kind, megabytes: size), rule: group.rule)
    }

    /// Whether it may be, and at which prices.
    func prices(
        in ledger: borrowing StateMachine, _ decision: borrowing Decision
    ) throws(Rejection) -> [PriceQuestion: Pricing] {
        for slot in ledger.sessions(of: user) {
            guard ledger.store.limits.allows(ledger.store.sessions[slot].tier, for: type) else {
                throw .limit(.tiers, ledger.store.limits[type, .tiers])
            }
        }
        guard questions.count <= StateMachine.maximumQuestions else {
            throw .rule(
                "what runs was priced by so many versions of its rules that \(questions.count) prices would have to be asked; "
                    + "at most \(StateMachine.maximumQuestions) are")
        }
        return try decision.priced(questions)
    }

    /// Everything is posted before anything is held for again: what was used comes first. Before the event that
    /// answers.
    func carryOut(in ledger: inout StateMachine, at pricings: [PriceQuestion: Pricing], _ decision: inout Decision) {
        var repriced: [Slot<Session>] = []
        for slot in ledger.sessions(of: user) {
            let before = ledger.store.sessions[slot].lastPricing
            guard let pricing = pricings[question(before)] else { continue }
            ledger.reprice(slot, pricing, &decision)
            if pricing != before { repriced.append(slot) }
        }
        for slot in ledger.resources(of: user) {
            let row = ledger.store.resources[slot]
            guard let pricing = question(row).flatMap({ pricings[$0] }) else { continue }
            // A price that it could not have been created at is not taken over.
            let next = StateMachine.isAffordable(pricing, row.megabytes) ? pricing : row.pricing
            ledger.postStorage(slot, through: decision.now, then: next, precedes: true, &decision)
        }
        for slot in repriced { ledger.renewRepriced(slot, &decision) }
    }
}
