/// The one place where an exact rational becomes money.
///
/// Rates are integers, times are whole nanoseconds, so every usage charge is a fraction of two `Int128`. It is kept
/// exact until a charge is posted and then rounded once: half-even for charges, up for quotes and holds (SPEC 2).
package enum Rational {
    /// `numerator / denominator` rounded half to even; nil when it does not fit in 64 bits. `denominator` > 0,
    /// `numerator` ≥ 0.
    package static func halfEven(_ numerator: Int128, over denominator: Int128) -> Money? {
        let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
        let twice = remainder * 2
        let roundsUp = twice > denominator || (twice == denominator && quotient % 2 != 0)
        return Int64(exactly: roundsUp ? quotient + 1 : quotient).map(Money.init(nanos:))
    }

    /// `numerator / denominator` rounded up; nil when it does not fit in 64 bits. `denominator` > 0, `numerator` ≥ 0.
    package static func up(_ numerator: Int128, over denominator: Int128) -> Money? {
        let (quotient, remainder) = numerator.quotientAndRemainder(dividingBy: denominator)
        return Int64(exactly: remainder > 0 ? quotient + 1 : quotient).map(Money.init(nanos:))
    }

    /// Splits `amount` in proportion to `weights` by the largest remainder; ties go to the earlier part. The parts sum
    /// to `amount`. Weights are ≥ 0 and not all zero; `amount` ≥ 0.
    package static func split(_ amount: Money, by weights: [Int64]) -> [Money] {
        let total = weights.reduce(Int128(0)) { $0 + Int128($1) }
        precondition(total > 0, "a split needs a positive weight")
        var parts: [Int64] = []
        var remainders: [(remainder: Int128, index: Int)] = []
        for (index, weight) in weights.enumerated() {
            let (quotient, remainder) = (Int128(amount.nanos) * Int128(weight)).quotientAndRemainder(dividingBy: total)
            parts.append(Int64(quotient))
            remainders.append((remainder, index))
        }
        var missing = amount.nanos - parts.reduce(0, +)
        for (_, index) in remainders.sorted(by: { ($1.remainder, $0.index) < ($0.remainder, $1.index) })
        where missing > 0 {
            parts[index] += 1
            missing -= 1
        }
        return parts.map(Money.init(nanos:))
    }
}
