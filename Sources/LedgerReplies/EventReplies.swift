package import LedgerCore
package import LedgerEngine
package import RESP

/// Events as maps: the same for who follows the ledger (`TAIL`) and for who asks what would be recorded (`DRYRUN`).
extension ReplyEncoder {
    /// One event, from its header, its facts and its after-image: `CommandTable.eventFields`, in that order. Personal
    /// texts are left out; so is what only `florin journal` shows. `user`: the id of the event's user.
    package func event(_ event: Event, user: ShortText, to writer: inout RESPWriter) {
        let facts = event.facts
        let (charge, moved) = (facts.charge, facts.movement)
        writer.map { writer in
            writer.pair("lsn", integer: Int64(event.lsn.value))
            writer.pair("time", event.time)
            writer.pair("type", event.body.code.name)
            writer.pair("user", user)
            writer.pair("origin", event.origin.text)
            writer.pair("group", integer: Int64(event.group.value))
            writer.pair("as_of", event.asOf)
            writer.pair("from", event.effectiveFrom)
            writer.pair("to", event.effectiveTo)
            writer.pair("linked", event.linked)
            writer.pair("id", event.id(shard: shard).text(as: charge == nil ? moved?.kind ?? .entry : .charge))
            writer.pair("moves", charge == nil ? moved.map { $0.isCredit ? "credit" : "debit" } : "debit")
            writer.pair("amount", charge?.amount ?? moved?.amount)
            writer.pair("source", charge?.source ?? moved?.source ?? ShortText())
            writer.pair("expired", facts.expired.isZero ? nil : facts.expired)
            writer.pair("session", facts.session)
            writer.pair("storage", facts.storage)
            writer.pair("hold", id: hold(of: event, facts), as: .hold)
            writer.pair("labels", event.labels)
            let after = event.user == .none ? nil : event.after
            writer.pair("available", after?.available)
            writer.pair("paid", after?.paid)
            writer.pair("promo", after?.promo)
            writer.pair("held", after?.held)
            writer.pair("debt", after?.debt)
        }
    }

    private func hold(of event: Event, _ facts: Facts) -> HoldID {
        if case .holdPlaced = event.body { return event.id(shard: shard) }
        return facts.hold?.hold ?? .none
    }

    /// `DRYRUN`. `receipt` writes that of an event.
    package func dryRun(
        _ it: DryRun, to writer: inout RESPWriter,
        receipt: (_ event: Event, _ replayed: Bool, _ writer: inout RESPWriter) -> Void
    ) {
        writer.map { writer in
            writer.key("receipt")
            if case .receipt(let event, let replayed) = it.verdict {
                receipt(event, replayed, &writer)
            } else {
                writer.null()
            }
            writer.key("refused")
            switch it.verdict {
            case .receipt: writer.null()
            case .refused(let rejection): refused(rejection.code, rejection.text, &writer)
            case .remembered(let rejection, let since):
                refused(rejection.code, "\(rejection.text) (remembered with this KEY since \(since))", &writer)
            }
            writer.pair("lsn", it.lsn)
            writer.key("events")
            list(it.tried?.events ?? [], &writer) { event($0.event, user: $0.user, to: &$1) }
            writer.pair("more_events", integer: Int64(it.tried?.others ?? 0))
            writer.key("books")
            writer.map { writer in
                for change in it.tried?.books ?? [] {
                    writer.key(change.account)
                    writer.bulk("\(MoneySum(nanos: change.amount))")
                }
            }
        }
    }

    private func refused(_ code: String, _ text: String, _ writer: inout RESPWriter) {
        writer.map { writer in
            writer.pair("code", code)
            writer.pair("text", text)
        }
    }
}

extension FieldWriter {
    /// The number of an event; none is null.
    fileprivate mutating func pair(_ name: StaticString, _ value: LSN) {
        key(name)
        if value.isNone { null() } else { integer(Int64(value.value)) }
    }
}

extension EventOrigin {
    fileprivate var text: StaticString {
        switch self {
        case .command: "command"
        case .timer, .timerAhead: "timer"
        case .script: "script"
        case .transaction: "transaction"
        }
    }
}
