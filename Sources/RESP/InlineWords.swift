/// Lines as people type them, cut into words by Redis' rules: blanks separate; `'…'` is literal but for `\'`;
/// `"…"` knows `\n \r \t \b \a \xHH`, and any other escaped character is itself; a closing quote ends its word.
/// Inline requests and the prompt share it.
package enum InlineWords {
    /// The words of a line, or nil when a quote stays open or something sticks to a closing quote.
    package static func split(_ line: String) -> [[UInt8]]? { split(Array(line.utf8)) }

    package static func split(_ line: [UInt8]) -> [[UInt8]]? {
        var slices: [RequestParser.Slice] = []
        return line.withUnsafeBytes { line -> [[UInt8]]? in
            withUnsafeTemporaryAllocation(byteCount: max(line.count, 1), alignment: 1) { scratch -> [[UInt8]]? in
                guard split(line, into: scratch, slices: &slices) else { return nil }
                return slices.map { Array(scratch[Int($0.offset)..<Int($0.offset) + Int($0.count)]) }
            }
        }
    }

    /// Writes the words without their quotes, one behind the other, into `scratch` (which needs the line's length) and
    /// appends where each lies. False when the quotes don't balance.
    static func split(
        _ line: UnsafeRawBufferPointer, into scratch: UnsafeMutableRawBufferPointer,
        slices: inout [RequestParser.Slice]
    ) -> Bool {
        var index = 0
        var written = 0
        while true {
            while index < line.count, isBlank(line[index]) { index += 1 }
            guard index < line.count else { return true }
            let start = written
            word: while index < line.count {
                let byte = line[index]
                index += 1
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "'"):
                    guard quoted(by: byte, line, &index, scratch, &written) else { return false }
                    guard index == line.count || isBlank(line[index]) else { return false }
                    break word
                case _ where isBlank(byte):
                    break word
                default:
                    scratch[written] = byte
                    written += 1
                }
            }
            slices.append(RequestParser.Slice(offset: start, count: written - start))
        }
    }

    /// As above for a line without any quote: the words lie in the line itself.
    static func split(plain line: UnsafeRawBufferPointer, slices: inout [RequestParser.Slice]) {
        var index = 0
        while true {
            while index < line.count, isBlank(line[index]) { index += 1 }
            guard index < line.count else { return }
            let start = index
            while index < line.count, !isBlank(line[index]) { index += 1 }
            slices.append(RequestParser.Slice(offset: start, count: index - start))
        }
    }

    /// `GET / HTTP/1.1`, or the header that always comes with it.
    static func looksLikeHTTP(_ line: UnsafeRawBufferPointer) -> Bool {
        if line.count >= 9, line[line.count - 9..<line.count - 1].elementsEqual(" HTTP/1.".utf8) { return true }
        return line.count >= 5
            && line[..<5].elementsEqual("host:".utf8, by: { ($0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0) == $1 })
    }

    private static func quoted(
        by quote: UInt8, _ line: UnsafeRawBufferPointer, _ index: inout Int, _ scratch: UnsafeMutableRawBufferPointer,
        _ written: inout Int
    ) -> Bool {
        while index < line.count {
            var byte = line[index]
            index += 1
            if byte == quote { return true }
            if byte == UInt8(ascii: "\\"), index < line.count {
                if quote == UInt8(ascii: "'") {
                    if line[index] == quote {
                        byte = quote
                        index += 1
                    }
                } else if line[index] == UInt8(ascii: "x"), index + 2 < line.count,
                    let high = hexDigit(line[index + 1]), let low = hexDigit(line[index + 2])
                {
                    byte = high << 4 | low
                    index += 3
                } else {
                    byte = escaped(line[index])
                    index += 1
                }
            }
            scratch[written] = byte
            written += 1
        }
        return false
    }

    private static func escaped(_ byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "a"): 0x07
        default: byte
        }
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (byte >= 0x09 && byte <= 0x0d) }
}
