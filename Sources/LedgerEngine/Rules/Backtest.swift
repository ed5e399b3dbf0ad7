internal import LedgerCommands
package import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// What RULE BACKTEST found.
package struct BacktestReport: Sendable {
    package struct Group: Sendable {
        /// A type, a tier, a kind of storage, a space, or a user's id.
        package var name: String
        package var tally: RepricingTally
    }

    package var rule: RuleName
    package var identity: RuleIdentity
    package var from: Timestamp
    package var to: Timestamp
    /// The last event that was read.
    package var through: LSN
    package var total: RepricingTally
    package var failures: RepricingFailures
    package var groups: [Group]
    /// With ADMIT: what became of the commands.
    package var admission: RedecisionReport?
    /// How long it took.
    package var took: TimeSpan
}

/// One back-test, while it reads: what a version would have charged for usage that began in [from, to).
///
/// Memory: a sum for each user where it tells users apart, what ``HypotheticalCharges`` keeps of sessions that have not
/// ended, and one frame of the journal.
struct Backtest: ~Copyable {
    private let draft: BacktestDraft
    private let shard: UInt16
    private var repricer: Repricer
    private(set) var total = RepricingTally()
    private(set) var failures = RepricingFailures()
    /// Charges that refunds name, by their LSN: of them deciding anew must know more.
    private(set) var refunded: Set<UInt64> = []
    /// By the raw value of a type, a tier or a kind of storage, or a user's ordinal.
    private var numbered: [RepricingTally] = []
    private var spaces: [ShortText: RepricingTally] = [:]

    init(_ draft: BacktestDraft, _ rule: CompiledRule, reader: JournalReader, shard: UInt16) {
        self.draft = draft
        self.shard = shard
        repricer = Repricer(rule, reader: reader)
    }

    mutating func take(_ slice: EventSlice) throws(StorageError) {
        try slice.visit { (event) throws(StorageError) in
            try take(event)
            return true
        }
    }

    private mutating func take(_ event: JournaledEvent) throws(StorageError) {
        if draft.admits { try noteRefund(event) }
        let found: (header: EventHeader, part: PricedPart)?
        do throws(StateError) {
            found = try PricedPart.read(event.bytes, lsn: event.lsn, time: event.time)
        } catch {
            throw StorageError(.refusedByState, "journal", "LSN \(event.lsn.value): \(error.reason)")
        }
        guard let (header, part) = found, part.pricing.query.rule == draft.rule, part.pricing.priced.rule != .none
        else { return }
        guard header.effectiveFrom >= draft.from, header.effectiveFrom < draft.to else { return repricer.skip(part) }
        switch try repricer.price(part, header) {
        case .priced(let amount):
            total.add(part.amount, amount)
            count(part, header.user, amount)
        case .failed(let error): failures.add(part, header, shard: shard, error)
        }
    }

    private mutating func noteRefund(_ event: JournaledEvent) throws(StorageError) {
        guard EventHeader.code(of: event.bytes) == .creditRefunded else { return }
        do throws(StateError) {
            let event = try Event(decoding: event.bytes, lsn: event.lsn, time: event.time)
            if case .creditRefunded(let it) = event.body { refunded.insert(it.charge.lsn.value) }
        } catch {
            throw StorageError(.refusedByState, "journal", "LSN \(event.lsn.value): \(error.reason)")
        }
    }

    private mutating func count(_ part: PricedPart, _ user: UserOrdinal, _ amount: Money) {
        guard let grouping = draft.grouping else { return }
        let number: Int
        switch (grouping, part.pricing.query) {
        case (.user, _): number = Int(user.value)
        case (.type, let query): number = Int(query.userType.rawValue)
        case (.tier, .sessionRuntime(_, let tier, _)): number = Int(tier.rawValue)
        case (.tier, .spacePurchase(_, let space, _, _)):
            return spaces[space, default: RepricingTally()].add(part.amount, amount)
        case (.tier, .storage(_, let kind, _)): number = Int(kind.rawValue)
        case (.tier, .purchaseBonus), (.tier, .usage): return
        }
        while numbered.count <= number { numbered.append(RepricingTally()) }
        numbered[number].add(part.amount, amount)
    }

    /// Of storage, its kind.
    private func tierName(_ number: UInt8) -> String {
        (draft.rule == .storage ? StorageKind(rawValue: number)?.text : Tier(rawValue: number)?.text) ?? ""
    }

    /// Types and tiers in their order; of users those who would pay the most more, then those who would pay the least
    /// less.
    func groups(userID: (UserOrdinal) -> ShortText) -> [BacktestReport.Group] {
        let numbered = numbered
        let used = numbered.indices.filter { numbered[$0].parts > 0 }
        switch draft.grouping {
        case nil: return []
        case .type:
            return used.map { .init(name: UserType(rawValue: UInt8($0))?.text ?? "", tally: numbered[$0]) }
        case .tier:
            let spaces = spaces.map { BacktestReport.Group(name: $0.key.string, tally: $0.value) }
            return used.map { .init(name: tierName(UInt8($0)), tally: numbered[$0]) }
                + spaces.sorted { $0.name < $1.name }
        case .user:
            let worst = used.sorted {
                let (a, b) = (numbered[$0].difference.nanos, numbered[$1].difference.nanos)
                return a == b ? numbered[$0].old.nanos > numbered[$1].old.nanos : a > b
            }
            return worst.prefix(draft.count).map {
                .init(name: userID(UserOrdinal(UInt32($0))).string, tally: numbered[$0])
            }
        }
    }
}
