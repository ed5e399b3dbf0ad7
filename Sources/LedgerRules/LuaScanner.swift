/// What a Lua source consists of, one after the other, without its comments.
struct LuaScanner {
    enum Token {
        /// A name or a keyword.
        case word(Slice<UnsafeBufferPointer<UInt8>>)
        /// One byte of an operator or of punctuation.
        case sign(UInt8)
        /// A text or a number.
        case literal
    }

    private let source: UnsafeBufferPointer<UInt8>
    private var at = 0
    /// Where the last token begins.
    private(set) var tokenStart = 0
    /// Behind the last token.
    var tokenEnd: Int { min(at, source.count) }

    init(_ source: UnsafeBufferPointer<UInt8>) { self.source = source }

    mutating func next() -> Token? {
        while let byte = peek() {
            tokenStart = at
            switch byte {
            case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"): comment()
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                text(until: byte)
                return .literal
            case UInt8(ascii: "["):
                if let level = longBracket() {
                    longText(level)
                    return .literal
                }
                at += 1
                return .sign(byte)
            case _ where byte.isLetter:
                let start = at
                while let byte = peek(), byte.isLetter || byte.isDigit { at += 1 }
                return .word(source[start..<at])
            case _ where byte.isDigit:
                while let next = peek(), next.isLetter || next.isDigit || next == 0x2E { at += 1 }
                return .literal
            case 0x20, 0x09...0x0D: at += 1
            default:
                at += 1
                return .sign(byte)
            }
        }
        return nil
    }

    private mutating func comment() {
        at += 2
        if peek() == UInt8(ascii: "["), let level = longBracket() { return longText(level) }
        while let byte = peek(), byte != 0x0A, byte != 0x0D { at += 1 }
    }

    /// A text that a line's end cuts off is an error for Lua, which then reads no further.
    private mutating func text(until quote: UInt8) {
        at += 1
        while let byte = peek(), byte != quote { at += byte == UInt8(ascii: "\\") ? 2 : 1 }
        at += 1
    }

    /// How many `=` an opening `[==[` here has.
    private func longBracket() -> Int? {
        var level = 0
        while peek(1 + level) == UInt8(ascii: "=") { level += 1 }
        return peek(1 + level) == UInt8(ascii: "[") ? level : nil
    }

    private mutating func longText(_ level: Int) {
        at += level + 2
        while let byte = peek() {
            at += 1
            guard byte == UInt8(ascii: "]") else { continue }
            var equals = 0
            while peek(equals) == UInt8(ascii: "=") { equals += 1 }
            at += equals
            if equals == level, peek() == UInt8(ascii: "]") {
                at += 1
                return
            }
        }
    }

    private func peek(_ ahead: Int = 0) -> UInt8? { at + ahead < source.count ? source[at + ahead] : nil }
}

extension UInt8 {
    /// As Lua sees it: ASCII only, and `_`.
    fileprivate var isLetter: Bool { (self | 0x20) &- 0x61 < 26 || self == 0x5F }
    fileprivate var isDigit: Bool { self &- 0x30 < 10 }
}
