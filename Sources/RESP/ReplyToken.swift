internal import Glibc

/// One scalar of an answer, or the head of one aggregate, where it lies in the bytes received.
struct ReplyToken {
    /// The byte that names the type.
    var type: UInt8
    /// What lies between the head and the line end; empty for aggregates.
    var text: Range<Int>
    /// Values that follow and belong to this one: twice the pairs of a map. -1 for the null of RESP2.
    var count: Int
    /// The offset behind it.
    var end: Int

    /// Nil when more bytes are needed. `scanned` is kept by the caller, 0 at first: bytes of an unfinished line known
    /// to hold no CR.
    @inline(__always)
    init?(
        in bytes: UnsafeRawBufferPointer, at start: Int, scanned: inout Int, limits: ReplyLimits
    ) throws(ReplyError) {
        guard start < bytes.count else { return nil }
        type = bytes[start]
        switch type {
        case UInt8(ascii: "$"), UInt8(ascii: "!"), UInt8(ascii: "="):
            guard let (length, body) = try Self.length(in: bytes, at: start + 1) else { return nil }
            (count, text, end) = (0, body..<body, body)
            if length == -1, type == UInt8(ascii: "$") {
                count = -1
                return
            }
            guard length >= 0 else { throw .invalidLength }
            guard length <= limits.maxBulkLength else { throw .tooLong(limit: limits.maxBulkLength) }
            guard bytes.count - body >= length + 2 else { return nil }
            text = body..<(body + length)
            guard bytes[text.upperBound] == 0x0d, bytes[text.upperBound + 1] == 0x0a else { throw .missingLineEnd }
            end = text.upperBound + 2
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: ">"), UInt8(ascii: "%"), UInt8(ascii: "|"):
            guard let (length, body) = try Self.length(in: bytes, at: start + 1) else { return nil }
            (count, text, end) = (length, body..<body, body)
            if length == -1, type == UInt8(ascii: "*") { return }
            guard length >= 0 else { throw .invalidLength }
            guard length <= limits.maxElements else { throw .tooManyElements(limit: limits.maxElements) }
            if type == UInt8(ascii: "%") || type == UInt8(ascii: "|") { count = 2 * length }
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: ","), UInt8(ascii: "("),
            UInt8(ascii: "#"), UInt8(ascii: "_"):
            guard let end = try Self.lineEnd(in: bytes, at: start + 1, &scanned, limits) else { return nil }
            (count, text, self.end) = (0, (start + 1)..<end, end + 2)
        default:
            throw .unknownType(type)
        }
    }

    @inline(__always)
    private static func length(
        in bytes: UnsafeRawBufferPointer, at start: Int
    ) throws(ReplyError) -> (Int, next: Int)? {
        switch RequestParser.readLength(in: bytes, at: start) {
        case .value(let value, let next): return (value, next)
        case .incomplete: return nil
        case .malformed: throw .invalidLength
        }
    }

    /// The offset of the CR that ends the line; remembers how far an unfinished line was searched.
    private static func lineEnd(
        in bytes: UnsafeRawBufferPointer, at start: Int, _ scanned: inout Int, _ limits: ReplyLimits
    ) throws(ReplyError) -> Int? {
        let from = start + scanned
        var found: Int?
        if let base = bytes.baseAddress, from < bytes.count,
            let pointer = memchr(base + from, 0x0d, bytes.count - from)
        {
            found = UnsafeRawPointer(pointer) - base
        }
        guard (found ?? bytes.count) - start <= limits.maxLineLength else {
            throw .tooLong(limit: limits.maxLineLength)
        }
        guard let found, found + 1 < bytes.count else {
            scanned = (found ?? bytes.count) - start
            return nil
        }
        scanned = 0
        guard bytes[found + 1] == 0x0a else { throw .missingLineEnd }
        return found
    }
}
