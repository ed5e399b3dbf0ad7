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
    /// When sessions began whose parts do not say so, for those that have not ended.
    private var starts: [UInt64: Timestamp] = [:]

    init(_ rule: CompiledRule, reader: JournalReader) {
        name = rule.name
        self.reader = reader
        questions = RepeatedQuestions(rule)
    }

    /// What a part would have cost. The parts of a session in their order.
    mutating func price(_ part: PricedPart) throws(StorageError) -> Outcome {
        switch questions.ask(part.pricing.query) {
        case .success(let answer):
            let started = HypotheticalCharges.needsStart(part, answer) ? try start(of: part) : .never
            if part.isLast { forget(part) }
            guard let amount = charges.amount(of: part, answered: answer, started: started) else {
                return .failed(RuleError(.result, "\(part.pricing.query.call): the price does not fit in an amount"))
            }
            return .priced(amount)
        case .failure(let error):
            // For what follows of the session, it cost what it did.
            let answer = part.pricing.priced.answer
            let started = HypotheticalCharges.needsStart(part, answer) ? try start(of: part) : .never
            if part.isLast { forget(part) }
            _ = charges.amount(of: part, answered: answer, started: started)
            return .failed(error)
        }
    }

    /// Passes over a part that does not count.
    mutating func skip(_ part: PricedPart) {
        charges.skip(part)
        if part.isLast { forget(part) }
    }

    private mutating func forget(_ part: PricedPart) {
        if !starts.isEmpty, !part.session.isNone { starts[part.session.value] = nil }
    }

    private mutating func start(of part: PricedPart) throws(StorageError) -> Timestamp {
        if let known = starts[part.session.value] { return known }
        let lsn = part.session.lsn
        let decoded = try reader.withEvent(at: lsn) { journaled in
            Result { () throws(StateError) in
                try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time).asOf
            }
        }
        switch decoded {
        case .success(let start):
            starts[part.session.value] = start
            return start
        case .failure(let error): throw StorageError(.refusedByState, "journal", "LSN \(lsn.value): \(error.reason)")
        }
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
