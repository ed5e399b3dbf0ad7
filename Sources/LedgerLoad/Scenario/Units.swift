/// Durations and figures as people write and read them, without Foundation.
package enum Units {
    /// `250us`, `10ms`, `1.5s`, `5m`, `1h` in nanoseconds; nil for anything else.
    package static func nanoseconds(_ text: String) -> UInt64? {
        let units: [(String, Double)] = [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)]
        guard let unit = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        guard let value = decimal(String(text.dropLast(unit.0.count))), value * unit.1 < 1e18 else { return nil }
        return UInt64((value * unit.1).rounded())
    }

    /// Digits with at most one point: no sign, no exponent.
    static func decimal(_ text: String) -> Double? {
        guard !text.isEmpty, text.utf8.allSatisfy({ 48...57 ~= $0 || $0 == 46 }) else { return nil }
        return Double(text)
    }

    /// `0.82 ms`, `12.4 ms`, `1.21 s`: three digits that count.
    package static func duration(_ nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        switch value {
        case ..<1e6: return "\(significant(value / 1e3)) µs"
        case ..<1e9: return "\(significant(value / 1e6)) ms"
        default: return "\(significant(value / 1e9)) s"
        }
    }

    /// Three digits that count, as a decimal number.
    package static func significant(_ value: Double) -> String {
        guard value > 0 else { return "0" }
        return fixed(value, digits: value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
    }

    /// With so many digits after the point.
    package static func fixed(_ value: Double, digits: Int) -> String {
        let scale = (0..<digits).reduce(1.0) { scale, _ in scale * 10 }
        let scaled = Int64((abs(value) * scale).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        let whole = scaled / Int64(scale)
        guard digits > 0 else { return "\(sign)\(grouped(whole))" }
        let fraction = String(scaled % Int64(scale))
        return sign + grouped(whole) + "." + String(repeating: "0", count: digits - fraction.count) + fraction
    }

    /// With at most three digits after the point and nothing between the others: a number of JSON and SVG.
    package static func plain(_ value: Double) -> String {
        guard value.isFinite else { return "0" }
        let thousandths = Int64((abs(value) * 1000).rounded())
        var text = (value < 0 && thousandths > 0 ? "-" : "") + "\(thousandths / 1000)"
        let rest = thousandths % 1000
        guard rest > 0 else { return text }
        let digits = "\(1000 + rest)".dropFirst()
        text += "." + digits
        while text.hasSuffix("0") { text.removeLast() }
        return text
    }

    /// `1,234,567`.
    package static func grouped(_ value: some BinaryInteger) -> String {
        var digits = Array(String(value))
        var position = digits.count - 3
        let first = digits.first == "-" ? 1 : 0
        while position > first {
            digits.insert(",", at: position)
            position -= 3
        }
        return String(digits)
    }

    /// Nano-dollars as decimal text.
    package static func money(_ nanos: some BinaryInteger) -> String {
        let magnitude = nanos.magnitude
        var fraction = String(magnitude % 1_000_000_000)
        fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
        while fraction.utf8.count > 2, fraction.hasSuffix("0") { fraction.removeLast() }
        return (nanos < 0 ? "-" : "") + grouped(magnitude / 1_000_000_000) + "." + fraction
    }

    /// Decimal text in nano-dollars; nil unless it is one, with at most nine fraction digits.
    static func nanos(_ text: UnsafeRawBufferPointer) -> Int64? {
        var value: Int64 = 0
        var fraction = -1
        var position = 0
        let isNegative = text.first == UInt8(ascii: "-")
        if isNegative { position = 1 }
        // A digit first, and none missing after the point.
        guard position < text.count, 48...57 ~= text[position], text[text.count - 1] != UInt8(ascii: ".") else {
            return nil
        }
        while position < text.count {
            let byte = text[position]
            position += 1
            if byte == UInt8(ascii: "."), fraction < 0 {
                fraction = 0
                continue
            }
            guard 48...57 ~= byte, fraction < 9 else { return nil }
            if fraction >= 0 { fraction += 1 }
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, more) = tens.addingReportingOverflow(Int64(byte - 48))
            guard !over, !more else { return nil }
            value = sum
        }
        for _ in max(fraction, 0)..<9 {
            let (tens, over) = value.multipliedReportingOverflow(by: 10)
            guard !over else { return nil }
            value = tens
        }
        return isNegative ? -value : value
    }

    /// The same without a bound, for sums of many accounts.
    static func wideNanos(_ text: Substring) -> Int128? {
        let digits = text.drop { $0 == "-" }
        guard text.count - digits.count <= 1 else { return nil }
        let parts = digits.split(separator: ".", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { 48...57 ~= $0 } }) else {
            return nil
        }
        let fraction = parts.count == 2 ? parts[1] : ""
        guard parts[0].count <= 25, fraction.count <= 9 else { return nil }
        let padded = parts[0] + fraction + String(repeating: "0", count: 9 - fraction.count)
        return Int128(padded).map { text.hasPrefix("-") ? -$0 : $0 }
    }

    static func nanos(_ text: String) -> Int64? {
        var text = text
        return text.withUTF8 { nanos(UnsafeRawBufferPointer($0)) }
    }
}
