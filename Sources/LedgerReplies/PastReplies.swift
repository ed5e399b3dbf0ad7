package import LedgerCore
package import LedgerEngine
package import RESP

/// What was: answers of `AT` and `DIFF`.
extension ReplyEncoder {
    /// `AT … CREDIT BALANCE`.
    package func pastBalance(_ it: PastAccount, user: ShortText, to writer: inout RESPWriter) {
        writer.map { writer in
            writer.pair("user", user)
            account(it, &writer)
        }
    }

    private func account(_ it: PastAccount, _ writer: inout RESPWriter) {
        writer.pair("type", it.type.text)
        writer.pair("state", it.state.text)
        amounts(it.account, &writer)
        writer.pair("time", it.time)
        writer.pair("lsn", integer: Int64(it.lsn.value))
    }

    private func amounts(_ account: AccountImage, _ writer: inout RESPWriter) {
        writer.pair("available", account.available)
        writer.pair("paid", account.paid)
        writer.pair("promo", account.promo)
        writer.pair("held", account.held)
        writer.pair("debt", account.debt)
    }

    /// `AT … USER GET`. Texts are opened with the key of today: there is none for who was deleted since.
    package func pastUser(_ it: PastAccount, user: ShortText, open: Opener, to writer: inout RESPWriter) {
        writer.map { writer in
            writer.pair("user", user)
            writer.pair("email", it.email.isEmpty ? nil : open(it.email, it.user))
            writer.pair("name", it.name.isEmpty ? nil : open(it.name, it.user))
            writer.pair("type", it.type.text)
            writer.pair("state", it.state.text)
            writer.pair("created", it.created)
            amounts(it.account, &writer)
            writer.pair("sessions", integer: Int64(it.sessions))
            writer.pair("time", it.time)
            writer.pair("lsn", integer: Int64(it.lsn.value))
        }
    }

    /// `AT … KNOWN now CREDIT BALANCE`.
    package func worth(_ it: KnownWorth, user: ShortText, to writer: inout RESPWriter) {
        writer.map { writer in
            writer.pair("user", user)
            writer.pair("at", it.moment)
            writer.pair("recorded", it.recorded)
            writer.pair("known", it.known)
            writer.pair("difference", MoneySum(nanos: it.known.nanos - it.recorded.nanos))
            writer.pair("corrections", integer: Int64(it.corrections))
        }
    }

    /// `DIFF`.
    package func difference(_ it: Difference, user: ShortText, to writer: inout RESPWriter) {
        let before = it.before?.account ?? AccountImage()
        writer.map { writer in
            writer.pair("user", user)
            writer.key("before")
            if let before = it.before { writer.map { account(before, &$0) } } else { writer.null() }
            writer.key("after")
            writer.map { account(it.after, &$0) }
            writer.key("change")
            writer.map { writer in
                let after = it.after.account
                writer.pair("available", after.available - before.available)
                writer.pair("paid", after.paid - before.paid)
                writer.pair("promo", after.promo - before.promo)
                writer.pair("held", after.held - before.held)
                writer.pair("debt", after.debt - before.debt)
            }
            writer.pair("entries", integer: Int64(it.events))
            writer.key("credits_by_source")
            totals(it.credits, &writer)
            writer.key("debits_by_source")
            totals(it.debits, &writer)
        }
    }

    private func totals(_ totals: [Difference.Total], _ writer: inout RESPWriter) {
        writer.map { writer in
            for total in totals {
                writer.key(total.source)
                writer.map { writer in
                    writer.pair("count", integer: Int64(total.count))
                    writer.pair("amount", total.amount)
                }
            }
        }
    }
}
