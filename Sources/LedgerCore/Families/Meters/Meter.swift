/// A billing type of the platform's own: something that is counted, and priced by the rule `meter:NAME`.
struct Meter: Recordable, Equatable {
    var name = ShortText()
    var unit = ShortText()
    var description: [UInt8] = []
    /// Fraction digits of a quantity: what is counted are units of 10^-scale.
    var scale: UInt8 = 0
    var created = Timestamp.distantPast

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&name)
        try c.text(&unit)
        try c.bytes(&description)
        try c.small(&scale)
        guard scale <= MeterQuantity.maximumScale else { return try c.fail("a meter has too many fraction digits") }
        try c.time(&created)
    }
}

/// What was used of something in one go, as it was counted.
package struct MeterQuantity: Hashable, Sendable {
    /// Units of 10^-scale.
    package var count: Int64
    package var scale: UInt8

    package static let maximumScale: UInt8 = 9

    package init(count: Int64, scale: UInt8) {
        self.count = count
        self.scale = scale
    }

    /// From billionths; nil where there are more fraction digits than the scale has.
    package init?(billionths: Int64, scale: UInt8) {
        let parts = Self.power(Self.maximumScale - scale)
        guard billionths % parts == 0 else { return nil }
        self.init(count: billionths / parts, scale: scale)
    }

    package var billionths: Int64 { count * Self.power(Self.maximumScale - scale) }

    /// How many counts make a whole unit.
    package static func power(_ scale: UInt8) -> Int64 { (0..<scale).reduce(1) { power, _ in power * 10 } }
}

extension MeterQuantity: CustomStringConvertible {
    /// `0.25`, without trailing zeros.
    package var description: String {
        let power = Self.power(scale)
        var fraction = String(count % power + power).dropFirst()
        while fraction.last == "0" { fraction.removeLast() }
        return "\(count / power)" + (fraction.isEmpty ? "" : ".\(fraction)")
    }
}

extension StateMachine {
    /// Meters are few, and none is ever removed: a meter's number is its name in other tables.
    static let maximumMeters = 256

    /// Of the quantities that a rule is asked about; 0 for those that are of no meter.
    package func scale(of rule: RuleName) -> UInt8 {
        guard case .meter(let name) = rule, let meter = meter(name) else { return 0 }
        return store.meters[meter].scale
    }

    func meter(_ name: ShortText) -> Int? { store.meters.firstIndex { $0.name == name } }

    /// What a user used of a meter in a month: in a table by user, month and meter.
    func meteredKey(_ user: UserOrdinal, _ meter: Int, _ month: Month) -> Hash128 {
        let high = Store.monthKey(user, month)
        // One to one for each of the two: no two keys are the same.
        return Hash128(high: high, low: (high.spread ^ UInt64(meter + 1)).spread)
    }

    /// What was recorded for a month so far.
    func metered(_ user: UserOrdinal, _ meter: Int, in month: Month) -> Int64 {
        Int64(bitPattern: store.metered[meteredKey(user, meter, month)] ?? 0)
    }
}
