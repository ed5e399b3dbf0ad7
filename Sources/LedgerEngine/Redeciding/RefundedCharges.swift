internal import LedgerCore
internal import LedgerStorage

/// Charges that refunds of a time name, in the other world: how they were paid there, which a refund returns.
///
/// Where the time has no refund of a charge of its own, nothing is kept. Else: each such charge, and every lot that was
/// made since both worlds began.
struct RefundedCharges: ~Copyable {
    /// A posting of a timer, found again in the other world by what it is about.
    private struct Posting: Hashable {
        let user: UserOrdinal
        let session: ShortText
        let storage: ShortText
        let from: Timestamp

        init(_ event: Event) {
            let facts = event.facts
            (user, session, storage, from) = (event.user, facts.session, facts.storage, event.effectiveFrom)
        }
    }

    /// By their number in the journal.
    private let wanted: Set<UInt64>
    private let reader: JournalReader
    /// The last event that both worlds have.
    private let begun: LSN
    private var found: [UInt64: CreditRefund.Charge] = [:]
    private var lots: [UInt64: LotOrigin] = [:]
    private var postings: [Posting: CreditRefund.Charge] = [:]

    init(_ wanted: Set<UInt64>, begun: LSN, reader: JournalReader) {
        self.wanted = wanted.filter { $0 > begun.value }
        (self.begun, self.reader) = (begun, reader)
    }

    var isEmpty: Bool { wanted.isEmpty }

    /// A charge by its id in the journal; nil: it was not made here.
    func charge(_ recorded: Event) throws(StorageError) -> CreditRefund.Charge? {
        recorded.lsn > begun ? found[recorded.lsn.value] : try reader.refundable(recorded)
    }

    /// Something was decided here; `byTimer`: nobody knows yet which event of the journal it stands for.
    mutating func note(_ here: Event, shard: UInt16, byTimer: Bool = false) throws(StorageError) {
        guard !isEmpty else { return }
        let facts = here.facts
        for var lot in facts.born {
            lot.id = here.header.id(shard: shard, index: lot.id.index)
            lots[lot.id.value] = lot
        }
        if byTimer, let charge = try refundable(here, facts) { postings[Posting(here)] = charge }
    }

    /// The journal's event is this one here.
    mutating func match(_ recorded: Event, _ here: Event) throws(StorageError) {
        guard wanted.contains(recorded.lsn.value) else { return }
        found[recorded.lsn.value] = try refundable(here, here.facts)
    }

    /// An event of a timer in the journal.
    mutating func match(timer recorded: Event) {
        guard !isEmpty, recorded.facts.charge != nil, let here = postings.removeValue(forKey: Posting(recorded)),
            wanted.contains(recorded.lsn.value)
        else { return }
        found[recorded.lsn.value] = here
    }

    private func refundable(_ here: Event, _ facts: Facts) throws(StorageError) -> CreditRefund.Charge? {
        guard let charge = facts.charge else { return nil }
        var origins: [LotOrigin] = []
        for amounts in [charge.settlement.held, charge.settlement.free] {
            for index in 0..<amounts.count where !origins.contains(where: { $0.id == amounts[index].lot }) {
                let id = amounts[index].lot
                if let known = lots[id.value] {
                    origins.append(known)
                } else if id.lsn <= begun {
                    let event = try reader.event(at: id.lsn)
                    if let origin = event.facts.bornLot(id, of: event.header) { origins.append(origin) }
                }
            }
        }
        return CreditRefund.Charge(
            lsn: here.lsn, user: here.user, facts: charge, lots: origins, labels: here.labels)
    }
}
