package import LedgerCore
package import LedgerEngine
package import LedgerRules
package import RESP

/// What the engine found out by reading: passports, the journal, rules, itself.
extension ReplyEncoder {
    /// `PASSPORT VERIFY`. `email` is empty where the user has none.
    package func verified(
        _ verified: VerifiedPassport, user: ShortText, email: UnsafeRawBufferPointer, to writer: inout some AnswerWriter
    ) {
        writer.fields { writer in
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
        _ quote: SessionQuote, user: UserRow, tier: Tier, duration: TimeSpan, to writer: inout some AnswerWriter
    ) {
        writer.map { writer in
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
    }

    /// `USAGE QUOTE`.
    package func quote(_ pricing: Pricing, user: UserRow, to writer: inout some AnswerWriter) {
        guard case .usage(let meter, _, let quantity, _) = pricing.query else {
            preconditionFailure("a quote of something else than usage")
        }
        writer.map { writer in
            writer.pair("user", user.id)
            writer.pair("type", user.type.text)
            writer.pair("meter", meter)
            writer.pair("quantity", quantity)
            writer.pair("amount", pricing.amount)
            writer.pair("available", user.account.available)
            writer.pair("enough", flag: user.account.available >= pricing.amount)
            writer.pair("sha256", pricing.priced.rule)
        }
    }

    /// `CREDIT HISTORY`.
    package func history(_ rows: [HistoryRow], next: UInt64, to writer: inout some AnswerWriter) {
        page(rows, next, &writer) { row, writer in
            writer.map { writer in
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
                writer.pair("labels", row.labels)
            }
        }
    }

    /// `USER SUMMARY`.
    package func summary(_ it: Summary, user: ShortText, to writer: inout some AnswerWriter) {
        writer.map { writer in
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
            writer.pair("total_transferred", it.transferred)
            writer.pair("total_earned", it.earned)
            writer.pair("total_expired", it.expired)
            writer.pair("entries", integer: Int64(it.entries))
            writer.pair("storage_status", it.storage.status.text)
            writer.pair("storage_unpaid_since", it.storage.unpaidSince)
            writer.pair("storage_delete_due", it.storage.deleteDue)
            writer.key("spent_by_source")
            writer.map { writer in
                for total in it.billing {
                    writer.key(total.source)
                    writer.map { writer in
                        writer.pair("count", integer: Int64(total.count))
                        writer.pair("amount", total.amount)
                    }
                }
            }
            writer.key("sessions_by_tier")
            writer.map { writer in
                for total in it.sessions {
                    writer.key(total.tier.text)
                    writer.map { writer in
                        writer.pair("count", integer: Int64(total.count))
                        writer.pair("seconds", seconds: total.nanoseconds)
                        writer.pair("amount", total.amount)
                    }
                }
            }
            writer.key("usage_by_meter")
            writer.map { writer in
                for total in it.meters {
                    writer.key(total.meter)
                    writer.map { writer in
                        writer.pair("count", integer: Int64(total.count))
                        writer.pair("quantity", total.text)
                        writer.pair("amount", total.amount)
                    }
                }
            }
            if let byLabel = it.byLabel { spent(byLabel, &writer) }
        }
    }

    /// No label has a value in brackets: what has none cannot be taken for one.
    private func spent(_ it: Summary.LabelTotals, _ writer: inout some AnswerWriter) {
        writer.key("spent_by_label")
        writer.map { writer in
            for (value, total) in it.sorted {
                writer.key(value)
                sum(total, &writer)
            }
            guard it.others.count > 0 else { return }
            writer.key("(none)")
            sum(it.others, &writer)
        }
    }

    private func sum(_ total: Summary.LabelTotals.Total, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("count", integer: Int64(total.count))
            writer.pair("amount", total.amount)
        }
    }

    /// `EXPLAIN`.
    package func explanation(_ it: ChargeExplanation, user: ShortText, to writer: inout some AnswerWriter) {
        let event = it.event
        writer.map { writer in
            writer.pair("charge", id: event.id(shard: shard), as: event.facts.movement?.kind ?? .charge)
            writer.pair("lsn", integer: Int64(event.lsn.value))
            writer.pair("time", event.time)
            writer.pair("user", user)
            writer.pair("source", event.facts.charge?.source ?? event.facts.movement?.source ?? ShortText())
            writer.pair("amount", it.amount)
            writer.pair("from", it.usage?.from ?? event.effectiveFrom)
            writer.pair("to", it.usage?.through ?? event.effectiveTo)
            writer.pair("rule", it.pricing?.query.rule.text)
            writer.pair("sha256", it.pricing?.priced.rule ?? .none)
            writer.key("inputs")
            if let query = it.pricing?.query { inputs(query, &writer) } else { writer.null() }
            writer.pair("answer", it.pricing?.priced.answer.text)
            if case .tariff(let tariff) = it.pricing?.priced.answer {
                writer.pair("list", rate: tariff.listRate)
            } else {
                writer.pair("list", nil as Money?)
            }
            writer.key("arithmetic")
            list(it.arithmetic, &writer) { $1.bulk($0) }
            writer.pair("recomputed", it.recomputed)
            writer.key("lots")
            writer.array(it.settlement.held.count + it.settlement.free.count)
            lots(it.settlement.held, from: "hold", it.lots, &writer)
            lots(it.settlement.free, from: "free", it.lots, &writer)
            writer.pair("owed", it.settlement.debt)
            writer.pair("proof", it.proof?.sentence)
            writer.key("agrees")
            if let proof = it.proof { writer.integer(proof.agrees ? 1 : 0) } else { writer.null() }
            writer.pair("labels", event.labels)
        }
    }

    private func lots(
        _ burned: LotAmounts, from: StaticString, _ origins: [LotOrigin], _ writer: inout some AnswerWriter
    ) {
        for index in 0..<burned.count {
            writer.map { writer in
                writer.pair("lot", id: burned[index].lot, as: .lot)
                let origin = origins.first { $0.id == burned[index].lot }
                writer.pair("kind", origin?.kind.text)
                writer.pair("scope", origin?.scope.text.string)
                writer.pair("amount", burned[index].amount)
                writer.pair("from", from)
            }
        }
    }

    /// `HOLD GET` of a hold that is closed.
    package func closedHold(_ it: ClosedHold, user: ShortText, to writer: inout some AnswerWriter) {
        guard case .holdPlaced(let placed) = it.placed.body else { return rejection(.notFound(.hold), to: &writer) }
        writer.map { writer in
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
            writer.pair("labels", it.placed.labels)
        }
    }

    /// `RULE CHECK`.
    package func ruleCheck(_ it: RuleCheck, to writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("rule", it.name.text)
            writer.pair("sha256", it.identity)
            writer.pair("passes", flag: it.passes)
            writer.key("findings")
            list(it.findings, &writer) { $1.bulk($0.text) }
            writer.key("notes")
            list(it.notes, &writer) { $1.bulk($0) }
            writer.pair("worst_instructions", integer: Int64(it.worstInstructions))
            writer.key("prices")
            prices(it.book, &writer)
        }
    }

    /// `CLOCK`.
    package func clock(_ it: ClockReport, to writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("mode", it.mode.rawValue)
            writer.pair("reason", it.status.refusal ?? it.status.warning)
            writer.pair("time", it.now)
            writer.pair("wall", it.wall)
            writer.pair("deviation_seconds", seconds: it.status.deviation)
            writer.pair("step_seconds", seconds: it.step)
            writer.pair("accepted", it.accepted)
            writer.pair("expiring_lots", integer: Int64(it.overdue.lots))
            writer.pair("expiring_credit", MoneySum(nanos: it.overdue.credit))
            writer.pair("expiring_holds", integer: Int64(it.overdue.holds))
            writer.pair("ending_sessions", integer: Int64(it.overdue.sessions))
        }
    }

    /// `SLOWLOG GET`, newest first.
    package func latencies(_ entries: [LatencyLog.Entry], to writer: inout some AnswerWriter) {
        list(entries, &writer) { entry, writer in
            writer.array(3)
            writer.integer(entry.time.nanoseconds / 1000)
            writer.bulk(entry.event.text)
            writer.integer(Int64(clamping: entry.nanoseconds / 1000))
        }
    }

    package func latencies(
        _ latest: [(entry: LatencyLog.Entry, longest: UInt64)], to writer: inout some AnswerWriter
    ) {
        list(latest, &writer) { event, writer in
            writer.array(4)
            writer.bulk(event.entry.event.text)
            writer.integer(event.entry.time.nanoseconds / 1_000_000_000)
            writer.integer(Int64(clamping: event.entry.nanoseconds / 1_000_000))
            writer.integer(Int64(clamping: event.longest / 1_000_000))
        }
    }

    package func slowlog(_ entries: [SlowLog.Entry], to writer: inout some AnswerWriter) {
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

extension Summary.MeterTotal {
    /// In whole units, without trailing zeros.
    fileprivate var text: String {
        let power = Int128(MeterQuantity.power(scale))
        let rest = MeterQuantity(count: Int64(quantity % power), scale: scale).description
        return "\(quantity / power)" + rest.dropFirst()
    }
}
