internal import LedgerCore

/// A time as a request writes it: RFC 3339, unix seconds, or `9999-12-31` (with or without a time of day) for never.
///
/// A bare number is a time only between 1980 and 2200. What lies outside was meant as something else: milliseconds, a
/// date without its dashes, a number of seconds from now, a year.
enum TimeText {
    case time(Timestamp)
    /// A number that is no unix time.
    case number
    /// A date that 64 bits of nanoseconds do not reach.
    case outOfRange
    case malformed

    /// 1980-01-01 to 2199-12-31.
    private static let unixSeconds = Timestamp(seconds: 315_532_800)..<Timestamp(seconds: 7_258_118_400)

    init(_ bytes: UnsafeRawBufferPointer) {
        if let time = Timestamp(parsing: bytes), !Self.isNumber(bytes) || Self.unixSeconds.contains(time) {
            self = .time(time)
        } else if Self.isNumber(bytes) {
            self = .number
        } else {
            self = Self.distant(bytes)
        }
    }

    var time: Timestamp? { if case .time(let time) = self { time } else { nil } }

    @inline(__always)
    private static func isNumber(_ bytes: UnsafeRawBufferPointer) -> Bool {
        // The fifth character of a date is a dash.
        guard bytes.count > 0, bytes.count < 5 || bytes[4] != UInt8(ascii: "-") else { return false }
        var digits = bytes[...]
        if digits.first == UInt8(ascii: "-") { digits = digits.dropFirst() }
        return !digits.isEmpty
            && digits.allSatisfy { $0 &- UInt8(ascii: "0") <= 9 || $0 == UInt8(ascii: ".") }
            && digits.first != UInt8(ascii: ".") && digits.last != UInt8(ascii: ".")
    }

    /// A date with a year of four digits, of which it is known that it is out of range or malformed.
    private static func distant(_ bytes: UnsafeRawBufferPointer) -> TimeText {
        guard bytes.count >= 10, bytes.count <= 64, bytes[..<4].allSatisfy({ $0 &- UInt8(ascii: "0") <= 9 }) else {
            return .malformed
        }
        // In a year that can be read, and has a 29 February.
        let near = Array("2000".utf8) + bytes[4...]
        guard near.withUnsafeBytes({ Timestamp(parsing: $0) }) != nil else { return .malformed }
        return bytes[..<10].elementsEqual("9999-12-31".utf8) ? .time(.never) : .outOfRange
    }
}
