package import LedgerCore
package import LedgerEngine
package import LedgerRules
package import RESP

/// What the engine found out by reading: passports, the journal, rules, itself.
extension ReplyEncoder {
    /// `PASSPORT VERIFY`. `email` is empty where the user has none.
    package func verify(
        _ verified: VerifiedPassport, user: ShortText, email: UnsafeRawBufferPointer, to writer: inout RESPWriter
    ) {
        writer.fields { writer in
            writer.map(9)
            writer.pair("passport", verified.passport.id)
            writer.pair("user", user)
            writer.key("email")
            if email.isEmpty { writer.null() } else { writer.bulk(email) }
            writer.pair("type", verified.type.text)
            writer.pair("state", verified.state.text)
            writer.pair("permissions", verified.passport.permissions)
            writer.pair("scope", verified.passport.scope.text)
            writer.pair("available", verified.available)
            writer.pair("debt", verified.debt)
        }
    }

    /// `SESSION QUOTE`.
    package func quote(
        _ quote: SessionQuote, user: UserRow, tier: Tier, duration: TimeSpan, to writer: inout RESPWriter
    ) {
        writer.map(10)
        writer.pair("user", user.id)
        writer.pair("type", user.type.text)
        writer.pair("tier", tier.text)
        writer.pair("seconds", seconds: duration)
        writer.pair("amount", quote.amount)
        writer.pair("rate", rate: quote.pricing.tariff.rate)
        writer.pair("list_rate", rate: quote.pricing.tariff.listRate)
        writer.pair("available", user.account.available)
        writer.pair("enough", flag: user.account.available >= quote.amount)
        writer.pair("sha256", quote.pricing.priced.rule)
    }

    /// `CREDIT HISTORY`.
    package func history(_ rows: [HistoryRow], next: UInt64, to writer: inout RESPWriter) {
        page(rows, next, &writer) { row, writer in
            writer.map(11)
            writer.pair("id", id: row.id, as: row.kind)
            writer.pair("time", row.time)
            writer.pair("from", row.from)
            writer.pair("to", row.to)
            writer.pair("type", row.isCredit ? "credit" : "debit")
            writer.pair("amount", row.amount)
            writer.pair("available", row.available)
            writer.pair("source", row.source)
            writer.pair("description", row.description.isEmpty ? nil : row.description)
            writer.pair("session", row.session)
            writer.pair("storage", row.storage)
        }
    }

    /// `USER SUMMARY`.
    package func summary(_ it: Summary, user: ShortText, to writer: inout RESPWriter) {
        writer.map(15)
        writer.pair("user", user)
        writer.pair("from", it.from ?? .distantPast)
        writer.pair("to", it.to ?? .never)
        writer.pair("current_balance", it.account.available)
        writer.pair("debt", it.account.debt)
        writer.pair("total_spent", it.spent)
        writer.pair("total_purchased", it.purchased)
        writer.pair("purchases", integer: Int64(it.purchases))
        writer.pair("total_granted", it.granted)
        writer.pair("total_adjusted", it.adjusted)
        writer.pair("total_refunded", it.refunded)
        writer.pair("total_expired", it.expired)
        writer.pair("entries", integer: Int64(it.entries))
        writer.bulk("spent_by_source")
        writer.map(it.billing.count)
        for total in it.billing {
            writer.text(total.source)
            writer.map(2)
            writer.pair("count", integer: Int64(total.count))
            writer.pair("amount", total.amount)
        }
        writer.bulk("sessions_by_tier")
        writer.map(it.sessions.count)
        for total in it.sessions {
            writer.bulk(total.tier.text)
            writer.map(3)
            writer.pair("count", integer: Int64(total.count))
            writer.pair("seconds", seconds: total.nanoseconds)
            writer.pair("amount", total.amount)
        }
    }

    /// `EXPLAIN`.
    package func explanation(_ it: ChargeExplanation, user: ShortText, to writer: inout RESPWriter) {
        let event = it.event
        writer.map(19)
        writer.pair("charge", id: event.id(shard: shard), as: .charge)
        writer.pair("lsn", integer: Int64(event.lsn.value))
        writer.pair("time", event.time)
        writer.pair("user", user)
        writer.pair("source", event.chargeSource)
        writer.pair("amount", it.amount)
        writer.pair("from", it.usage?.from ?? event.effectiveFrom)
        writer.pair("to", it.usage?.through ?? event.effectiveTo)
        writer.pair("rule", it.pricing?.query.rule.text)
        writer.pair("sha256", it.pricing?.priced.rule ?? .none)
        writer.bulk("inputs")
        if let query = it.pricing?.query { inputs(query, &writer) } else { writer.null() }
        writer.pair("answer", it.pricing?.priced.answer.text)
        if case .tariff(let tariff) = it.pricing?.priced.answer {
            writer.pair("list", rate: tariff.listRate)
        } else {
            writer.pair("list", nil as Money?)
        }
        writer.bulk("arithmetic")
        list(it.arithmetic, &writer) { $1.bulk($0) }
        writer.pair("recomputed", it.recomputed)
        writer.bulk("lots")
        writer.array(it.payment.held.count + it.payment.free.count)
        lots(it.payment.held, from: "hold", it.lots, &writer)
        lots(it.payment.free, from: "free", it.lots, &writer)
        writer.pair("owed", it.payment.debt)
        writer.pair("proof", it.proof?.sentence)
        writer.bulk("agrees")
        if let proof = it.proof { writer.integer(proof.agrees ? 1 : 0) } else { writer.null() }
    }

    private func lots(_ burned: LotAmounts, from: StaticString, _ origins: [LotOrigin], _ writer: inout RESPWriter) {
        for index in 0..<burned.count {
            writer.map(4)
            writer.pair("lot", id: burned[index].lot, as: .lot)
            writer.pair("kind", origins.first { $0.id == burned[index].lot }?.kind.text)
            writer.pair("amount", burned[index].amount)
            writer.pair("from", from)
        }
    }

    /// `HOLD GET` of a hold that is closed.
    package func closedHold(_ it: ClosedHold, user: ShortText, to writer: inout RESPWriter) {
        guard case .holdPlaced(let placed) = it.placed.body else { return rejection(.notFound(.hold), to: &writer) }
        writer.map(13)
        writer.pair("hold", id: it.placed.id(shard: shard), as: .hold)
        writer.pair("user", user)
        writer.pair("status", it.status)
        writer.pair("amount", placed.amount)
        writer.pair("source", placed.source)
        writer.pair("placed", it.placed.time)
        writer.pair("expires", placed.expires)
        writer.pair("captured", it.captured)
        writer.pair("released", it.released)
        writer.pair("expired", it.expired)
        writer.pair("closed", it.closed)
        writer.pair("original", placed.amount)
        writer.pair("remaining", Money.zero)
    }

    /// `RULE CHECK`.
    package func ruleCheck(_ it: RuleCheck, to writer: inout RESPWriter) {
        writer.map(5)
        writer.pair("rule", it.name.text)
        writer.pair("sha256", it.identity)
        writer.pair("passes", flag: it.passes)
        writer.bulk("findings")
        list(it.findings, &writer) { $1.bulk($0.text) }
        writer.bulk("prices")
        prices(it.book, &writer)
    }

    /// `SLOWLOG GET`, newest first.
    package func slowlog(_ entries: [SlowLog.Entry], to writer: inout RESPWriter) {
        list(entries, &writer) { entry, writer in
            writer.array(6)
            writer.integer(Int64(clamping: entry.id))
            writer.integer(entry.time.nanoseconds / 1_000_000_000)
            writer.integer(Int64(clamping: entry.nanoseconds / 1000))
            list(entry.command.split(separator: " "), &writer) { $1.bulk(String($0)) }
            writer.bulk("")
            writer.bulk("")
        }
    }
}

extension Event {
    /// The revenue account that a charge went to; empty for other events.
    var chargeSource: ShortText {
        switch body {
        case .creditCharged(let it): it.source
        case .holdCaptured(let it): it.source
        case .sessionPosted, .sessionClosed, .sessionRecorded: "session_runtime"
        case .storagePosted, .storageResized, .storageDeleted: "storage_creation"
        case .spacePurchased: "space_purchase"
        default: ShortText()
        }
    }
}
