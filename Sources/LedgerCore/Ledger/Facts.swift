/// What an event means to everybody who does not decide: statements, receipts of refunds, EXPLAIN, summaries, mirrors
/// and exports read this and never ask which type of event it was.
package struct Facts: Sendable {
    /// What it took for usage or goods.
    package var charge: Charge?
    /// What it gave or took otherwise.
    package var movement: Movement?
    /// Credit that went to breakage with it: what was released of lots that had expired, or a lot's end.
    package var expired = Money.zero
    /// Lots that it made; of their ids only the index counts, see ``bornLot(_:of:)``.
    package var born: [LotOrigin] = []
    /// The platform's own ids of what it is about; empty where it is about neither.
    package var session = ShortText()
    package var storage = ShortText()
    /// Charges before this one of the session that ended with it, oldest first.
    package var sessionCharges: [LSN] = []
    /// What it did to a hold.
    package var hold: HoldChange?
    /// How a session's usage counts in a summary.
    package var usage: Usage?
    /// What a meter counted.
    package var metered: Metered?
    /// What was recorded under an id of its own, which answers the same arguments with its receipt again.
    package var recorded: Recorded?
    package var text = FactText.none

    package init() {}

    package struct Charge: Sendable {
        package var amount: Money
        /// The billing type: which revenue account it went to.
        package var source: ShortText
        package var settlement: Settlement
        package var usage: MeteredUsage?
        package var pricing: Pricing?
        /// The space that was bought with it, and what of it went to the space's creator.
        package var space = ShortText()
        package var share: SpaceShare?
        package init(
            amount: Money, source: ShortText, settlement: Settlement, usage: MeteredUsage? = nil,
            pricing: Pricing? = nil
        ) {
            self.amount = amount
            self.source = source
            self.settlement = settlement
            self.usage = usage
            self.pricing = pricing
        }

        init(_ usage: MeteredUsage, _ source: ShortText, _ settlement: Settlement) {
            self.init(
                amount: usage.amount, source: source, settlement: settlement, usage: usage, pricing: usage.pricing)
        }
    }

    /// What becomes of a summary's sums.
    package enum Total: Sendable { case purchased, granted, adjusted, refunded, transferred, earned }

    package struct Movement: Sendable {
        package var isCredit: Bool
        package var amount: Money
        /// What stands as its source in a statement.
        package var source: ShortText
        /// With which letter its id is shown.
        package var kind: BirthKind
        package var total: Total
        /// The lots that it took from, where it took.
        package var settlement: Settlement?
        package var derivation: Derivation?

        package init(
            isCredit: Bool, amount: Money, source: ShortText, kind: BirthKind, total: Total,
            settlement: Settlement? = nil, derivation: Derivation? = nil
        ) {
            self.isCredit = isCredit
            self.amount = amount
            self.source = source
            self.kind = kind
            self.total = total
            self.settlement = settlement
            self.derivation = derivation
        }
    }

    /// How an amount came about that nobody asked for: a fraction, rounded half to even, less `before`.
    package struct Derivation: Sendable {
        package var numerator: Int128
        package var denominator: Int128
        package var before: Money
        /// What the fraction is.
        package var words: String
    }

    package struct HoldChange: Sendable {
        package var hold: HoldID
        package var captured: Money
        package var released: Money
        /// Of `released`, what had expired.
        package var expired: Money
        /// What became of the hold, where it ended.
        package var ends: String?
    }

    package struct Metered: Sendable {
        package var meter: ShortText
        package var quantity: MeterQuantity
        package var amount: Money
    }

    package struct Recorded: Sendable {
        package var subject: Rejection.Subject
        /// Hash of what was asked.
        package var arguments: Hash128
    }

    package struct Usage: Sendable {
        package var tier: Tier
        package var from: Timestamp
        package var through: Timestamp
        package var amount: Money
        /// The session ended with it.
        package var ends: Bool
    }
}

/// A row's description in a statement.
package enum FactText: Sendable {
    case none
    /// A few words of ours.
    case words(String)
    /// Somebody's own.
    case personal(PersonalText)
}

extension Facts {
    /// The lot with this id, where this event made it.
    package func bornLot(_ id: LotID, of header: EventHeader) -> LotOrigin? {
        guard id.lsn == header.lsn, var lot = born.first(where: { $0.id.index == id.index }) else { return nil }
        lot.id = id
        return lot
    }
}
