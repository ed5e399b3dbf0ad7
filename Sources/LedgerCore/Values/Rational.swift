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
}
