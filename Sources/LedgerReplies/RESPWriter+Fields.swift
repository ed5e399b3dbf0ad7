package import LedgerCore
package import LedgerEngine
package import RESP

extension RESPWriter: AnswerWriter {
    package mutating func money(_ value: Money) { bulk { value.append(to: &$0) } }
    package mutating func instant(_ value: Timestamp) { bulk { value.append(to: &$0) } }
    package mutating func id(_ value: BirthID, as kind: BirthKind) { bulk { value.append(as: kind, to: &$0) } }
    package mutating func id(_ value: PassportID) { bulk { value.append(to: &$0) } }
    package mutating func thin(_ value: Int64, digits: Int) { bulk { $0.append(thin: value, digits: digits) } }

    /// Writes a map whose texts are all short, such as a receipt, straight into the buffer: `body` has
    /// ``FieldCursor/room`` bytes, and those of a list of `ids`, and may not need more. One growth of the buffer at
    /// most, however many fields.
    package mutating func fields(roomFor ids: Int, _ body: (inout FieldCursor) -> Void) {
        direct(roomFor: ids) { $0.map(body) }
    }

    /// As ``fields(roomFor:_:)``, for whatever frames `body` writes.
    mutating func direct(roomFor ids: Int = 0, _ body: (inout FieldCursor) -> Void) {
        let isRESP3 = version == .v3
        bytes.append(addingCapacity: FieldCursor.room + ids * FieldCursor.roomOfID) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                var cursor = FieldCursor(UnsafeMutableBufferPointer(rebasing: buffer[count...]), isRESP3: isRESP3)
                body(&cursor)
                count += cursor.count
            }
        }
    }
}

extension RESPWriter {
    /// What a script returned, now or when it ran with this key.
    package mutating func scriptValue(_ value: RESPValue) {
        self.value(version == .v2 ? value.withoutBooleans : value)
    }
}

extension RESPValue {
    /// As RESP2 has it, which knows no booleans: like Redis, `true` is 1 and `false` nothing.
    fileprivate var withoutBooleans: RESPValue {
        switch self {
        case .boolean(let flag): flag ? .integer(1) : .null
        case .array(let items): .array(items.map(\.withoutBooleans))
        case .map(let pairs): .map(pairs.map { RESPPair($0.key, $0.value.withoutBooleans) })
        case .null, .integer, .simple, .double, .bigNumber, .bulk, .verbatim, .error, .set, .push, .attributed: self
        }
    }
}

/// The answers of the hot path, made for RESP in here: what is generic is not specialised for who calls it from another
/// module.
extension ReplyEncoder {
    package func receipt(
        _ event: Event, replayed: Bool, names: ReceiptNames, secret: [UInt8]? = nil, to writer: inout RESPWriter
    ) {
        if case .scriptRan(let it) = event.body { return value(of: it, to: &writer) }
        receipt(of: event, replayed: replayed, names: names, secret: secret, to: &writer)
    }

    /// What a script returned when it ran, in the protocol that is spoken now.
    private func value(of script: ScriptRan, to writer: inout RESPWriter) {
        guard let value = RESPValue(decoding: script.value) else {
            return writer.error("ERR what the script returned cannot be read any more")
        }
        writer.scriptValue(value)
    }

    package func balance(_ view: AccountView, user: ShortText, at now: Timestamp, to writer: inout RESPWriter) {
        balance(of: view, user: user, at: now, to: &writer)
    }
}

extension [UInt8] {
    /// `value` ÷ 10^`digits` in decimal, without trailing zeros: `3600`, `0.5`.
    mutating func append(thin value: Int64, digits: Int) {
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
