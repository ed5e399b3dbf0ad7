/// What a posting of storage was counted by, besides time.
package struct StoredUsage: Sendable {
    package var resource: ResourceID
    package var megabytes: Int64
    /// Debt reached its ceiling: what accrued beyond `amount` was not charged.
    package var isCapped: Bool
    /// The clock of the resource's tariff starts anew at its end.
    package var isRepriced: Bool
}

/// What storage would have cost under other answers, exactly as the books would have it: a resource's postings are
/// rounded as one sum for each UTC month.
///
/// Two things are taken as they were: what was cut because debt had reached its ceiling is not raised, and what stood
/// still while it was not paid for costs nothing. A posting does not say that it stood still: it shows in its sum,
/// which does not grow. (Where the price was 0 it does not grow either: that counts as if it had gone on.)
///
/// Memory: some 80 bytes for each resource.
struct HypotheticalStorage: Sendable {
    /// A resource's month so far.
    private struct Running {
        /// To be divided by the month's length.
        var numerator: Int128
        var posted: Money
        /// The numerator that the books have.
        var recorded: Int128
    }

    private var running: [UInt64: Running] = [:]

    /// Nil where the price is above every ceiling. A resource's postings in their order; what came before the first of
    /// them is taken as it is in the books. `pricedFrom`: where the clock of its tariff started; `.never` where no
    /// tariff has steps.
    mutating func amount(
        of stored: StoredUsage, _ usage: MeteredUsage, _ tariff: Tariff, pricedFrom: Timestamp, isLast: Bool
    ) -> Money? {
        let megabytes = Int128(stored.megabytes)
        guard Int128(tariff.highestRate) * megabytes / 1000 <= StateMachine.maximumMonthly else { return nil }
        let start = pricedFrom == .never ? usage.from : pricedFrom
        let (from, to) = (usage.from - start, usage.through - start)
        let accrued = usage.pricing.tariff.integral(from: from, to: to) * megabytes
        let before = running[stored.resource.value]
        let stoodStill = stored.stoodStill(usage, accrued, before: before?.recorded)
        let began =
            before
            ?? Running(
                numerator: stored.isCapped
                    ? Int128(usage.postedBefore.nanos) * usage.denominator
                    : usage.numerator - (stoodStill ? 0 : accrued),
                posted: usage.postedBefore, recorded: 0)
        var numerator = began.numerator + (stoodStill ? 0 : tariff.integral(from: from, to: to) * megabytes)
        guard let total = Rational.halfEven(numerator, over: usage.denominator),
            var amount = total.subtracting(began.posted)
        else { return nil }
        if stored.isCapped, amount > usage.amount {
            amount = usage.amount
            numerator = Int128((began.posted + amount).nanos) * usage.denominator
        }
        let isMonthsEnd = usage.from < usage.through && Month(containing: usage.from).end == usage.through
        running[stored.resource.value] =
            isLast || isMonthsEnd
            ? nil : Running(numerator: numerator, posted: began.posted + amount, recorded: usage.numerator)
        return amount
    }

    mutating func forget(_ stored: StoredUsage) { running[stored.resource.value] = nil }
}

extension StoredUsage {
    /// Whether nothing accrued although its price and size say so. `before`: the sum before it, in the books; nil: only
    /// what had been posted of it is known, which is that sum rounded.
    fileprivate func stoodStill(_ usage: MeteredUsage, _ accrued: Int128, before: Int128?) -> Bool {
        guard accrued > 0, !isCapped else { return false }
        if let before { return usage.numerator == before }
        guard usage.numerator >= accrued else { return true }
        return Rational.halfEven(usage.numerator - accrued, over: usage.denominator) != usage.postedBefore
    }
}
