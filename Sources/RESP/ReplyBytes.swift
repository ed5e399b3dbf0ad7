/// Finds where an answer ends without making a value of it: for who counts many and looks at a few fields.
///
/// Remembers how far it went, so the bytes of a long answer are gone through once, however they were cut. It checks
/// framing only: a number that is none passes.
package struct ReplyFramer {
    private let limits: ReplyLimits
    private var missing = 1  // values, at all levels
    private var elements = 0
    private var position = 0  // bytes of this answer gone through
    private var scanned = 0

    package init(limits: ReplyLimits = .standard) { self.limits = limits }

    /// How long the answer is that `bytes` begin with; nil when more bytes are needed, and then they must begin with
    /// the same ones again.
    package mutating func length(of bytes: UnsafeRawBufferPointer) throws(ReplyError) -> Int? {
        while missing > 0 {
            guard let token = try ReplyToken(in: bytes, at: position, scanned: &scanned, limits: limits) else {
                return nil
            }
            position = token.end
            guard position <= limits.maxReplyLength else { throw .tooLong(limit: limits.maxReplyLength) }
            elements += 1
            guard elements <= limits.maxElements else { throw .tooManyElements(limit: limits.maxElements) }
            missing += max(token.count, 0)
            // Attributes are no value, they stand before one.
            if token.type != UInt8(ascii: "|") { missing -= 1 }
        }
        let length = position
        (missing, elements, position) = (1, 0, 0)
        return length
    }
}

/// Reads whole answers where they lie, one after the other, and makes values of none.
package struct ReplyBytes {
    private let bytes: UnsafeRawBufferPointer
    private var next = 0

    /// `bytes` are as ``PostedCommands`` gives them, and stay where they are meanwhile.
    package init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Goes over the next answer. If it is a map (or the flat array that is a map in RESP2), `field` sees the text of
    /// each key and value as ``RESPValue/string`` has it; values that have none are left out. If it is an error, it is
    /// returned.
    package mutating func answer(
        _ field: (_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(ReplyError) -> RESPError? {
        var head = try token()
        while head.type == UInt8(ascii: "|") {
            try skip(head.count)
            head = try token()
        }
        switch head.type {
        case UInt8(ascii: "-"), UInt8(ascii: "!"):
            return RESPError(parsing: String(decoding: bytes[head.text], as: UTF8.self))
        case UInt8(ascii: "%"), UInt8(ascii: "*"):
            guard head.count.isMultiple(of: 2) else {
                try skip(max(head.count, 0))
                break
            }
            for _ in 0..<(head.count / 2) {
                let key = try scalar()
                let value = try scalar()
                if let key, let value { field(key, value) }
            }
        default: try skip(max(head.count, 0))
        }
        return nil
    }

    /// The text of the next value, which is gone over also where it has none.
    private mutating func scalar() throws(ReplyError) -> UnsafeRawBufferPointer? {
        var value = try token()
        while value.type == UInt8(ascii: "|") {
            try skip(value.count)
            value = try token()
        }
        switch value.type {
        case UInt8(ascii: "$") where value.count == 0, UInt8(ascii: "+"), UInt8(ascii: ":"), UInt8(ascii: ","),
            UInt8(ascii: "("):
            return UnsafeRawBufferPointer(rebasing: bytes[value.text])
        case UInt8(ascii: "="):  // the format is no part of the text
            return UnsafeRawBufferPointer(rebasing: bytes[value.text].dropFirst(4))
        case UInt8(ascii: "#"):
            return Self.constant(bytes[value.text.lowerBound] == UInt8(ascii: "t") ? "true" : "false")
        default:
            try skip(max(value.count, 0))
            return nil
        }
    }

    private static func constant(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    private mutating func skip(_ count: Int) throws(ReplyError) {
        var missing = count
        while missing > 0 {
            let token = try token()
            missing += max(token.count, 0)
            if token.type != UInt8(ascii: "|") { missing -= 1 }
        }
    }

    private mutating func token() throws(ReplyError) -> ReplyToken {
        var scanned = 0
        guard let token = try ReplyToken(in: bytes, at: next, scanned: &scanned, limits: .standard) else {
            preconditionFailure("an answer ends in the middle")
        }
        next = token.end
        return token
    }
}
