/// An amount of credit: a signed number of nano-USD (1e-9 USD) in 64 bits, ±9.2 billion USD.
///
/// Money never meets floating point. Sums are checked (`adding`, `subtracting`); products are formed in `Int128` by
/// ``Rational`` and become money exactly once. `+` and `-` trap on overflow and are meant for values already proven
/// to fit, such as the parts of an amount that was validated whole.
package struct Money: Hashable, Comparable, Sendable {
    package var nanos: Int64

    package init(nanos: Int64) { self.nanos = nanos }

    package static let zero = Money(nanos: 0)
    package static let max = Money(nanos: .max)
    package static let cent = Money(nanos: 10_000_000)
    package static let dollar = Money(nanos: 1_000_000_000)

    package static func < (a: Money, b: Money) -> Bool { a.nanos < b.nanos }
    package static func + (a: Money, b: Money) -> Money { Money(nanos: a.nanos + b.nanos) }
    package static func - (a: Money, b: Money) -> Money { Money(nanos: a.nanos - b.nanos) }
    package static prefix func - (a: Money) -> Money { Money(nanos: -a.nanos) }
    package static func += (a: inout Money, b: Money) { a.nanos += b.nanos }
    package static func -= (a: inout Money, b: Money) { a.nanos -= b.nanos }

    package var isZero: Bool { nanos == 0 }
    package var isNegative: Bool { nanos < 0 }

    /// The sum, or nil when it does not fit in 64 bits.
    package func adding(_ other: Money) -> Money? {
        let (sum, overflow) = nanos.addingReportingOverflow(other.nanos)
        return overflow ? nil : Money(nanos: sum)
    }

    /// The difference, or nil when it does not fit in 64 bits.
    package func subtracting(_ other: Money) -> Money? {
        let (difference, overflow) = nanos.subtractingReportingOverflow(other.nanos)
        return overflow ? nil : Money(nanos: difference)
    }
}

/// A sum of amounts that no balance bounds: a turnover, an account of the books. Exact, in 128 bits.
package struct MoneySum: Hashable, Sendable {
    package var nanos: Int128

    package init(nanos: Int128 = 0) { self.nanos = nanos }

    package static let zero = MoneySum()

    package static func += (sum: inout MoneySum, amount: Money) { sum.nanos += Int128(amount.nanos) }
    package static func += (sum: inout MoneySum, other: MoneySum) { sum.nanos += other.nanos }
}

extension MoneySum: CustomStringConvertible {
    /// As an amount is written.
    package var description: String {
        if let nanos = Int64(exactly: nanos) { return "\(Money(nanos: nanos))" }
        let (whole, fraction) = nanos.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        return (nanos < 0 ? "-" : "") + "\(whole)" + "\(Money(nanos: Int64(fraction)))".dropFirst()
    }
}

// MARK: - Decimal text

extension Money {
    /// Reads decimal text: digits, optionally a point and one to nine digits; a leading minus only where `signed`.
    /// `1e3`, `+1`, `.5`, `1.`, ` 1`, `NaN`, a tenth fraction digit and anything beyond 64 bits give nil.
    package init?(parsing bytes: UnsafeRawBufferPointer, signed: Bool = false) {
        var index = 0
        var negative = false
        if signed, bytes.first == UInt8(ascii: "-") {
            negative = true
            index = 1
        }
        var magnitude: UInt64 = 0
        var fractionDigits = -1  // -1 before the point
        var wholeDigits = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: ".") {
                guard fractionDigits < 0, wholeDigits > 0 else { return nil }
                fractionDigits = 0
                continue
            }
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            if fractionDigits >= 0 {
                fractionDigits += 1
                guard fractionDigits <= 9 else { return nil }
            } else {
                wholeDigits += 1
            }
            let (scaled, overflow1) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = scaled.addingReportingOverflow(UInt64(digit))
            guard !overflow1, !overflow2 else { return nil }
            magnitude = sum
        }
        guard wholeDigits > 0, fractionDigits != 0 else { return nil }
        for _ in Swift.max(fractionDigits, 0)..<9 {
            let (scaled, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            guard !overflow else { return nil }
            magnitude = scaled
        }
        guard magnitude <= UInt64(Int64.max) else { return nil }
        self.nanos = negative ? -Int64(magnitude) : Int64(magnitude)
    }

    /// As ``init(parsing:signed:)`` for text that is already a `String`.
    package init?(_ text: String, signed: Bool = false) {
        var text = text
        let parsed = text.withUTF8 { Money(parsing: UnsafeRawBufferPointer($0), signed: signed) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// Appends exact decimal text: at least two fraction digits, further trailing zeros cut. Never allocates by itself.
    package func append(to bytes: inout [UInt8]) {
        if nanos < 0 { bytes.append(UInt8(ascii: "-")) }
        let magnitude = nanos.magnitude
        Decimal.append(magnitude / 1_000_000_000, to: &bytes)
        bytes.append(UInt8(ascii: "."))
        var fraction = magnitude % 1_000_000_000
        var divisor: UInt64 = 100_000_000
        var written = 0
        while written < 2 || fraction > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(fraction / divisor))
            fraction %= divisor
            divisor = Swift.max(divisor / 10, 1)
            written += 1
        }
    }
}

extension Money: CustomStringConvertible {
    package var description: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Unsigned integers as decimal digits, without Foundation and without `String`.
package enum Decimal {
    package static func append(_ value: UInt64, to bytes: inout [UInt8]) {
        if value >= 10 { append(value / 10, to: &bytes) }
        bytes.append(UInt8(ascii: "0") + UInt8(value % 10))
    }

    /// Digits only, no sign, no leading blank; nil beyond 64 bits.
    package static func parse(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
        guard !bytes.isEmpty else { return nil }
        var value: UInt64 = 0
        for byte in bytes {
            let digit = byte &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            let (scaled, overflow1) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflow2) = scaled.addingReportingOverflow(UInt64(digit))
            guard !overflow1, !overflow2 else { return nil }
            value = sum
        }
        return value
    }
}
