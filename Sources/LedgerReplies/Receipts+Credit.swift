internal import LedgerCore

/// Receipts of commands that move credit.
extension ReplyEncoder {
    func charged(_ it: CreditCharged, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .charge, &writer)
        writer.pair("user", start.user)
        writer.pair("amount", it.amount)
        writer.pair("source", it.source)
        writer.pair("owed", it.settlement.debt)
        start.close(&writer)
    }

    func purchased(_ it: CreditPurchased, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .purchase, &writer)
        writer.pair("user", start.user)
        writer.pair("amount", it.amount)
        writer.pair("credits", it.amount)
        writer.pair("bonus", it.bonus)
        writer.pair("total", it.amount + it.bonus)
        writer.pair("repaid", it.repaid)
        writer.pair("method", it.method)
        writer.pair("reference", it.reference)
        start.close(&writer, bonus: it.bonus)
    }

    func granted(_ it: CreditGranted, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.lot.id, .lot, &writer)
        writer.pair("user", start.user)
        writer.pair("amount", it.amount)
        writer.pair("kind", it.lot.kind.text)
        writer.pair("scope", it.lot.scope.text)
        writer.pair("effective", it.lot.effective)
        writer.pair("expires", it.lot.expires)
        start.close(&writer)
    }

    func adjusted(_ it: CreditAdjusted, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("user", start.user)
        writer.pair("amount", it.amount)
        writer.pair("repaid", it.repaid)
        writer.pair("owed", it.settlement.debt)
        writer.pair("reference", it.reference)
        start.close(&writer)
    }

    func refunded(_ it: CreditRefunded, _ start: ReceiptStart, expired: Money, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("user", start.user)
        writer.pair("charge", id: it.charge, as: .charge)
        writer.pair("amount", it.amount)
        writer.pair("total", it.total ?? it.amount)
        writer.pair("source", it.source)
        writer.pair("forgiven", it.forgiven)
        writer.pair("expired", expired)
        start.close(&writer)
    }

    func sent(_ it: CreditSent, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("user", start.user)
        writer.pair("to", it.to)
        writer.pair("amount", it.amount)
        start.close(&writer)
    }

    // MARK: Allowances

    func changed(_ it: AllowanceChanged, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("who", start.user)
        guard !it.terms.isNone else { return }
        allowance(it.terms, &writer)
        writer.pair("granted", it.granted)
        writer.pair("next", it.next)
    }

    func set(_ it: TypeAllowanceSet, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("who", "type:\(it.type.text)")
        guard !it.terms.isNone else { return }
        allowance(it.terms, &writer)
        // Each of its users is given a lot of its own, by events that follow.
        writer.pair("granted", Money?.none)
        writer.pair("next", Timestamp.never)
    }

    func allowance(_ terms: AllowanceTerms, _ writer: inout some FieldWriter) {
        writer.pair("amount", terms.amount)
        writer.pair("every", terms.period.text)
        writer.pair("rollover", terms.rollover)
        writer.pair("scope", terms.scope.text)
    }

    // MARK: Holds

    func placed(_ it: HoldPlaced, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .hold, &writer)
        writer.pair("user", start.user)
        writer.pair("amount", it.amount)
        writer.pair("source", it.source)
        writer.pair("expires", it.expires)
        start.close(&writer)
    }

    func captured(_ it: HoldCaptured, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .charge, &writer)
        writer.pair("user", start.user)
        writer.pair("hold", id: it.hold, as: .hold)
        writer.pair("charge", id: start.born, as: .charge)
        writer.pair("amount", it.amount)
        writer.pair("source", it.source)
        writer.pair("final", flag: it.final)
        writer.pair("released", it.released)
        writer.pair("owed", it.settlement.debt)
        start.close(&writer)
    }

    func released(_ it: HoldReleased, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.hold, .hold, &writer)
        writer.pair("user", start.user)
        writer.pair("hold", id: it.hold, as: .hold)
        writer.pair("reason", it.reason == .voided ? "voided" : "expired")
        writer.pair("released", it.released)
        writer.pair("expired", it.broken)
        start.close(&writer)
    }
}
