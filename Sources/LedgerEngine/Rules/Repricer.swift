package import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// Prices recorded parts again with one version of a rule. Used by one thread at a time.
struct Repricer: ~Copyable {
    enum Outcome {
        case priced(Money)
        case failed(RuleError)
    }

    let name: RuleName
    private let reader: JournalReader
    private var questions: RepeatedQuestions
    private var charges = HypotheticalCharges()
    /// When sessions began whose parts do not say so, for those that have not ended; and since when resources have
    /// their price.
    private var starts: [UInt64: Timestamp] = [:]

    init(_ rule: CompiledRule, reader: JournalReader) {
        name = rule.name
        self.reader = reader
        questions = RepeatedQuestions(rule)
    }

    /// What a part would have cost; `header`: its event's. The parts of a session or resource in their order.
    mutating func price(_ part: PricedPart, _ header: EventHeader) throws(StorageError) -> Outcome {
        let (answer, failure): (PriceAnswer, RuleError?) =
            switch questions.ask(part.pricing.query) {
            case .success(let answer): (answer, nil)
            // For what follows of the session, it cost what it did.
            case .failure(let error): (part.pricing.priced.answer, error)
            }
        let started = HypotheticalCharges.needsStart(part, answer) ? try start(of: part, header) : .never
        note(part)
        let amount = charges.amount(of: part, answered: answer, started: started)
        if let failure { return .failed(failure) }
        guard let amount else {
            return .failed(RuleError(.result, "\(part.pricing.query.call): the price does not fit in an amount"))
        }
        return .priced(amount)
    }

    /// Passes over a part that does not count.
    mutating func skip(_ part: PricedPart) {
        charges.skip(part)
        note(part)
    }

    /// Keeps `starts` true behind a part.
    private mutating func note(_ part: PricedPart) {
        if let stored = part.stored {
            if part.isLast {
                starts[stored.resource.value] = nil
            } else if stored.isRepriced, let usage = part.usage {
                starts[stored.resource.value] = usage.through
            }
        } else if part.isLast, !starts.isEmpty, !part.session.isNone {
            starts[part.session.value] = nil
        }
    }

    private mutating func start(of part: PricedPart, _ header: EventHeader) throws(StorageError) -> Timestamp {
        let id = part.stored?.resource ?? part.session
        if let known = starts[id.value] { return known }
        let start =
            if let stored = part.stored {
                try priced(stored.resource, before: header)
            } else {
                try reader.event(at: id.lsn).asOf
            }
        starts[id.value] = start
        return start
    }

    /// Since when a resource has the price that an event of it was counted by: that stands in an earlier one, on its
    /// user's thread. Cost: the user's events since then.
    private func priced(_ resource: ResourceID, before header: EventHeader) throws(StorageError) -> Timestamp {
        var lsn = header.previous
        while lsn > resource.lsn {
            let event = try reader.event(at: lsn)
            if let part = event.priced, let stored = part.stored, stored.resource == resource, stored.isRepriced,
                let usage = part.usage
            {
                return usage.through
            }
            lsn = event.previous
        }
        return try reader.event(at: resource.lsn).asOf
    }
}

/// Parts that were priced again: how many, and what they come to.
package struct RepricingTally: Sendable, Equatable {
    package private(set) var parts = 0
    /// Of them, with the same amount.
    package private(set) var unaffected = 0
    package private(set) var higher = 0
    package private(set) var old = MoneySum.zero
    package private(set) var new = MoneySum.zero

    package init() {}

    package var lower: Int { parts - unaffected - higher }
    package var difference: MoneySum { MoneySum(nanos: new.nanos - old.nanos) }

    package mutating func add(_ old: Money, _ new: Money) {
        parts += 1
        if old == new { unaffected += 1 } else if new > old { higher += 1 }
        self.old += old
        self.new += new
    }
}

/// Parts that a rule did not price again: they are in no tally.
package struct RepricingFailures: Sendable, Equatable {
    package private(set) var count = 0
    /// What they cost, in the books.
    package private(set) var amount = MoneySum.zero
    /// Which was the first, and why.
    package private(set) var first: String?

    package init() {}

    mutating func add(_ part: PricedPart, _ header: EventHeader, shard: UInt16, _ error: RuleError) {
        if first == nil { first = "\(header.id(shard: shard).text(as: .charge)): \(error.text)" }
        count += 1
        amount += part.amount
    }
}
