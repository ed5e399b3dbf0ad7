internal import LedgerCore
internal import RESP

/// One key and its value. Whoever writes a map announces as many pairs as it then writes.
extension RESPWriter {
    mutating func pair(_ key: StaticString, _ value: StaticString) {
        bulk(key)
        bulk(value)
    }

    @_disfavoredOverload  // a literal is a StaticString
    mutating func pair(_ key: StaticString, _ value: String?) {
        bulk(key)
        if let value { bulk(value) } else { null() }
    }

    /// Empty text is null.
    @_disfavoredOverload
    mutating func pair(_ key: StaticString, _ value: ShortText) {
        bulk(key)
        if value.isEmpty { null() } else { text(value) }
    }

    mutating func pair(_ key: StaticString, _ value: [UInt8]?) {
        bulk(key)
        if let value { bulk(value) } else { null() }
    }

    mutating func pair(_ key: StaticString, _ value: Money) {
        bulk(key)
        money(value)
    }

    mutating func pair(_ key: StaticString, _ value: Money?) {
        bulk(key)
        if let value { money(value) } else { null() }
    }

    mutating func pair(_ key: StaticString, _ value: Timestamp) {
        bulk(key)
        time(value)
    }

    mutating func pair(_ key: StaticString, seconds value: TimeSpan) {
        bulk(key)
        bulk { $0.append(seconds: value) }
    }

    mutating func pair(_ key: StaticString, gigabytes megabytes: Int64) {
        bulk(key)
        bulk { $0.append(gigabytes: megabytes) }
    }

    /// nano-USD per hour or per GB-month.
    mutating func pair(_ key: StaticString, rate: Int64) {
        bulk(key)
        money(Money(nanos: rate))
    }

    mutating func pair(_ key: StaticString, integer value: Int64) {
        bulk(key)
        integer(value)
    }

    /// 0 or 1, as an integer in both versions of the protocol.
    mutating func pair(_ key: StaticString, flag value: Bool) {
        bulk(key)
        integer(value ? 1 : 0)
    }

    mutating func pair(_ key: StaticString, id value: BirthID, as kind: BirthKind) {
        bulk(key)
        if value.isNone { null() } else { id(value, as: kind) }
    }

    mutating func pair(_ key: StaticString, _ value: PassportID?) {
        bulk(key)
        if let value, value.value != 0 { bulk { value.append(to: &$0) } } else { null() }
    }

    /// `read,write`.
    mutating func pair(_ key: StaticString, _ value: Permissions) {
        bulk(key)
        bulk { bytes in
            var first = true
            for (permission, name) in Permissions.names where value.contains(permission) {
                if !first { bytes.append(UInt8(ascii: ",")) }
                first = false
                bytes.append(contentsOf: name.utf8)
            }
        }
    }

    mutating func pair(_ key: StaticString, _ value: RuleIdentity) {
        bulk(key)
        if value == .none { null() } else { bulk(value.digest.hex) }
    }

    mutating func money(_ value: Money) { bulk { value.append(to: &$0) } }

    mutating func text(_ value: ShortText) { value.withBytes { bulk($0) } }

    mutating func id(_ value: BirthID, as kind: BirthKind) { bulk { value.append(as: kind, to: &$0) } }

    /// `never` and `distantPast` are null.
    mutating func time(_ value: Timestamp) {
        if value == .never || value == .distantPast { null() } else { bulk { value.append(to: &$0) } }
    }
}

extension [UInt8] {
    /// Exact decimal seconds, no trailing zeros: `3600`, `0.5`.
    mutating func append(seconds value: TimeSpan) {
        append(thin: value.nanoseconds, digits: 9)
    }

    /// Megabytes as decimal GB: `10`, `0.5`.
    mutating func append(gigabytes megabytes: Int64) { append(thin: megabytes, digits: 3) }

    private mutating func append(thin value: Int64, digits: Int) {
        var scale: UInt64 = 1
        for _ in 0..<digits { scale *= 10 }
        if value < 0 { append(UInt8(ascii: "-")) }
        Decimal.append(value.magnitude / scale, to: &self)
        var fraction = value.magnitude % scale
        guard fraction > 0 else { return }
        append(UInt8(ascii: "."))
        while fraction > 0 {
            scale /= 10
            append(UInt8(ascii: "0") + UInt8(fraction / scale))
            fraction %= scale
        }
    }
}

extension TimeSpan {
    var secondsText: String {
        var bytes: [UInt8] = []
        bytes.append(seconds: self)
        return String(decoding: bytes, as: UTF8.self)
    }
}
