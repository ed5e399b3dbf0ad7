/// An instant: nanoseconds since 1970-01-01T00:00:00Z, without leap seconds. UTC is the only zone Florin knows.
package struct Timestamp: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    package init(seconds: Int64) { self.nanoseconds = seconds * 1_000_000_000 }

    /// Before every instant a ledger can record.
    package static let distantPast = Timestamp(nanoseconds: .min)
    /// "Never": the default expiry.
    package static let never = Timestamp(nanoseconds: .max)
    /// 2200-01-01T00:00:00Z: no clock that is moved by hand goes beyond it, so that what is due later still has room
    /// before 64 bits end, in 2262.
    package static let lastOfClocks = Timestamp(seconds: 7_258_118_400)

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates at ``never`` and ``distantPast``.
    package static func + (a: Timestamp, b: TimeSpan) -> Timestamp {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return Timestamp(nanoseconds: overflow ? (b.nanoseconds > 0 ? .max : .min) : sum)
    }

    /// Saturates likewise.
    package static func - (a: Timestamp, b: TimeSpan) -> Timestamp {
        let (difference, overflow) = a.nanoseconds.subtractingReportingOverflow(b.nanoseconds)
        return Timestamp(nanoseconds: overflow ? (b.nanoseconds > 0 ? .min : .max) : difference)
    }

    /// Saturates at the ends of 64 bits.
    package static func - (a: Timestamp, b: Timestamp) -> TimeSpan {
        let (difference, overflow) = a.nanoseconds.subtractingReportingOverflow(b.nanoseconds)
        return TimeSpan(nanoseconds: overflow ? (a > b ? .max : .min) : difference)
    }
}

/// A length of time in nanoseconds. (`Swift.Duration` counts attoseconds in 128 bits, twice the size for no gain here.)
package struct TimeSpan: Hashable, Comparable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static let zero = TimeSpan(nanoseconds: 0)
    package static func seconds(_ n: Int64) -> TimeSpan { TimeSpan(nanoseconds: n * 1_000_000_000) }
    package static func minutes(_ n: Int64) -> TimeSpan { seconds(n * 60) }
    package static func hours(_ n: Int64) -> TimeSpan { seconds(n * 3600) }
    package static func days(_ n: Int64) -> TimeSpan { seconds(n * 86400) }

    package static func < (a: TimeSpan, b: TimeSpan) -> Bool { a.nanoseconds < b.nanoseconds }
    /// Sum and difference saturate at the ends of 64 bits.
    package static func + (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.nanoseconds)
        return TimeSpan(nanoseconds: overflow ? (b.nanoseconds > 0 ? .max : .min) : sum)
    }
    package static func - (a: TimeSpan, b: TimeSpan) -> TimeSpan {
        let (difference, overflow) = a.nanoseconds.subtractingReportingOverflow(b.nanoseconds)
        return TimeSpan(nanoseconds: overflow ? (b.nanoseconds > 0 ? .min : .max) : difference)
    }
}

extension TimeSpan {
    /// Reads `90s`, `10m`, `1.5h`, `30d`, `500ms`: a decimal number of at most nine fraction digits and a unit. Nil
    /// otherwise.
    package init?(parsing bytes: UnsafeRawBufferPointer) {
        var digits = bytes.count
        while digits > 0, bytes[digits - 1] &- UInt8(ascii: "a") < 26 { digits -= 1 }
        let unit: Int64
        switch String(decoding: bytes[digits...], as: UTF8.self) {
        case "ms": unit = 1_000_000
        case "s": unit = 1_000_000_000
        case "m": unit = 60 * 1_000_000_000
        case "h": unit = 3600 * 1_000_000_000
        case "d": unit = 86400 * 1_000_000_000
        default: return nil
        }
        guard let number = Money(parsing: UnsafeRawBufferPointer(rebasing: bytes[..<digits])) else { return nil }
        let (quotient, remainder) = (Int128(number.nanos) * Int128(unit)).quotientAndRemainder(
            dividingBy: 1_000_000_000)
        guard remainder == 0, let nanoseconds = Int64(exactly: quotient) else { return nil }
        self.nanoseconds = nanoseconds
    }

    package init?(_ text: String) {
        var text = text
        guard let parsed = text.withUTF8({ TimeSpan(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }
}
