internal import Glibc
package import LedgerCore

/// Writes RESP frames into memory that is there already, with plain stores: a receipt in a fifth of the instructions
/// that appending to an array byte by byte takes.
///
/// Safe because every store goes through ``put(_:)`` or ``copy(_:)``, or lies in space that ``take(_:)`` checked;
/// beyond the room there is a trap, never a stray byte. The one text that a client chooses without a small bound, an
/// e-mail address, is written as null when it does not fit.
package struct FieldCursor: FieldWriter {
    /// Enough for any receipt: at most 19 fields of keys up to 14 bytes and texts up to 80, and an address of 254.
    static let room = 2560
    /// A length, a letter, an underscore, eleven digits and two ends of lines.
    static let roomOfID = 20
    private static let longestText = 512

    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private(set) var count = 0
    package var pairs = 0
    private let isRESP3: Bool

    init(_ buffer: UnsafeMutableBufferPointer<UInt8>, isRESP3: Bool) {
        self.buffer = buffer
        self.isRESP3 = isRESP3
    }

    // MARK: Frames

    /// Leaves room for a header of two digits, as that of most receipts is: others move by a byte when they close.
    package mutating func openMap() -> Int { take(Self.mapHeader) }

    package mutating func closeMap(from start: Int, pairs: Int) {
        let number = isRESP3 ? pairs : pairs &* 2
        let digits = Self.digits(UInt64(number), base: 10)
        let body = start &+ Self.mapHeader
        let length = count &- body
        if digits != 2 {
            if digits > 2 { _ = take(digits &- 2) }
            let room = UnsafeMutableRawPointer(buffer.baseAddress!)
            memmove(room + (start &+ 3 &+ digits), room + body, length)
        }
        count = start
        put(isRESP3 ? UInt8(ascii: "%") : UInt8(ascii: "*"))
        decimal(UInt64(number))
        lineEnd()
        count &+= length
    }

    private static let mapHeader = 5

    package mutating func array(_ count: Int) {
        put(UInt8(ascii: "*"))
        decimal(UInt64(count))
        lineEnd()
    }

    package mutating func null() {
        if isRESP3 {
            put(UInt8(ascii: "_"))
        } else {
            put(UInt8(ascii: "$"))
            put(UInt8(ascii: "-"))
            put(UInt8(ascii: "1"))
        }
        lineEnd()
    }

    package mutating func integer(_ value: Int64) {
        put(UInt8(ascii: ":"))
        if value < 0 { put(UInt8(ascii: "-")) }
        decimal(value.magnitude)
        lineEnd()
    }

    package mutating func bulk(_ value: UnsafeRawBufferPointer) {
        let length = value.count
        guard length < 100 else { return bulk(long: value) }
        // The usual case in one piece: `$`, one or two digits, the text.
        var at = take(length &+ (length < 10 ? 6 : 7))
        buffer[at] = UInt8(ascii: "$")
        if length >= 10 {
            at &+= 1
            buffer[at] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: length / 10)
        }
        buffer[at &+ 1] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: length % 10)
        buffer[at &+ 2] = 0x0d
        buffer[at &+ 3] = 0x0a
        at &+= 4
        if let source = value.baseAddress {
            UnsafeMutableRawPointer(buffer.baseAddress! + at).copyMemory(from: source, byteCount: length)
        }
        buffer[at &+ length] = 0x0d
        buffer[at &+ length &+ 1] = 0x0a
    }

    private mutating func bulk(long value: UnsafeRawBufferPointer) {
        guard value.count <= Self.longestText else { return null() }
        header(value.count)
        copy(value)
        lineEnd()
    }

    package mutating func money(_ value: Money) {
        let (whole, fraction) = value.nanos.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        if fraction % 10_000_000 == 0 {
            decimal(value.isNegative, whole, fraction / 10_000_000, digits: 2)
        } else {
            cut(value.isNegative, whole, fraction, digits: 9)
        }
    }

    package mutating func thin(_ value: Int64, digits: Int) {
        var unit: UInt64 = 1
        for _ in 0..<digits { unit &*= 10 }
        let (whole, fraction) = value.magnitude.quotientAndRemainder(dividingBy: unit)
        if fraction == 0 {
            decimal(value < 0, whole, 0, digits: 0)
        } else {
            cut(value < 0, whole, fraction, digits: digits)
        }
    }

    package mutating func id(_ value: BirthID, as kind: BirthKind) {
        let digits = Self.digits(value.value, base: 62)
        header(digits + 2)
        put(kind.rawValue)
        put(UInt8(ascii: "_"))
        base62(value.value, digits)
        lineEnd()
    }

    package mutating func id(_ value: PassportID) {
        header(PassportID.digits)
        base62(value.value, PassportID.digits)
        lineEnd()
    }

    package mutating func instant(_ value: Timestamp) {
        let (days, inDay) = Self.floored(value.nanoseconds, by: Calendar.nanosecondsPerDay)
        let (year, month, day) = Calendar.civil(days: days)
        let (second, fraction) = inDay.quotientAndRemainder(dividingBy: 1_000_000_000)
        let digits = fraction == 0 ? 0 : fraction % 1_000_000 == 0 ? 3 : fraction % 1000 == 0 ? 6 : 9
        header(20 + (digits == 0 ? 0 : digits + 1))
        padded(UInt64(year), 4)
        put(UInt8(ascii: "-"))
        padded(UInt64(month), 2)
        put(UInt8(ascii: "-"))
        padded(UInt64(day), 2)
        put(UInt8(ascii: "T"))
        padded(UInt64(second / 3600), 2)
        put(UInt8(ascii: ":"))
        padded(UInt64(second / 60 % 60), 2)
        put(UInt8(ascii: ":"))
        padded(UInt64(second % 60), 2)
        if digits > 0 {
            put(UInt8(ascii: "."))
            padded(UInt64(digits == 3 ? fraction / 1_000_000 : digits == 6 ? fraction / 1000 : fraction), digits)
        }
        put(UInt8(ascii: "Z"))
        lineEnd()
    }

    // MARK: Numbers

    /// As below, without the zeros at the fraction's end.
    private mutating func cut(_ isNegative: Bool, _ whole: UInt64, _ fraction: UInt64, digits: Int) {
        var (fraction, digits) = (fraction, digits)
        while fraction % 10 == 0 { (fraction, digits) = (fraction / 10, digits - 1) }
        decimal(isNegative, whole, fraction, digits: digits)
    }

    /// A decimal number as a bulk string, with `digits` of `fraction` behind the point.
    private mutating func decimal(_ isNegative: Bool, _ whole: UInt64, _ fraction: UInt64, digits: Int) {
        let wholeDigits = Self.digits(whole, base: 10)
        header((isNegative ? 1 : 0) + wholeDigits + (digits > 0 ? digits + 1 : 0))
        if isNegative { put(UInt8(ascii: "-")) }
        padded(whole, wholeDigits)
        if digits > 0 {
            put(UInt8(ascii: "."))
            padded(fraction, digits)
        }
        lineEnd()
    }

    private mutating func decimal(_ value: UInt64) { padded(value, Self.digits(value, base: 10)) }

    /// Exactly `digits` decimal digits, from the last to the first.
    private mutating func padded(_ value: UInt64, _ digits: Int) {
        var at = take(digits) + digits
        var rest = value
        var left = digits
        while left >= 2 {
            let (quotient, pair) = rest.quotientAndRemainder(dividingBy: 100)
            at -= 2
            left -= 2
            buffer[at] = Self.pairs.utf8Start[Int(pair) &* 2]
            buffer[at &+ 1] = Self.pairs.utf8Start[Int(pair) &* 2 &+ 1]
            rest = quotient
        }
        if left == 1 { buffer[at - 1] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10) }
    }

    /// All numbers of two digits.
    private static var pairs: StaticString {
        """
        0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849\
        5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899
        """
    }

    private mutating func base62(_ value: UInt64, _ digits: Int) {
        var at = take(digits) + digits
        var rest = value
        for _ in 0..<digits {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 62)
            at -= 1
            buffer[at] = Base62.digit(digit)
            rest = quotient
        }
    }

    @inline(__always)
    private static func digits(_ value: UInt64, base: UInt64) -> Int {
        var count = 1
        var rest = value / base
        while rest > 0 { (count, rest) = (count + 1, rest / base) }
        return count
    }

    private static func floored(_ value: Int64, by unit: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = value.quotientAndRemainder(dividingBy: unit)
        return remainder < 0 ? (quotient - 1, remainder + unit) : (quotient, remainder)
    }

    // MARK: Bytes

    @inline(__always)
    private mutating func header(_ length: Int) {
        put(UInt8(ascii: "$"))
        if length < 10 { put(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: length)) } else { decimal(UInt64(length)) }
        lineEnd()
    }

    @inline(__always)
    private mutating func lineEnd() {
        put(0x0d)
        put(0x0a)
    }

    @inline(__always)
    private mutating func put(_ byte: UInt8) { buffer[take(1)] = byte }

    @inline(__always)
    private mutating func copy(_ bytes: UnsafeRawBufferPointer) {
        let start = take(bytes.count)
        guard let source = bytes.baseAddress, let room = buffer.baseAddress else { return }
        UnsafeMutableRawPointer(room + start).copyMemory(from: source, byteCount: bytes.count)
    }

    /// Where the next `length` bytes go.
    @inline(__always)
    private mutating func take(_ length: Int) -> Int {
        let start = count
        count &+= length
        precondition(count <= buffer.count, "a receipt is longer than its room")
        return start
    }
}
