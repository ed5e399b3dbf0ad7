package import LedgerCore
package import LedgerEngine
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

    private func revenue(_ tally: RepricingTally, _ writer: inout some AnswerWriter) {
        writer.pair("revenue_old", tally.old)
        writer.pair("revenue_new", tally.new)
        writer.pair("difference", tally.difference)
    }
}
