/// An exact running charge: `amount` = round(numerator ÷ denominator) − what was posted before.
package struct MeteredUsage: Hashable, Sendable {
    package var amount: Money
    package var from: Timestamp
    package var through: Timestamp
    package var numerator: Int128
    package var denominator: Int128
    package var postedBefore: Money
    package var pricing: Pricing
}

extension MeteredUsage: Recordable {
    static let blank = MeteredUsage(
        amount: .zero, from: .distantPast, through: .distantPast, numerator: 0, denominator: 1, postedBefore: .zero,
        pricing: .blank)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&amount)
        try c.time(&from)
        try c.time(&through)
        try c.wide(&numerator)
        try c.wide(&denominator)
        try c.money(&postedBefore)
        try pricing.code(with: &c)
    }
}

extension StateMachine {
    /// The first daily instant of a user after `t`: spread over the day by the user's ordinal, so that not everyone is
    /// posted at midnight.
    static func daily(_ user: UserOrdinal, after t: Timestamp) -> Timestamp {
        let offset = Int64(UInt64(user.value &+ 1).spread % 86_400) * 1_000_000_000
        let day = Calendar.floorDay(t) * Calendar.nanosecondsPerDay + offset
        return Timestamp(nanoseconds: day > t.nanoseconds ? day : day + Calendar.nanosecondsPerDay)
    }
}
