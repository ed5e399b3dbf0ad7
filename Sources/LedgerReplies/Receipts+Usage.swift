package import LedgerCore
package import RESP

/// Receipts of sessions, storage and spaces: what is metered, or bought once.
extension ReplyEncoder {
    func started(_ it: SessionStarted, _ start: ReceiptStart, _ names: ReceiptNames, _ writer: inout some FieldWriter) {
        start.open(as: .session, &writer)
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

    func heard(_ it: SessionHeard, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.session, .session, &writer)
        writer.pair("status", it.status.text)
        writer.pair("lease_until", it.leaseUntil)
        writer.pair("deadline", it.deadline)
    }

    func retiered(_ it: SessionRetiered, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.session, .session, &writer)
        writer.pair("session", it.external)
        writer.pair("user", start.user)
        writer.pair("type", it.type.text)
        writer.pair("tier", it.tier.text)
        writer.pair("rate", rate: it.rate)
        writer.pair("list_rate", rate: it.listRate)
        writer.pair("charge", id: it.posted.isNone ? .none : BirthID(shard: shard, lsn: it.posted), as: .charge)
        writer.pair("amount", it.amount)
        writer.pair("status", it.status.text)
        writer.pair("lease_until", it.leaseUntil)
        writer.pair("deadline", it.deadline)
        start.close(&writer)
    }

    func closed(_ it: SessionClosed, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.session, .session, &writer)
        closedFields(it, start, &writer)
    }

    private func closedFields(_ it: SessionClosed, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
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
        writer.key("charges")
        writer.array(it.segments)
        for charge in it.charges { writer.id(BirthID(shard: shard, lsn: charge), as: .charge) }
        if it.isCharge { writer.id(start.born, as: .charge) }
        start.close(&writer)
    }

    func recorded(_ it: SessionRecorded, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .session, &writer)
        recordedFields(it, start, &writer)
    }

    private func recordedFields(_ it: SessionRecorded, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
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
        writer.pair("owed", it.settlement.debt)
        start.close(&writer)
    }

    /// `SESSION GET` of a session that ended or was recorded: its receipt, and `status` `closed`.
    package func closedSession(_ event: Event, names: ReceiptNames, to writer: inout some AnswerWriter) {
        let start = ReceiptStart(event, replayed: false, shard: shard, user: names.user)
        if case .sessionClosed(let it) = event.body {
            writer.map { writer in
                writer.pair("status", "closed")
                writer.pair("id", id: it.session, as: .session)
                closedFields(it, start, &writer)
                writer.pair("labels", event.labels)
            }
        } else if case .sessionRecorded(let it) = event.body {
            writer.map { writer in
                writer.pair("status", "closed")
                writer.pair("id", id: start.born, as: .session)
                recordedFields(it, start, &writer)
                writer.pair("labels", event.labels)
            }
        } else {
            rejection(.notFound(.session), to: &writer)
        }
    }

    // MARK: Storage and spaces

    func created(_ it: StorageCreated, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .resource, &writer)
        writer.pair("user", start.user)
        writer.pair("resource", it.resource)
        writer.pair("kind", it.kind.text)
        writer.pair("gb", gigabytes: it.megabytes)
        writer.pair("rate", rate: it.pricing.tariff.rate)
        writer.pair("list_rate", rate: it.pricing.tariff.listRate)
        start.close(&writer)
    }

    func resized(_ it: StorageResized, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.posted.resource, .resource, &writer)
        writer.pair("user", start.user)
        writer.pair("resource", it.posted.external)
        writer.pair("kind", it.posted.kind.text)
        writer.pair("gb", gigabytes: it.megabytes)
        writer.pair("rate", rate: it.pricing.tariff.rate)
        writer.pair("list_rate", rate: it.pricing.tariff.listRate)
        posted(it.posted, start, &writer)
        start.close(&writer)
    }

    func deleted(_ it: StorageDeleted, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.posted.resource, .resource, &writer)
        writer.pair("user", start.user)
        writer.pair("resource", it.posted.external)
        writer.pair("kind", it.posted.kind.text)
        writer.pair("gb", gigabytes: it.posted.megabytes)
        writer.pair("total", it.total)
        posted(it.posted, start, &writer)
        start.close(&writer)
    }

    private func posted(_ it: StoragePosted, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        writer.pair("charge", id: start.born, as: .charge)
        writer.pair("amount", it.usage.amount)
        writer.pair("owed", it.settlement.debt)
    }

    func added(_ it: SpaceAdded, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.entry.id, &writer)
        writer.pair("space", it.entry.id)
        writer.pair("name", it.entry.name)
        writer.pair("category", it.entry.category)
        writer.pair("gb", integer: it.entry.gigabytes)
        writer.pair("cost", it.entry.cost)
        writer.pair("public", flag: it.entry.isPublic)
        writer.pair("creator", it.creator)
        writer.pair("share", percent: it.entry.share)
    }

    /// SPACE GRANT, SPACE REVOKE.
    func granted(_ space: ShortText, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: space, &writer)
        writer.pair("user", start.user)
        writer.pair("space", space)
    }

    func purchased(_ it: SpacePurchased, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .space, &writer)
        writer.pair("user", start.user)
        writer.pair("space", it.space)
        writer.pair("workspace", it.workspace)
        writer.pair("instance", it.instance)
        writer.pair("gb", integer: it.gigabytes)
        writer.pair("charge", id: start.born, as: .charge)
        writer.pair("amount", it.amount)
        writer.pair("author_share", it.share?.amount ?? .zero)
        writer.pair("owed", it.settlement.debt)
        start.close(&writer)
    }

    // MARK: Meters

    func added(_ it: MeterAdded, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.name, &writer)
        writer.pair("meter", it.name)
        writer.pair("unit", it.unit)
        writer.pair("scale", integer: Int64(it.scale))
    }

    func recorded(_ it: UsageRecorded, at: Timestamp, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        let used = it.used
        start.open(as: .charge, &writer)
        writer.pair("user", start.user)
        writer.pair("usage", it.id)
        writer.pair("meter", used?.meter ?? ShortText())
        writer.pair("quantity", used?.quantity)
        writer.pair("unit", it.unit)
        writer.pair("charge", id: start.born, as: .charge)
        writer.pair("at", at)
        writer.pair("amount", it.pricing.amount)
        writer.pair("owed", it.settlement.debt)
        start.close(&writer)
    }
}
