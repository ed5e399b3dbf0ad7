internal import LedgerCore
internal import LedgerStorage

extension JournalReader {
    /// An event, decoded.
    func event(at lsn: LSN) throws(StorageError) -> Event {
        let decoded = try withEvent(at: lsn) { journaled in
            Result { () throws(StateError) in
                try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time)
            }
        }
        switch decoded {
        case .success(let event): return event
        case .failure(let error): throw StorageError(.refusedByState, "journal", "LSN \(lsn.value): \(error.reason)")
        }
    }

    /// What a refund needs to know of a charge; nil: the event is none.
    func refundable(_ event: Event) throws(StorageError) -> CreditRefund.Charge? {
        guard event.user != .none, let facts = event.facts.charge else { return nil }
        return CreditRefund.Charge(
            lsn: event.lsn, user: event.user, facts: facts, lots: try origins(of: facts.settlement),
            labels: event.labels)
    }

    /// What the burned lots are, in burn order, each once.
    func origins(of settlement: Settlement) throws(StorageError) -> [LotOrigin] {
        var lots: [LotOrigin] = []
        for id in settlement.lots {
            let event = try event(at: id.lsn)
            guard let origin = event.facts.bornLot(id, of: event.header) else {
                throw StorageError(.refusedByState, "journal", "LSN \(id.lsn.value) made no lot")
            }
            lots.append(origin)
        }
        return lots
    }
}

extension Settlement {
    /// The lots that it burned, in burn order, each once.
    var lots: [LotID] {
        var lots: [LotID] = []
        for amounts in [held, free] {
            for index in 0..<amounts.count where !lots.contains(amounts[index].lot) { lots.append(amounts[index].lot) }
        }
        return lots
    }
}
