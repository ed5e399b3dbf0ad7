/// What a command asks of rules before it is decided.
package enum PriceNeed: Hashable, Sendable {
    case none
    /// The version that is active.
    case active(PriceQuery)
    /// Named versions, each question once, at most ``StateMachine/maximumQuestions``.
    case versions([PriceQuestion])
}

/// A question to one version of a rule: the one that priced what runs already.
package struct PriceQuestion: Hashable, Sendable {
    package var query: PriceQuery
    package var rule: RuleIdentity
    package init(query: PriceQuery, rule: RuleIdentity) {
        self.query = query
        self.rule = rule
    }
}

/// What rules said to a ``PriceNeed``, as the engine hands it to `decide`.
package enum PriceInput: Sendable {
    case none
    case priced(Priced)
    /// To each question, in their order.
    case several([Priced])
    case failed(String)
}

extension StateMachine {
    /// No command asks more questions: each runs a rule, and others wait meanwhile.
    package static let maximumQuestions = 64
}
