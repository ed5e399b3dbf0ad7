/// What a rule priced in one event: a posting of a session or of storage, usage that was recorded, a purchase. It says
/// everything that asking another version the same needs, and what the books have of it.
package struct PricedPart: Sendable {
    /// As it is in the books; of a purchase of credit, the bonus.
    package var amount: Money
    package var pricing: Pricing
    /// Where it is metered over time; nil: the answer is the amount.
    package var usage: MeteredUsage?
    /// The session that it is a part of; none where it is the whole.
    package var session = SessionID.none
    /// When the session began, which is where the hours of its tariff count from. `.never`: the event at `session` says
    /// so.
    package var started = Timestamp.never
    /// The session, or the resource, ends with it.
    package var isLast = true
    /// Of storage: what its usage is counted by.
    package var stored: StoredUsage?

    /// A price that was asked once.
    init(_ amount: Money, _ pricing: Pricing) {
        self.amount = amount
        self.pricing = pricing
    }

    /// Usage that was recorded, all of it.
    init(whole usage: MeteredUsage) {
        self.init(usage.amount, usage.pricing)
        self.usage = usage
        started = usage.from
    }

    init(_ usage: MeteredUsage, of session: SessionID, started: Timestamp, isLast: Bool) {
        self.init(usage.amount, usage.pricing)
        self.usage = usage
        self.session = session
        self.started = started
        self.isLast = isLast
    }

    /// Accrual of storage. `isRepriced`: the resource has another price from its end on, or the same anew.
    init(_ posted: StoragePosted, isRepriced: Bool, isLast: Bool = false) {
        self.init(posted.usage.amount, posted.usage.pricing)
        usage = posted.usage
        self.isLast = isLast
        stored = StoredUsage(
            resource: posted.resource, megabytes: posted.megabytes, isCapped: posted.isCapped, isRepriced: isRepriced)
    }

    /// What was asked, in one word: the tier, the space, the meter, the amount bought.
    package var subject: String { pricing.query.subject }
}

// MARK: - Reading

extension PricedPart {
    /// What a rule priced in a journaled event, and the event's header; nil: nothing. Reads no more of other kinds of
    /// event than which they are. Some hundreds of nanoseconds.
    package static func read(
        _ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp
    ) throws(StateError) -> (header: EventHeader, part: PricedPart)? {
        guard EventHeader.code(of: bytes)?.isPriced == true else { return nil }
        var reader = PricedPartReader(parts: try EventParts(bytes, lsn: lsn, time: time))
        guard let part = try reader.parts.code.visit(&reader) else { return nil }
        return (reader.parts.header, part)
    }
}

extension Event {
    /// What a rule priced in it.
    package var priced: PricedPart? {
        var reader = PricedPartOfEvent()
        return body.visit(&reader)
    }
}

private struct PricedPartOfEvent: EventVisitor {
    mutating func visit<E: EventType>(_ event: borrowing E) -> PricedPart? { event.priced }
}

private struct PricedPartReader: EventTypeVisitor {
    var parts: EventParts

    mutating func visit<E: EventType>(_ type: E.Type) throws(StateError) -> PricedPart? {
        try parts.read(type).body.priced
    }
}

private struct IsPriced: EventTypeVisitor {
    mutating func visit<E: EventType>(_ type: E.Type) -> Bool { E.isPriced }
}

extension EventCode {
    var isPriced: Bool {
        var visitor = IsPriced()
        return visit(&visitor)
    }
}

extension PriceQuery {
    /// What is priced: a tier, a kind of storage, a space, an amount bought, a quantity.
    package var subject: String {
        switch self {
        case .sessionRuntime(_, let tier, _): tier.text
        case .storage(_, let kind, _): kind.text
        case .spacePurchase(_, let space, _, _): space.string
        case .purchaseBonus(_, let amount): amount.description
        case .usage(_, _, let quantity, _): quantity.description
        }
    }
}

// MARK: - Arithmetic

/// What parts would have cost under other answers, exactly as the books would have it: a session's parts are rounded as
/// one sum (SPEC: a running charge is what all of it costs so far, less what was charged), so those that are not whole
/// yet are remembered between their parts.
///
/// Memory: some 64 bytes for each session that was posted and has not ended, 80 for each resource.
package struct HypotheticalCharges: Sendable {
    private struct Running {
        /// To be divided by ``Tariff/hour``.
        var numerator: Int128
        var posted: Money
    }

    private var running: [UInt64: Running] = [:]
    private var storage = HypotheticalStorage()

    package init() {}

    /// How many sessions are remembered.
    package var open: Int { running.count }

    /// Whether `amount` must be told when the part's session began, or since when its resource has its price.
    package static func needsStart(_ part: PricedPart, _ answer: PriceAnswer) -> Bool {
        guard part.usage != nil, part.started == .never, case .tariff(let tariff) = answer else { return false }
        return !tariff.steps.isEmpty || !part.pricing.tariff.steps.isEmpty
    }

    /// The amount of a part had the rule answered this; nil where that does not fit in 64 bits. The parts of a session
    /// in their order. What came before the first of them is taken as it is in the books.
    ///
    /// A part that the books cut, because an account owes so much at most, is not raised.
    package mutating func amount(of part: PricedPart, answered answer: PriceAnswer, started: Timestamp) -> Money? {
        switch answer {
        case .amount(let amount): return part.usage == nil ? amount : nil
        case .tariff(let tariff):
            guard let usage = part.usage else { return nil }
            if let stored = part.stored {
                return storage.amount(of: stored, usage, tariff, pricedFrom: started, isLast: part.isLast)
            }
            return amount(of: part, usage, tariff, started)
        }
    }

    private mutating func amount(
        of part: PricedPart, _ usage: MeteredUsage, _ tariff: Tariff, _ start: Timestamp
    ) -> Money? {
        // Where no tariff has steps, only how long it was counts.
        let started = part.started == .never ? (start == .never ? usage.from : start) : part.started
        let (from, to) = (usage.from - started, usage.through - started)
        let before = part.session.isNone ? nil : running[part.session.value]
        let began =
            before
            ?? Running(
                numerator: usage.numerator - part.pricing.tariff.integral(from: from, to: to),
                posted: usage.postedBefore)
        let numerator = began.numerator + tariff.integral(from: from, to: to)
        guard let total = Rational.halfEven(numerator, over: usage.denominator),
            var amount = total.subtracting(began.posted)
        else { return nil }
        if usage.isCut { amount = min(amount, usage.amount) }
        if !part.session.isNone {
            if part.isLast {
                if before != nil { running[part.session.value] = nil }
            } else {
                running[part.session.value] = Running(numerator: numerator, posted: began.posted + amount)
            }
        }
        return amount
    }

    /// A part that is not counted: the next one of its session or resource begins anew, with what is in the books.
    package mutating func skip(_ part: PricedPart) {
        if let stored = part.stored { return storage.forget(stored) }
        if !running.isEmpty, !part.session.isNone { running[part.session.value] = nil }
    }
}

extension MeteredUsage {
    /// Less was charged than it came to.
    var isCut: Bool {
        // Without a division where rounding alone explains the difference.
        let difference = numerator - (Int128(postedBefore.nanos) + Int128(amount.nanos)) * denominator
        guard difference * 2 >= denominator, let total = Rational.halfEven(numerator, over: denominator) else {
            return false
        }
        return total - postedBefore > amount
    }
}
