package import LedgerCore
package import RESP

extension ReplyEncoder {
    /// The receipt of a command, from the primary event of its group. `secret` is a new passport's, shown once: pass it
    /// for the first answer only. A journaled refusal is answered as the error it was.
    ///
    /// A pure function of its arguments. Allocates nothing but the buffer's growth where the event has no lists.
    package func receipt(
        _ event: Event, replayed: Bool, names: ReceiptNames, secret: [UInt8]? = nil, to writer: inout RESPWriter
    ) {
        if case .refused(let it) = event.body { return rejection(it.rejection.rejection, to: &writer) }
        let start = Start(event, replayed: replayed, shard: shard, user: names.user)
        writer.fields { writer in
            switch event.body {
            // The hot ones first.
            case .creditCharged(let it): charged(it, start, &writer)
            case .sessionStarted(let it): started(it, start, names, &writer)
            case .sessionClosed(let it): closed(it, start, &writer)
            case .sessionRecorded(let it): recorded(it, start, &writer)
            case .sessionHeard(let it): heard(it, start, &writer)
            case .holdPlaced, .holdCaptured, .holdReleased: hold(event, start, &writer)
            case .creditPurchased, .creditGranted, .creditAdjusted, .creditRefunded: credit(event, start, &writer)
            case .userCreated, .userChanged, .passportCreated, .passportRevoked:
                account(event, start, names, secret, &writer)
            case .storageCreated, .storageResized, .storageDeleted, .spaceAdded, .spacePurchased:
                storage(event, start, &writer)
            case .ruleLoaded, .ruleScheduled, .ruleActivated, .limitsSet: rule(event, start, &writer)
            case .ledgerCreated, .engineStarted, .clockAccepted, .leaseRenewed, .sessionExhausting, .sessionPosted,
                .sessionRepriced, .storagePosted, .lotExpired, .lotEffective, .refused, .answered:
                // Only CLOCK ACCEPT asks for one of these; the engine's own events have no reader but the journal's.
                start.open(0, as: .entry, &writer)
            }
        }
    }

    /// What every receipt begins with.
    private struct Start {
        let lsn: LSN
        let time: Timestamp
        let replayed: Bool
        let user: ShortText
        /// The thing that the event created.
        let born: BirthID
        let available: Money
        let debt: Money

        // An event is a large value: what is needed of it is copied, not the whole.
        init(_ event: borrowing Event, replayed: Bool, shard: UInt16, user: ShortText) {
            lsn = event.lsn
            time = event.time
            self.replayed = replayed
            self.user = user
            born = event.id(shard: shard)
            available = event.after.available
            debt = event.after.debt
        }

        func open(_ fields: Int, as kind: BirthKind, _ writer: inout FieldCursor) {
            open(fields, id: born, kind, &writer)
        }

        func open(_ fields: Int, id: BirthID, _ kind: BirthKind, _ writer: inout FieldCursor) {
            head(fields, &writer)
            writer.id(id, as: kind)
        }

        func open(_ fields: Int, id: ShortText, _ writer: inout FieldCursor) {
            head(fields, &writer)
            writer.text(id)
        }

        func open(_ fields: Int, id: PassportID, _ writer: inout FieldCursor) {
            head(fields, &writer)
            writer.id(id)
        }

        private func head(_ fields: Int, _ writer: inout FieldCursor) {
            writer.map(4 + fields)
            writer.pair("lsn", integer: Int64(lsn.value))
            writer.pair("time", time)
            writer.pair("replayed", flag: replayed)
            writer.key("id")
        }

        /// Two pairs: what the account looks like afterwards. A bonus that follows as an event of its own is counted
        /// in.
        func close(_ writer: inout FieldCursor, bonus: Money = .zero) {
            writer.pair("available", available + bonus)
            writer.pair("debt", debt)
        }
    }

    // MARK: Charges and sessions

    private func charged(_ it: CreditCharged, _ start: Start, _ writer: inout FieldCursor) {
        start.open(6, as: .charge, &writer)
        writer.pair("user", start.user)
        writer.pair("amount", it.amount)
        writer.pair("source", it.source)
        writer.pair("owed", it.payment.debt)
        start.close(&writer)
    }

    private func started(_ it: SessionStarted, _ start: Start, _ names: ReceiptNames, _ writer: inout FieldCursor) {
        start.open(13, as: .session, &writer)
        writer.pair("session", it.session)
        writer.pair("user", start.user)
        writer.pair("email", names.email)
        writer.pair("type", it.type.text)
        writer.pair("tier", it.tier.text)
        writer.pair("rate", rate: it.pricing.tariff.rate)
        writer.pair("list_rate", rate: it.pricing.tariff.listRate)
        writer.pair("held", it.held)
        writer.pair("lease_until", it.leaseUntil)
        writer.pair("empty_at", it.emptyAt)
        writer.pair("ttl_end", it.ttlEnd)
        start.close(&writer)
    }

    private func heard(_ it: SessionHeard, _ start: Start, _ writer: inout FieldCursor) {
        start.open(3, id: it.session, .session, &writer)
        writer.pair("status", it.status.text)
        writer.pair("lease_until", it.leaseUntil)
        writer.pair("deadline", it.deadline)
    }

    private func closed(_ it: SessionClosed, _ start: Start, _ writer: inout FieldCursor) {
        start.open(14, id: it.session, .session, &writer)
        closedFields(it, start, &writer)
    }

    /// Fourteen pairs.
    private func closedFields(_ it: SessionClosed, _ start: Start, _ writer: inout FieldCursor) {
        writer.pair("session", it.external)
        writer.pair("user", start.user)
        writer.pair("type", it.type.text)
        writer.pair("tier", it.tier.text)
        // A cancelled session charged nothing: there is no charge to explain.
        writer.pair("charge", id: it.reason == .cancelled ? .none : start.born, as: .charge)
        writer.pair("reason", it.reason.text)
        writer.pair("started", it.started)
        writer.pair("ended", it.usage.through)
        writer.pair("seconds", seconds: it.usage.through - it.started)
        writer.pair("amount", it.total)
        writer.pair("released", it.released)
        writer.pair("segments", integer: Int64(it.segments))
        start.close(&writer)
    }

    private func recorded(_ it: SessionRecorded, _ start: Start, _ writer: inout FieldCursor) {
        start.open(13, as: .session, &writer)
        recordedFields(it, start, &writer)
    }

    /// Thirteen pairs.
    private func recordedFields(_ it: SessionRecorded, _ start: Start, _ writer: inout FieldCursor) {
        writer.pair("session", it.session)
        writer.pair("user", start.user)
        writer.pair("type", it.type.text)
        writer.pair("tier", it.tier.text)
        writer.pair("charge", id: start.born, as: .charge)
        writer.pair("from", it.usage.from)
        writer.pair("to", it.usage.through)
        writer.pair("seconds", seconds: it.usage.through - it.usage.from)
        writer.pair("rate", rate: it.usage.pricing.tariff.rate)
        writer.pair("amount", it.usage.amount)
        writer.pair("owed", it.payment.debt)
        start.close(&writer)
    }

    /// `SESSION GET` of a session that ended or was recorded: its receipt, and `status` `closed`.
    package func closedSession(_ event: Event, names: ReceiptNames, to writer: inout RESPWriter) {
        let start = Start(event, replayed: false, shard: shard, user: names.user)
        switch event.body {
        case .sessionClosed(let it):
            writer.fields { writer in
                writer.map(16)
                writer.pair("status", "closed")
                writer.pair("id", id: it.session, as: .session)
                closedFields(it, start, &writer)
            }
        case .sessionRecorded(let it):
            writer.fields { writer in
                writer.map(15)
                writer.pair("status", "closed")
                writer.pair("id", id: start.born, as: .session)
                recordedFields(it, start, &writer)
            }
        default: rejection(.notFound(.session), to: &writer)
        }
    }

    // MARK: Holds

    private func hold(_ event: Event, _ start: Start, _ writer: inout FieldCursor) {
        switch event.body {
        case .holdPlaced(let it):
            start.open(6, as: .hold, &writer)
            writer.pair("user", start.user)
            writer.pair("amount", it.amount)
            writer.pair("source", it.source)
            writer.pair("expires", it.expires)
        case .holdCaptured(let it):
            start.open(10, as: .charge, &writer)
            writer.pair("user", start.user)
            writer.pair("hold", id: it.hold, as: .hold)
            writer.pair("charge", id: start.born, as: .charge)
            writer.pair("amount", it.amount)
            writer.pair("source", it.source)
            writer.pair("final", flag: it.final)
            writer.pair("released", it.released)
            writer.pair("owed", it.payment.debt)
        case .holdReleased(let it):
            start.open(7, id: it.hold, .hold, &writer)
            writer.pair("user", start.user)
            writer.pair("hold", id: it.hold, as: .hold)
            writer.pair("reason", it.reason == .voided ? "voided" : "expired")
            writer.pair("released", it.released)
            writer.pair("expired", it.broken)
        default: preconditionFailure("the receipt of a hold was asked for another event")
        }
        start.close(&writer)
    }

    // MARK: Credit

    private func credit(_ event: Event, _ start: Start, _ writer: inout FieldCursor) {
        switch event.body {
        case .creditPurchased(let it):
            start.open(10, as: .purchase, &writer)
            writer.pair("user", start.user)
            writer.pair("amount", it.amount)
            writer.pair("credits", it.amount)
            writer.pair("bonus", it.bonus)
            writer.pair("total", it.amount + it.bonus)
            writer.pair("repaid", it.repaid)
            writer.pair("method", it.method)
            writer.pair("reference", it.reference)
            return start.close(&writer, bonus: it.bonus)
        case .creditGranted(let it):
            start.open(7, id: it.lot.id, .lot, &writer)
            writer.pair("user", start.user)
            writer.pair("amount", it.amount)
            writer.pair("kind", it.lot.kind.text)
            writer.pair("effective", it.lot.effective)
            writer.pair("expires", it.lot.expires)
        case .creditAdjusted(let it):
            start.open(7, as: .entry, &writer)
            writer.pair("user", start.user)
            writer.pair("amount", it.amount)
            writer.pair("repaid", it.repaid)
            writer.pair("owed", it.payment.debt)
            writer.pair("reference", it.reference)
        case .creditRefunded(let it):
            start.open(8, as: .entry, &writer)
            writer.pair("user", start.user)
            writer.pair("charge", id: it.charge, as: .charge)
            writer.pair("amount", it.amount)
            writer.pair("source", it.source)
            writer.pair("forgiven", it.forgiven)
            writer.pair("expired", event.expired)
        default: preconditionFailure("the receipt of credit was asked for another event")
        }
        start.close(&writer)
    }

    // MARK: Users and passports

    private func account(
        _ event: Event, _ start: Start, _ names: ReceiptNames, _ secret: [UInt8]?, _ writer: inout FieldCursor
    ) {
        switch event.body {
        case .userCreated(let it):
            start.open(7, id: it.id, &writer)
            writer.pair("user", it.id)
            writer.pair("email", names.email)
            writer.pair("type", it.type.text)
            writer.pair("state", UserState.active.text)
            writer.pair("bonus", it.bonus)
            start.close(&writer)
        case .userChanged(let it):
            start.open(5, as: .entry, &writer)
            writer.pair("user", start.user)
            switch it.field {
            case .name:
                writer.pair("changed", "name")
                writer.pair("value", names.name)
            case .type:
                writer.pair("changed", "type")
                writer.pair("value", it.type.text)
            case .state:
                writer.pair("changed", "state")
                writer.pair("value", it.state.text)
            }
            start.close(&writer)
        case .passportCreated(let it):
            start.open(secret == nil ? 10 : 11, id: it.id, &writer)
            writer.pair("passport", it.id)
            writer.pair("user", start.user)
            writer.pair("name", names.passport)
            writer.pair("permissions", it.permissions)
            writer.pair("scope", it.scope.text)
            writer.pair("expires", it.expires)
            writer.pair("rate", rateLimit: it.rate)
            writer.pair("last_four", lastFour: it.lastFour)
            writer.pair("replaces", it.replaces)
            writer.pair("replaced_until", it.replaces.value == 0 ? .never : it.replacedExpires)
            if let secret { writer.pair("secret", secret) }
        case .passportRevoked(let id):
            start.open(2, id: id, &writer)
            writer.pair("passport", id)
            writer.pair("user", start.user)
        default: preconditionFailure("the receipt of a user or passport was asked for another event")
        }
    }

    // MARK: Storage and spaces

    private func storage(_ event: Event, _ start: Start, _ writer: inout FieldCursor) {
        switch event.body {
        case .storageCreated(let it):
            start.open(8, as: .resource, &writer)
            writer.pair("user", start.user)
            writer.pair("resource", it.resource)
            writer.pair("kind", it.kind.text)
            writer.pair("gb", gigabytes: it.megabytes)
            writer.pair("rate", rate: it.pricing.tariff.rate)
            writer.pair("list_rate", rate: it.pricing.tariff.listRate)
        case .storageResized(let it):
            start.open(11, id: it.posted.resource, .resource, &writer)
            writer.pair("user", start.user)
            writer.pair("resource", it.posted.external)
            writer.pair("kind", it.posted.kind.text)
            writer.pair("gb", gigabytes: it.megabytes)
            writer.pair("rate", rate: it.pricing.tariff.rate)
            writer.pair("list_rate", rate: it.pricing.tariff.listRate)
            posted(it.posted, start, &writer)
        case .storageDeleted(let it):
            start.open(10, id: it.posted.resource, .resource, &writer)
            writer.pair("user", start.user)
            writer.pair("resource", it.posted.external)
            writer.pair("kind", it.posted.kind.text)
            writer.pair("gb", gigabytes: it.posted.megabytes)
            writer.pair("total", it.total)
            posted(it.posted, start, &writer)
        case .spaceAdded(let it):
            start.open(6, id: it.space.id, &writer)
            writer.pair("space", it.space.id)
            writer.pair("name", it.space.name)
            writer.pair("category", it.space.category)
            writer.pair("gb", integer: it.space.gigabytes)
            writer.pair("cost", it.space.cost)
            writer.pair("public", flag: it.space.isPublic)
            return
        case .spacePurchased(let it):
            start.open(10, as: .space, &writer)
            writer.pair("user", start.user)
            writer.pair("space", it.space)
            writer.pair("workspace", it.workspace)
            writer.pair("instance", it.instance)
            writer.pair("gb", integer: it.gigabytes)
            writer.pair("charge", id: start.born, as: .charge)
            writer.pair("amount", it.amount)
            writer.pair("owed", it.payment.debt)
        default: preconditionFailure("the receipt of storage or spaces was asked for another event")
        }
        start.close(&writer)
    }

    /// Three pairs.
    private func posted(_ it: StoragePosted, _ start: Start, _ writer: inout FieldCursor) {
        writer.pair("charge", id: start.born, as: .charge)
        writer.pair("amount", it.usage.amount)
        writer.pair("owed", it.payment.debt)
    }

    // MARK: Rules and limits

    private func rule(_ event: Event, _ start: Start, _ writer: inout FieldCursor) {
        switch event.body {
        case .ruleLoaded(let it):
            start.open(3, as: .entry, &writer)
            writer.pair("rule", it.name.text)
            writer.pair("version", integer: Int64(it.version))
            writer.pair("sha256", it.identity)
        case .ruleScheduled(let it):
            start.open(4, as: .entry, &writer)
            writer.pair("rule", it.name.text)
            writer.pair("version", integer: Int64(it.version))
            writer.pair("sha256", it.identity)
            writer.pair("at", it.at)
        case .ruleActivated(let it):
            start.open(4, as: .entry, &writer)
            writer.pair("rule", it.name.text)
            writer.pair("version", integer: Int64(it.version))
            writer.pair("sha256", it.identity)
            writer.pair("at", start.time)
        case .limitsSet(let it):
            start.open(3, as: .entry, &writer)
            writer.pair("type", it.type.text)
            writer.pair("limit", it.limit.text)
            writer.pair("value", it.limit.show(it.value))
        default: preconditionFailure("the receipt of rules or limits was asked for another event")
        }
    }
}
