internal import LedgerCore
internal import LedgerRules

/// What the rules of a ledger answer, each question asked once: a rule is a pure function of its question.
///
/// Memory: the versions that were asked, and what ``RepeatedQuestions`` keeps for each.
struct RuleAnswers: ~Copyable {
    private struct Name: Hashable {
        let rule: RuleName
        let identity: RuleIdentity
    }

    private final class Questions {
        var questions: RepeatedQuestions
        init(_ rule: CompiledRule) { questions = RepeatedQuestions(rule) }
    }

    private var versions: [Name: Result<Questions, RuleError>] = [:]

    /// What the writer would have been told: the active versions are those of `ledger`.
    mutating func price(_ need: PriceNeed, in ledger: borrowing StateMachine) -> PriceInput {
        do throws(RuleError) {
            switch need {
            case .none: return .none
            case .active(let query):
                guard let identity = ledger.activeRule(query.rule) else {
                    if query.rule == .purchaseBonus { return .priced(Priced(answer: .amount(.zero), rule: .none)) }
                    return .failed("no rule '\(query.rule.text)' is active")
                }
                return .priced(try price(query, identity, in: ledger))
            case .versions(let questions):
                var answers: [Priced] = []
                for question in questions { answers.append(try price(question.query, question.rule, in: ledger)) }
                return .several(answers)
            }
        } catch {
            return .failed(error.text)
        }
    }

    private mutating func price(
        _ query: PriceQuery, _ identity: RuleIdentity, in ledger: borrowing StateMachine
    ) throws(RuleError) -> Priced {
        let name = Name(rule: query.rule, identity: identity)
        if versions[name] == nil {
            let source = String(decoding: ledger.ruleSource(identity)?.source ?? [], as: UTF8.self)
            versions[name] = Result { () throws(RuleError) in
                Questions(try CompiledRule(query.rule, source: source))
            }
        }
        return Priced(answer: try versions[name]!.get().questions.ask(query).get(), rule: identity)
    }
}
