package import LedgerCore
package import LedgerEngine
internal import LedgerRules
package import RESP

/// What prices would have done.
extension ReplyEncoder {
    /// `RULE BACKTEST`.
    package func backtest(_ it: BacktestReport, to writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("rule", it.rule.text)
            writer.pair("sha256", it.identity)
            writer.pair("from", it.from)
            writer.pair("to", it.to)
            writer.pair("through", integer: Int64(it.through.value))
            writer.pair("parts", integer: Int64(it.total.parts))
            writer.pair("unaffected", integer: Int64(it.total.unaffected))
            writer.pair("higher", integer: Int64(it.total.higher))
            writer.pair("lower", integer: Int64(it.total.lower))
            revenue(it.total, &writer)
            writer.pair("failed", integer: Int64(it.failures.count))
            writer.pair("failed_revenue", it.failures.amount)
            writer.pair("first_failure", it.failures.first)
            writer.key("groups")
            list(it.groups, &writer) { group, writer in
                writer.map { writer in
                    writer.pair("group", group.name)
                    writer.pair("parts", integer: Int64(group.tally.parts))
                    writer.pair("unaffected", integer: Int64(group.tally.unaffected))
                    revenue(group.tally, &writer)
                }
            }
            writer.pair("seconds", seconds: it.took)
        }
    }

    /// `RULE STEP`.
    package func ruleSteps(_ it: RuleSteps, to writer: inout some AnswerWriter) {
        var answer: PriceAnswer?
        var error: String?
        switch it.trace.outcome {
        case .success(let it): answer = it
        case .failure(let it): error = it.text
        }
        writer.map { writer in
            writer.pair("charge", id: it.charge, as: .charge)
            writer.pair("rule", it.pricing.query.rule.text)
            writer.pair("sha256", it.trace.identity)
            writer.key("inputs")
            inputs(it.pricing.query, &writer)
            writer.key("steps")
            list(it.trace.steps, &writer) { step, writer in
                writer.map { writer in
                    writer.pair("line", integer: Int64(step.line))
                    writer.pair("source", String(it.trace.text(of: step).prefix(200)))
                    writer.key("locals")
                    writer.map { writer in
                        for local in step.locals {
                            writer.key(local.name)
                            writer.bulk(local.value)
                        }
                    }
                }
            }
            writer.pair("cut", flag: it.trace.isCut)
            writer.pair("answer", answer?.text)
            writer.pair("error", error)
            writer.pair("amount", it.amount)
            writer.pair("billed_answer", it.pricing.priced.answer.text)
            writer.pair("billed", it.billed)
        }
    }

    private func revenue(_ tally: RepricingTally, _ writer: inout some AnswerWriter) {
        writer.pair("revenue_old", tally.old)
        writer.pair("revenue_new", tally.new)
        writer.pair("difference", tally.difference)
    }
}
