package import LedgerCore
package import LedgerEngine

/// Other worlds.
extension ReplyEncoder {
    package func fork(_ name: ShortText, _ fork: Fork, took: TimeSpan, to writer: inout some AnswerWriter) {
        writer.map { writer in
            about(name, fork, &writer)
            writer.pair("seconds", seconds: took)
        }
    }

    package func forks(_ forks: [(name: ShortText, fork: Fork)], to writer: inout some AnswerWriter) {
        list(forks, &writer) { row, writer in
            writer.map { writer in about(row.name, row.fork, &writer) }
        }
    }

    private func about(_ name: ShortText, _ fork: Fork, _ writer: inout some AnswerWriter) {
        writer.pair("name", name)
        writer.pair("lsn", integer: Int64(fork.lsn.value))
        writer.pair("time", fork.now)
        writer.pair("began", fork.began)
        writer.pair("users", integer: Int64(fork.users))
    }

    package func advanced(_ name: ShortText, _ fork: Fork, to writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("name", name)
            writer.pair("time", fork.now)
            writer.pair("lsn", integer: Int64(fork.engine.durableLSN.value))
        }
    }

    package func difference(
        _ it: Fork.Difference, name: ShortText, _ fork: Fork, to writer: inout some AnswerWriter
    ) {
        writer.map { writer in
            writer.pair("name", name)
            writer.pair("since", integer: Int64(fork.lsn.value))
            writer.pair("lsn", integer: Int64(it.last.value))
            writer.pair("time", it.now)
            writer.pair("events", integer: Int64(it.events))
            writer.pair("users_changed", integer: Int64(it.usersChanged))
            writer.pair("sessions_exhausted", integer: Int64(it.sessionsExhausted))
            writer.pair("spent", it.spent)
            writer.key("users")
            list(it.users, &writer) { row, writer in
                writer.map { writer in
                    writer.pair("user", row.user)
                    writer.pair("available_before", row.availableBefore)
                    writer.pair("available", row.available)
                    writer.pair("debt_before", row.debtBefore)
                    writer.pair("debt", row.debt)
                    writer.pair("spent", row.spent)
                    writer.pair("events", integer: Int64(row.events))
                    writer.pair("sessions_ended", integer: Int64(row.sessionsEnded))
                    writer.pair("exhausted", row.exhausted ?? .never)
                }
            }
        }
    }
}
