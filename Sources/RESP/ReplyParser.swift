/// How much of an answer a client is willing to hold. A server is trusted more than a client, but a wrong port or a
/// broken peer must end in an error, not in all memory used.
package struct ReplyLimits: Sendable, Hashable {
    package var maxDepth: Int
    /// Values in one answer, at all levels.
    package var maxElements: Int
    package var maxBulkLength: Int
    /// Longest simple string, error or number.
    package var maxLineLength: Int
    /// Bytes of one whole answer.
    package var maxReplyLength: Int

    package init(maxDepth: Int, maxElements: Int, maxBulkLength: Int, maxLineLength: Int, maxReplyLength: Int) {
        self.maxDepth = maxDepth
        self.maxElements = maxElements
        self.maxBulkLength = maxBulkLength
        self.maxLineLength = maxLineLength
        self.maxReplyLength = maxReplyLength
    }

    package static let standard = ReplyLimits(
        maxDepth: 32, maxElements: 1 << 24, maxBulkLength: 512 << 20, maxLineLength: 64 << 10, maxReplyLength: 1 << 30)
}

/// Bytes that are no answer. The connection can't be used any more.
package enum ReplyError: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownType(UInt8)
    case invalidLength
    case invalidValue(UInt8)
    case missingLineEnd
    case tooDeep(limit: Int)
    case tooManyElements(limit: Int)
    case tooLong(limit: Int)

    package var description: String {
        switch self {
        case .unknownType(let byte): "the answer begins with byte \(byte), which is no RESP type"
        case .invalidLength: "the answer holds an invalid length"
        case .invalidValue(let type): "the answer holds an invalid value of type '\(Character(Unicode.Scalar(type)))'"
        case .missingLineEnd: "the answer lacks a CRLF where one belongs"
        case .tooDeep(let limit): "the answer is nested deeper than \(limit)"
        case .tooManyElements(let limit): "the answer has more than \(limit) elements"
        case .tooLong(let limit): "a part of the answer is longer than \(limit) bytes"
        }
    }
}

/// Reads answers from the bytes of one connection, whatever way they were cut.
///
/// What was understood is consumed at once and kept on a stack of open aggregates, so work is proportional to the bytes
/// received, recursion is bounded, and counts are never believed for allocation.
package struct ReplyParser {
    package let limits: ReplyLimits
    private var open: [Open] = []
    private var elements = 0
    private var length = 0
    private var scanned = 0  // bytes of an unfinished line known to hold no CR

    package init(limits: ReplyLimits = .standard) { self.limits = limits }

    /// The next whole answer, or nil when more bytes are needed. Either way `consumed` tells how many bytes of `bytes`
    /// were used and must not be shown again.
    package mutating func next(in bytes: UnsafeRawBufferPointer, consumed: inout Int) throws(ReplyError) -> RESPValue? {
        consumed = 0
        while true {
            guard let (parsed, end) = try token(in: bytes, at: consumed) else { return nil }
            length += end - consumed
            consumed = end
            guard length <= limits.maxReplyLength else { throw .tooLong(limit: limits.maxReplyLength) }
            elements += 1
            guard elements <= limits.maxElements else { throw .tooManyElements(limit: limits.maxElements) }
            switch parsed {
            case .aggregate(let kind, let count):
                guard open.count < limits.maxDepth else { throw .tooDeep(limit: limits.maxDepth) }
                open.append(Open(kind: kind, remaining: count))
                if count > 0 { continue }
                if let value = close(nil) { return finish(value) }
            case .value(let value):
                if let value = close(value) { return finish(value) }
            }
        }
    }

    private mutating func finish(_ value: RESPValue) -> RESPValue {
        elements = 0
        length = 0
        return value
    }

    /// Puts a finished value into the innermost open aggregate and closes all that are now complete. Answers the
    /// outermost value once it is. `nil` means: nothing to put, the innermost aggregate is empty.
    private mutating func close(_ value: RESPValue?) -> RESPValue? {
        var value = value
        while !open.isEmpty {
            let top = open.count - 1
            if let item = value {
                open[top].items.append(item)
                open[top].remaining -= 1
            }
            guard open[top].remaining == 0 else { return nil }
            if case .attribute = open[top].kind {
                // The value that the attributes belong to comes next and is part of the same element.
                open[top] = Open(kind: .attributed(pairs(open[top].items)), remaining: 1)
                return nil
            }
            let closed = open.removeLast()
            switch closed.kind {
            case .array: value = .array(closed.items)
            case .set: value = .set(closed.items)
            case .push: value = .push(closed.items)
            case .map: value = .map(pairs(closed.items))
            case .attributed(let pairs): value = .attributed(pairs, closed.items[0])
            case .attribute: break
            }
        }
        return value
    }

    private func pairs(_ items: [RESPValue]) -> [RESPPair] {
        var pairs: [RESPPair] = []
        pairs.reserveCapacity(items.count / 2)
        for index in stride(from: 0, to: items.count, by: 2) { pairs.append(RESPPair(items[index], items[index + 1])) }
        return pairs
    }

    private struct Open {
        var kind: Kind
        var remaining: Int
        var items: [RESPValue] = []

        init(kind: Kind, remaining: Int) {
            self.kind = kind
            self.remaining = remaining
            items.reserveCapacity(min(remaining, 64))
        }
    }

    private enum Kind {
        case array, set, push, map, attribute
        case attributed([RESPPair])
    }

    // MARK: Tokens

    private enum Token {
        case value(RESPValue)
        case aggregate(Kind, count: Int)
    }

    /// One scalar, or the header of one aggregate, with the offset behind it.
    private mutating func token(
        in bytes: UnsafeRawBufferPointer, at start: Int
    ) throws(ReplyError) -> (Token, end: Int)? {
        guard let token = try ReplyToken(in: bytes, at: start, scanned: &scanned, limits: limits) else { return nil }
        if token.count == -1 { return (.value(.null), token.end) }
        let text = UnsafeRawBufferPointer(rebasing: bytes[token.text])
        let parsed: Token =
            switch token.type {
            case UInt8(ascii: "*"): .aggregate(.array, count: token.count)
            case UInt8(ascii: "~"): .aggregate(.set, count: token.count)
            case UInt8(ascii: ">"): .aggregate(.push, count: token.count)
            case UInt8(ascii: "%"): .aggregate(.map, count: token.count)
            case UInt8(ascii: "|"): .aggregate(.attribute, count: token.count)
            case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="): .value(try blob(token.type, text))
            default: .value(try line(token.type, text))
            }
        return (parsed, token.end)
    }

    private func blob(_ type: UInt8, _ bytes: UnsafeRawBufferPointer) throws(ReplyError) -> RESPValue {
        switch type {
        case UInt8(ascii: "$"): return .bulk(Array(bytes))
        case UInt8(ascii: "!"): return .error(RESPError(parsing: String(decoding: bytes, as: UTF8.self)))
        default:
            guard bytes.count >= 4, bytes[3] == UInt8(ascii: ":") else { throw .invalidValue(type) }
            return .verbatim(format: String(decoding: bytes[..<3], as: UTF8.self), Array(bytes[4...]))
        }
    }

    private func line(_ type: UInt8, _ bytes: UnsafeRawBufferPointer) throws(ReplyError) -> RESPValue {
        switch type {
        case UInt8(ascii: "+"): return .simple(String(decoding: bytes, as: UTF8.self))
        case UInt8(ascii: "-"): return .error(RESPError(parsing: String(decoding: bytes, as: UTF8.self)))
        case UInt8(ascii: ":"):
            guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else { throw .invalidValue(type) }
            return .integer(number)
        case UInt8(ascii: ","):
            let text = String(decoding: bytes, as: UTF8.self)
            guard Double(text) != nil else { throw .invalidValue(type) }
            return .double(text)
        case UInt8(ascii: "("):
            let digits = bytes.first == UInt8(ascii: "-") ? bytes[1...] : bytes[...]
            guard !digits.isEmpty, digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { throw .invalidValue(type) }
            return .bigNumber(String(decoding: bytes, as: UTF8.self))
        case UInt8(ascii: "#"):
            guard bytes.count == 1, bytes[0] == UInt8(ascii: "t") || bytes[0] == UInt8(ascii: "f") else {
                throw .invalidValue(type)
            }
            return .boolean(bytes[0] == UInt8(ascii: "t"))
        default:
            guard bytes.isEmpty else { throw .invalidValue(type) }
            return .null
        }
    }
}

extension RESPValue {
    /// One whole answer, as ``RESPWriter`` writes it; nil for anything else.
    package init?(decoding bytes: [UInt8]) {
        var parser = ReplyParser()
        var length = 0
        let value = bytes.withUnsafeBytes { try? parser.next(in: $0, consumed: &length) }
        guard let value, length == bytes.count else { return nil }
        self = value
    }
}
