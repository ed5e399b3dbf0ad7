internal import LedgerCommands
package import LedgerCore

/// What can write the fields of a map: ``RESPWriter``, ``FieldCursor``, and whatever another edge answers in.
package protocol FieldWriter {
    /// Keys written so far in the innermost map that is open.
    var pairs: Int { get set }
    /// Begins a map whose pairs are not counted yet; ``closeMap(from:pairs:)`` gets the answer back.
    mutating func openMap() -> Int
    mutating func closeMap(from start: Int, pairs: Int)
    mutating func null()
    mutating func integer(_ value: Int64)
    mutating func bulk(_ value: UnsafeRawBufferPointer)
    /// Exact decimal text, at least two fraction digits.
    mutating func money(_ value: Money)
    /// RFC 3339.
    mutating func instant(_ value: Timestamp)
    /// A letter and base 62.
    mutating func id(_ value: BirthID, as kind: BirthKind)
    /// Ten digits of base 62.
    mutating func id(_ value: PassportID)
    /// `value` ÷ 10^`digits`, without trailing zeros.
    mutating func thin(_ value: Int64, digits: Int)
    /// The header of a list; its elements follow.
    mutating func array(_ count: Int)
}

/// What can write whole answers.
package protocol AnswerWriter: FieldWriter {
    /// Writes the map of a receipt, perhaps faster.
    associatedtype Fields: FieldWriter
    /// A map whose texts are all short, and of a list of `ids` at most.
    mutating func fields(roomFor ids: Int, _ body: (inout Fields) -> Void)
    /// `CODE text`, in place of an answer.
    mutating func error(_ text: String)
}

extension AnswerWriter {
    mutating func fields(_ body: (inout Fields) -> Void) { fields(roomFor: 0, body) }
}

extension FieldWriter {
    /// A map of what `body` writes, and so never of more or less than that: each key counts one pair, also where
    /// others are nested in its value.
    @inline(__always)
    mutating func map(_ body: (inout Self) -> Void) {
        let outer = pairs
        pairs = 0
        let start = openMap()
        body(&self)
        closeMap(from: start, pairs: pairs)
        pairs = outer
    }

    /// The value follows.
    @inline(__always)
    mutating func key(_ name: StaticString) {
        pairs &+= 1
        bulk(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    @_disfavoredOverload  // a literal is a StaticString
    mutating func key(_ name: String) {
        pairs &+= 1
        var name = name
        name.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
    }

    @_disfavoredOverload
    mutating func key(_ name: ShortText) {
        pairs &+= 1
        text(name)
    }
}

/// Scripts take some fields for amounts of money, by their names: in a build for debugging each field is held against
/// that as it is written, whatever the answer.
private func isMoney(_ name: StaticString) -> Bool {
    name.withUTF8Buffer { CommandTable.moneyFields.contains(String(decoding: $0, as: UTF8.self)) }
}

/// The key of an amount.
extension FieldWriter {
    @inline(__always)
    fileprivate mutating func moneyKey(_ name: StaticString) {
        assert(isMoney(name), "\(name) is an amount that scripts do not know: add it to CommandTable.moneyFields")
        key(name)
    }

    /// The key of a text that may look like an amount and is none.
    @inline(__always)
    fileprivate mutating func plainKey(_ name: StaticString) {
        assert(!isMoney(name), "\(name) is an amount elsewhere, by CommandTable.moneyFields, and none here: rename it")
        key(name)
    }
}

/// One key and its value.
extension FieldWriter {
    mutating func pair(_ name: StaticString, _ value: StaticString) {
        plainKey(name)
        bulk(UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    @_disfavoredOverload  // a literal is a StaticString
    mutating func pair(_ name: StaticString, _ value: String?) {
        plainKey(name)
        guard var value else { return null() }
        value.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
    }

    /// Empty text is null.
    @_disfavoredOverload
    mutating func pair(_ name: StaticString, _ value: ShortText) {
        plainKey(name)
        if value.isEmpty { null() } else { text(value) }
    }

    mutating func pair(_ name: StaticString, _ value: [UInt8]?) {
        plainKey(name)
        if let value { value.withUnsafeBytes { bulk($0) } } else { null() }
    }

    mutating func pair(_ name: StaticString, _ value: Money) {
        moneyKey(name)
        money(value)
    }

    mutating func pair(_ name: StaticString, _ value: Money?) {
        moneyKey(name)
        if let value { money(value) } else { null() }
    }

    mutating func pair(_ name: StaticString, _ value: MoneySum) {
        moneyKey(name)
        bulk(value.description)
    }

    /// `never` and `distantPast` are null.
    mutating func pair(_ name: StaticString, _ value: Timestamp) {
        key(name)
        if value == .never || value == .distantPast { null() } else { instant(value) }
    }

    mutating func pair(_ name: StaticString, _ value: MeterQuantity?) {
        plainKey(name)
        if let value { thin(value.count, digits: Int(value.scale)) } else { null() }
    }

    /// Hundredths of a percent.
    mutating func pair(_ name: StaticString, percent value: UInt16) {
        plainKey(name)
        thin(Int64(value), digits: 2)
    }

    mutating func pair(_ name: StaticString, seconds value: TimeSpan) {
        plainKey(name)
        thin(value.nanoseconds, digits: 9)
    }

    /// A sum of times, which may be longer than a ``TimeSpan``.
    mutating func pair(_ name: StaticString, seconds nanoseconds: Int128) {
        if let short = Int64(exactly: nanoseconds) { return pair(name, seconds: TimeSpan(nanoseconds: short)) }
        var text = MoneySum(nanos: nanoseconds).description
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        pair(name, text)
    }

    mutating func pair(_ name: StaticString, gigabytes megabytes: Int64) {
        plainKey(name)
        thin(megabytes, digits: 3)
    }

    /// nano-USD per hour or per GB-month.
    mutating func pair(_ name: StaticString, rate: Int64) {
        moneyKey(name)
        money(Money(nanos: rate))
    }

    mutating func pair(_ name: StaticString, integer value: Int64) {
        key(name)
        integer(value)
    }

    /// 0 or 1, as an integer in both versions of the protocol.
    mutating func pair(_ name: StaticString, flag value: Bool) {
        key(name)
        integer(value ? 1 : 0)
    }

    mutating func pair(_ name: StaticString, id value: BirthID, as kind: BirthKind) {
        key(name)
        if value.isNone { null() } else { id(value, as: kind) }
    }

    mutating func pair(_ name: StaticString, _ value: PassportID) {
        key(name)
        if value.value == 0 { null() } else { id(value) }
    }

    /// `read,write`.
    mutating func pair(_ name: StaticString, _ value: Permissions) {
        key(name)
        let text = permissionTexts[Int(value.rawValue & 31)]
        bulk(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func pair(_ name: StaticString, _ value: RuleIdentity) {
        pair(name, value == .none ? nil : value.digest.hex)
    }

    /// Requests per hour; none of its own is null.
    mutating func pair(_ name: StaticString, rateLimit: UInt32) {
        key(name)
        if rateLimit == 0 { null() } else { integer(Int64(rateLimit)) }
    }

    /// nano-USD; no cap is null.
    mutating func pair(_ name: StaticString, cap: Int64) {
        moneyKey(name)
        if cap == Limits.none { null() } else { money(Money(nanos: cap)) }
    }

    /// Four ASCII characters, the first in the highest byte.
    mutating func pair(_ name: StaticString, lastFour: UInt32) {
        key(name)
        withUnsafeBytes(of: lastFour.bigEndian) { bulk($0) }
    }

    /// A map; none is null. Not for a ``FieldCursor``, which has no room for many.
    mutating func pair(_ name: StaticString, _ value: Labels) {
        key(name)
        guard !value.isEmpty else { return null() }
        map { writer in
            for label in value.all {
                writer.key(label.key)
                writer.text(label.value)
            }
        }
    }

    mutating func text(_ value: ShortText) { value.withBytes { bulk($0) } }

    mutating func bulk(_ value: String) {
        var value = value
        value.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
    }
}

/// The texts of all sets of permissions, by their bits, in the order of `Permissions.names`: passports are verified too
/// often to put them together each time.
private let permissionTexts: InlineArray<32, StaticString> = [
    "", "read", "write", "read,write", "billing", "read,billing", "write,billing", "read,write,billing", "admin",
    "read,admin", "write,admin", "read,write,admin", "billing,admin", "read,billing,admin", "write,billing,admin",
    "read,write,billing,admin", "monitor", "read,monitor", "write,monitor", "read,write,monitor", "billing,monitor",
    "read,billing,monitor", "write,billing,monitor", "read,write,billing,monitor", "monitor,admin",
    "read,monitor,admin", "write,monitor,admin", "read,write,monitor,admin", "billing,monitor,admin",
    "read,billing,monitor,admin", "write,billing,monitor,admin", "read,write,billing,monitor,admin",
]
