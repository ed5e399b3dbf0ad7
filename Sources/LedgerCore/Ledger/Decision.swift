/// A decision in the making: who asks, when, under which key and labels, at which price, and where its events go. One
/// serves a whole batch: ``begin(_:at:)`` starts the next command's.
package struct Decision: ~Copyable {
    package var batch = EventBatch()

    /// The instant as of which is decided: a command's own, a timer's due instant.
    package internal(set) var now = Timestamp.distantPast
    package internal(set) var actor = PassportOrdinal.none
    package internal(set) var key: IdempotencyKey?
    package internal(set) var labels = Labels.none
    package internal(set) var price = PriceInput.none

    /// Not before this an event is recorded.
    var recorded = Timestamp.distantPast
    var origin = EventOrigin.command
    /// The first event of the group.
    var group = LSN.none
    /// The event that answers, and carries the key.
    var answer: EventReference?
    /// Where the group begins in the batch.
    private var groupStart = 0

    /// Bytes of the group so far.
    var groupSize: Int { batch.byteCount - groupStart }

    package init() {}

    mutating func begin(_ request: borrowing Request, price: PriceInput, at now: Timestamp) {
        (self.now, recorded, origin) = (now, now, request.origin)
        (actor, key, labels, self.price) = (request.actor, request.key, request.labels, price)
        (group, answer, groupStart) = (.none, nil, batch.byteCount)
    }

    /// Begins what an instant brings that has come: decided as of `due`, recorded at `now` or later.
    mutating func begin(due: Timestamp, recorded now: Timestamp, origin: EventOrigin = .timer) {
        (self.now, recorded, self.origin) = (due, now, origin)
        (actor, key, labels, price) = (.none, nil, .none, .none)
        (group, answer, groupStart) = (.none, nil, batch.byteCount)
    }

    /// As of when credit pays for usage that nothing was held for. What is due at an instant is settled with the credit
    /// that was good until then: a lot that expires there still pays.
    var creditInstant: Timestamp { origin.isTimer ? now - TimeSpan(nanoseconds: 1) : now }

    /// The answer of the rule that ``CommandType/priceQuery(in:at:)`` asked for.
    func priced(_ query: PriceQuery) throws(Rejection) -> Pricing {
        switch price {
        case .none, .several: throw .rule("no price was given for \(query.rule.text)")
        case .failed(let text): throw .rule(text)
        case .priced(let priced): return Pricing(query: query, priced: priced)
        }
    }

    /// The answers to ``PriceNeed/versions(_:)``, in the order of the questions.
    func priced(_ questions: [PriceQuestion]) throws(Rejection) -> [Pricing] {
        guard !questions.isEmpty else { return [] }
        switch price {
        case .failed(let text): throw .rule(text)
        case .several(let answers) where answers.count == questions.count:
            return zip(questions, answers).map { Pricing(query: $0.query, priced: $1) }
        case .none, .priced, .several: throw .rule("\(questions.count) prices were asked for and not given")
        }
    }
}
