internal import LedgerCore

// Credit, and holds on it.
extension Translator {
    func purchase(_ it: CreditPurchased, _ event: Event) -> Ask {
        var words = CommandWords("CREDIT PURCHASE", user(event), it.amount, it.method)
        words.add("REF", nonempty: it.reference)
        return .words(words)
    }

    func grant(_ it: CreditGranted, _ event: Event) -> Ask {
        var words = CommandWords("CREDIT GRANT", user(event), it.amount)
        words.add("KIND", it.lot.kind.text)
        if it.lot.effective > event.asOf { words.add("EFFECTIVE", it.lot.effective) }
        if it.lot.expires != .never { words.add("EXPIRES", it.lot.expires) }
        if !it.lot.scope.isEverything { words.add("FOR", it.lot.scope.text) }
        words.add("REASON", reason(it.reason))
        return .words(words)
    }

    func charge(_ it: CreditCharged, _ event: Event) -> Ask {
        var words = CommandWords("CREDIT CHARGE", user(event), it.amount, it.source)
        words.add("DESCRIPTION", nonempty: SyntheticText.text(for: it.description))
        words.add(flag: "OVER")
        label(&words, event)
        return .words(words)
    }

    func adjust(_ it: CreditAdjusted, _ event: Event) -> Ask {
        var words = CommandWords("CREDIT ADJUST", user(event), it.amount)
        words.add("REASON", reason(it.reason))
        words.add("REF", nonempty: it.reference)
        return .words(words)
    }

    /// A charge, or where the group says what all of its entries come to, a session. The last entry has the reason,
    /// and is the one that answers.
    func refund(_ first: CreditRefunded, _ group: RecordedGroup) throws(ReplayError) -> Ask {
        var last = first
        for event in group.events { if case .creditRefunded(let it) = event.body { last = it } }
        guard let total = last.total else {
            guard let charge = id(first.charge, as: .charge) else {
                return .unknown("creditRefunded, of a charge that has no number here")
            }
            var words = CommandWords("CREDIT REFUND", charge, first.amount)
            words.add("REASON", reason(first.reason))
            return .words(words)
        }
        guard let session = try recorded(first.charge.lsn)?.facts.session, !session.isEmpty else {
            return .unknown("creditRefunded, of a session that is not in the journal")
        }
        var words = CommandWords("CREDIT REFUND", session, total)
        words.add("REASON", reason(last.reason))
        return .words(words)
    }

    func transfer(_ it: CreditSent, _ event: Event) -> Ask {
        var words = CommandWords("CREDIT TRANSFER", user(event), it.to, it.amount)
        words.add("REASON", reason(it.reason))
        return .words(words)
    }

    // MARK: Holds

    func place(_ it: HoldPlaced, _ event: Event) -> Ask {
        var words = CommandWords("HOLD PLACE", user(event), it.amount)
        words.add("TTL", it.expires - event.asOf)
        words.add("SOURCE", it.source)
        label(&words, event)
        return .words(words)
    }

    func capture(_ it: HoldCaptured) -> Ask {
        guard let hold = id(it.hold, as: .hold) else { return .unknown("holdCaptured, of one that has no number here") }
        var words = CommandWords("HOLD CAPTURE", hold, it.amount)
        if it.final { words.add(flag: "FINAL") }
        words.add(flag: "OVER")
        return .words(words)
    }

    func void(_ it: HoldReleased) -> Ask {
        guard it.reason == .voided else { return .follows }
        guard let hold = id(it.hold, as: .hold) else { return .unknown("holdReleased, of one that has no number here") }
        return .words(CommandWords("HOLD VOID", hold))
    }

    // MARK: Parts

    /// What must be said: there is always one.
    func reason(_ sealed: PersonalText) -> [UInt8] {
        let text = SyntheticText.text(for: sealed)
        return text.isEmpty ? "replayed".bytes : text
    }

    func label(_ words: inout CommandWords, _ event: Event) {
        if !event.labels.isEmpty { words.add("LABELS", event.labels.text) }
    }
}
