internal import LedgerCore
package import LedgerEngine
internal import LedgerRules
internal import RESP

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
            counts(it.total, &writer)
            revenue(it.total, &writer)
            failures(it.failures, &writer)
            writer.key("groups")
            list(it.groups, &writer) { group, writer in
                writer.map { writer in
                    writer.pair("group", group.name)
                    writer.pair("parts", integer: Int64(group.tally.parts))
                    writer.pair("unaffected", integer: Int64(group.tally.unaffected))
                    revenue(group.tally, &writer)
                }
            }
            writer.key("admit")
            if let admission = it.admission { redecision(admission, to: &writer) } else { writer.null() }
            writer.pair("seconds", seconds: it.took)
        }
    }

    /// What ADMIT adds.
    private func redecision(_ it: RedecisionReport, to writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("same", flag: it.isSame)
            writer.pair("events", integer: Int64(it.events))
            writer.pair("through", integer: Int64(it.through.value))
            writer.pair("commands", integer: Int64(it.commands))
            writer.pair("alike", integer: Int64(it.alike))
            writer.pair("unlike", integer: Int64(it.unlike))
            writer.pair("moot", integer: Int64(it.moot))
            writer.pair("skipped", integer: Int64(it.skipped))
            writer.key("refused")
            list(it.refused, &writer) { refused, writer in
                writer.map { writer in
                    writer.pair("command", refused.command)
                    writer.pair("code", refused.code)
                    writer.pair("count", integer: Int64(refused.count))
                    writer.pair("amount", refused.amount)
                }
            }
            writer.pair("let_in", integer: Int64(it.letIn))
            writer.pair("timers", integer: Int64(it.timers))
            writer.pair("timers_unlike", integer: Int64(it.timersUnlike))
            writer.pair("ended_earlier", integer: Int64(it.endedEarlier))
            writer.pair("earlier_by", seconds: it.earlierBy)
            writer.pair("ended_later", integer: Int64(it.endedLater))
            writer.key("ended")
            list(it.ended, &writer) { ended, writer in
                writer.map { writer in
                    writer.pair("session", ended.session)
                    writer.pair("user", ended.user)
                    writer.pair("ended", ended.ended)
                    writer.pair("reason", ended.reason)
                    writer.pair("recorded", ended.recorded)
                    writer.pair("recorded_reason", ended.recordedReason)
                    writer.key("earlier_by")
                    if let span = ended.earlierBy { writer.thin(span.nanoseconds, digits: 9) } else { writer.null() }
                }
            }
            writer.pair("exhausted_old", integer: Int64(it.exhaustedOld))
            writer.pair("exhausted_new", integer: Int64(it.exhaustedNew))
            writer.pair("revenue_old", it.old)
            writer.pair("revenue_new", it.new)
            writer.pair("difference", it.difference)
            writer.pair("owed_old", it.owedOld)
            writer.pair("owed_new", it.owedNew)
            texts("differences", it.differences, &writer)
            texts("unknown", it.unknown, &writer)
            writer.pair("loading", seconds: it.loaded)
            writer.pair("deciding", seconds: it.decided)
            writer.pair("events_a_second", integer: it.rate)
        }
    }

    private func texts(_ name: StaticString, _ texts: [String], _ writer: inout some AnswerWriter) {
        writer.key(name)
        list(texts, &writer) { text, writer in writer.bulk(text) }
    }

    /// `RULE DIFF`, and `RULE SHADOW`, which `says` what ends it.
    package func shadow(_ it: ShadowReport, says: Bool, to writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("rule", it.rule.text)
            writer.pair("version", integer: Int64(it.version))
            writer.pair("sha256", it.identity)
            writer.pair("since", it.since)
            writer.pair("until", it.until)
            writer.pair("running", flag: !it.isOver)
            writer.pair("through", integer: Int64(it.through.value))
            counts(it.total, &writer)
            revenue(it.total, &writer)
            writer.key("median_change")
            writer.thin(Int64(it.median), digits: 1)
            writer.key("p95_change")
            writer.thin(Int64(it.high), digits: 1)
            writer.pair("worst_user", it.worstUser)
            writer.pair("worst_difference", it.worstDifference)
            failures(it.failures, &writer)
            guard says else { return }
            writer.pair("note", it.isOver ? "it has ended" : "a restart of the server ends it")
        }
    }

    private func counts(_ tally: RepricingTally, _ writer: inout some AnswerWriter) {
        writer.pair("parts", integer: Int64(tally.parts))
        writer.pair("unaffected", integer: Int64(tally.unaffected))
        writer.pair("higher", integer: Int64(tally.higher))
        writer.pair("lower", integer: Int64(tally.lower))
    }

    private func failures(_ failures: RepricingFailures, _ writer: inout some AnswerWriter) {
        writer.pair("failed", integer: Int64(failures.count))
        writer.pair("failed_revenue", failures.amount)
        writer.pair("first_failure", failures.first)
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
