internal import LedgerCore

/// What all charges have in common.
struct ChargeFacts {
    var amount: Money
    /// The billing type.
    var source: ShortText
    var payment: Payment
    var usage: MeteredUsage?
    var pricing: Pricing?
}

extension EventBody {
    /// nil: this moves no money to revenue.
    var charge: ChargeFacts? {
        switch self {
        case .creditCharged(let charge):
            ChargeFacts(amount: charge.amount, source: charge.source, payment: charge.payment)
        case .holdCaptured(let capture):
            ChargeFacts(amount: capture.amount, source: capture.source, payment: capture.payment)
        case .sessionPosted(let posted): ChargeFacts("session_runtime", posted.usage, posted.payment)
        case .sessionClosed(let closed) where closed.reason != .cancelled:
            ChargeFacts("session_runtime", closed.usage, closed.payment)
        case .sessionRecorded(let recorded): ChargeFacts("session_runtime", recorded.usage, recorded.payment)
        case .storagePosted(let posted): ChargeFacts("storage_creation", posted.usage, posted.payment)
        case .storageResized(let resized): ChargeFacts("storage_creation", resized.posted.usage, resized.posted.payment)
        case .storageDeleted(let deleted): ChargeFacts("storage_creation", deleted.posted.usage, deleted.posted.payment)
        case .spacePurchased(let purchase):
            ChargeFacts(
                amount: purchase.amount, source: "space_purchase", payment: purchase.payment, pricing: purchase.pricing)
        default: nil
        }
    }

}

extension ChargeFacts {
    init(_ source: ShortText, _ usage: MeteredUsage, _ payment: Payment) {
        self.init(amount: usage.amount, source: source, payment: payment, usage: usage, pricing: usage.pricing)
    }
}

extension Event {
    /// The lot that this event made, when its id is `id`.
    func bornLot(_ id: LotID) -> LotOrigin? {
        guard id.lsn == lsn else { return nil }
        switch body {
        case .creditGranted(let grant): return grant.lot
        case .userCreated(let user) where !user.bonus.isZero: return born(id, .promo, "sign_up")
        case .creditPurchased(let purchase) where purchase.amount > purchase.repaid:
            return born(id, .paid, purchase.method)
        case .creditAdjusted(let adjust) where adjust.amount > adjust.repaid:
            return born(id, .adjustment, "adjustments")
        case .creditRefunded(let refund):
            guard var lot = refund.parts.first(where: { $0.lot.id.isNone })?.lot else { return nil }
            lot.id = id
            return lot
        default: return nil
        }
    }

    private func born(_ id: LotID, _ kind: LotKind, _ fundedBy: ShortText) -> LotOrigin {
        LotOrigin(
            id: id, kind: kind, priority: kind.defaultPriority, effective: time, expires: .never, fundedBy: fundedBy)
    }
}

extension ChargeExplanation {
    /// Does the arithmetic again, from what the event says alone.
    mutating func explainAmount() {
        if let usage {
            recomputed = Rational.halfEven(usage.numerator, over: usage.denominator)?.subtracting(usage.postedBefore)
            let tariff = usage.pricing.tariff
            arithmetic = [
                "rate \(Money(nanos: tariff.rate)) (list \(Money(nanos: tariff.listRate)))"
                    + (tariff.steps.isEmpty ? "" : ", then \(tariff.steps.count) steps"),
                "metered from \(usage.from) through \(usage.through): "
                    + "\(Decimal.seconds(TimeSpan(nanoseconds: usage.through.nanoseconds - usage.from.nanoseconds)))",
                "so far \(usage.numerator) / \(usage.denominator) nano-USD, rounded half to even",
                "less \(usage.postedBefore) posted before = \(usage.amount)",
            ]
        } else if let pricing {
            recomputed = pricing.amount
            arithmetic = ["the rule's amount: \(pricing.amount)"]
        } else {
            recomputed = amount
            arithmetic = ["the amount as it was asked: \(amount)"]
        }
    }
}

extension Decimal {
    /// `3600.5s`
    static func seconds(_ span: TimeSpan) -> String {
        let text = Money(nanos: span.nanoseconds).description
        return (text.hasSuffix(".00") ? String(text.dropLast(3)) : text) + "s"
    }
}
