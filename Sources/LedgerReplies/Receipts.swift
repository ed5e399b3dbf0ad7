package import LedgerCore
package import RESP

extension ReplyEncoder {
    /// The receipt of a command, from the primary event of its group. `secret` is a new passport's, shown once: pass it
    /// for the first answer only. A journaled refusal is answered as the error it was.
    ///
    /// A pure function of its arguments. Allocates nothing but the buffer's growth where the event has no lists.
    package func receipt(
        of event: Event, replayed: Bool, names: ReceiptNames, secret: [UInt8]? = nil, to writer: inout some AnswerWriter
    ) {
        if case .refused(let it) = event.body {
            let rejection = it.rejection.rejection
            if replayed { return remembered(rejection, since: event.time, to: &writer) }
            return self.rejection(rejection, to: &writer)
        }
        let start = ReceiptStart(event, replayed: replayed, shard: shard, user: names.user)
        var ids = 0
        if case .sessionClosed(let it) = event.body { ids = it.segments }
        writer.fields(roomFor: ids) { writer in
            switch event.body {
            // The hot ones first.
            case .creditCharged(let it): charged(it, start, &writer)
            case .sessionStarted(let it): started(it, start, names, &writer)
            case .sessionClosed(let it): closed(it, start, &writer)
            case .sessionRecorded(let it): recorded(it, start, &writer)
            case .sessionHeard(let it): heard(it, start, &writer)
            case .sessionRetiered(let it): retiered(it, start, &writer)
            case .holdPlaced(let it): placed(it, start, &writer)
            case .holdCaptured(let it): captured(it, start, &writer)
            case .holdReleased(let it): released(it, start, &writer)
            case .creditPurchased(let it): purchased(it, start, &writer)
            case .creditGranted(let it): granted(it, start, &writer)
            case .creditAdjusted(let it): adjusted(it, start, &writer)
            case .creditRefunded(let it): refunded(it, start, expired: event.facts.expired, &writer)
            case .creditSent(let it): sent(it, start, &writer)
            case .userCreated(let it): created(it, start, names, &writer)
            case .userChanged(let it): changed(it, start, names, &writer)
            case .passportCreated(let it): created(it, start, names, secret, &writer)
            case .passportChanged(let it): changed(it, start, &writer)
            case .passportRevoked(let it): revoked(it.passport, start, &writer)
            case .userDeleted(let it): deleted(it, start, &writer)
            case .storageCreated(let it): created(it, start, &writer)
            case .storageResized(let it): resized(it, start, &writer)
            case .storageDeleted(let it): deleted(it, start, &writer)
            case .spaceAdded(let it): added(it, start, &writer)
            case .spacePurchased(let it): purchased(it, start, &writer)
            case .spaceGranted(let it): granted(it.space, start, &writer)
            case .spaceRevoked(let it): granted(it.space, start, &writer)
            case .meterAdded(let it): added(it, start, &writer)
            case .usageRecorded(let it): recorded(it, at: event.effectiveFrom, start, &writer)
            case .ruleLoaded(let it): loaded(it, start, &writer)
            case .ruleScheduled(let it): scheduled(it, start, &writer)
            case .ruleActivated(let it): activated(it, start, &writer)
            case .limitsSet(let it): set(it, start, &writer)
            case .userLimitSet(let it): set(it, start, &writer)
            case .allowanceChanged(let it): changed(it, start, &writer)
            case .typeAllowanceSet(let it): set(it, start, &writer)
            case .ledgerCreated, .engineStarted, .clockAccepted, .leaseRenewed, .sessionExhausting, .sessionPosted,
                .sessionRepriced, .storagePosted, .storageDeleteDue, .storageResumed, .lotExpired, .lotEffective,
                .creditReceived, .allowanceGranted, .allowanceRoundAdvanced, .shareEarned, .shareReturned, .refused,
                .answered, .scriptRan:
                // Only CLOCK ACCEPT asks for one of these; the engine's own events have no reader but the journal's.
                start.open(as: .entry, &writer)
            }
        }
    }
}

/// What every receipt begins with.
struct ReceiptStart {
    let lsn: LSN
    let time: Timestamp
    let replayed: Bool
    let user: ShortText
    /// The thing that the event created.
    let born: BirthID
    let available: Money
    let debt: Money

    /// An event is a large value: what is needed of it is copied, not the whole.
    init(_ event: borrowing Event, replayed: Bool, shard: UInt16, user: ShortText) {
        lsn = event.lsn
        time = event.time
        self.replayed = replayed
        self.user = user
        born = event.id(shard: shard)
        available = event.after.available
        debt = event.after.debt
    }

    func open(as kind: BirthKind, _ writer: inout some FieldWriter) {
        open(id: born, kind, &writer)
    }

    func open(id: BirthID, _ kind: BirthKind, _ writer: inout some FieldWriter) {
        head(&writer)
        writer.id(id, as: kind)
    }

    func open(id: ShortText, _ writer: inout some FieldWriter) {
        head(&writer)
        writer.text(id)
    }

    func open(id: PassportID, _ writer: inout some FieldWriter) {
        head(&writer)
        writer.id(id)
    }

    private func head(_ writer: inout some FieldWriter) {
        writer.pair("lsn", integer: Int64(lsn.value))
        writer.pair("time", time)
        writer.pair("replayed", flag: replayed)
        writer.key("id")
    }

    /// What the account looks like afterwards. A bonus that follows as an event of its own is counted
    /// in.
    func close(_ writer: inout some FieldWriter, bonus: Money = .zero) {
        writer.pair("available", available + bonus)
        writer.pair("debt", debt)
    }
}
