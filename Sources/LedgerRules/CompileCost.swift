/// What compiling a source can cost at most, counted without compiling it: exact for what Lua reads, from above for
/// what it does.
///
/// Lua's compiler runs under no instruction budget, and nothing can interrupt it. Two of its loops grow with the square
/// of the source: it looks a name up among the locals and upvalues of every function around it, at most 200 and 255 in
/// each, and it walks a list of jumps to append one. So a step is one comparison: each name costs the depth of its
/// function times the names before it, each jump three for every jump before it.
///
/// Measured with Lua 5.4.4 over the worst sources of 16 KiB that we could build: a step takes 1 to 2 ns with what goes
/// with it, so ``maximum`` stands for 5 ms at most. Without it, ninety nested functions that share 250 upvalues took
/// 138 ms.
struct CompileCost {
    /// A price list that fills the 16 KiB stays below a third of it.
    static let maximum = 2_000_000

    private(set) var steps = 0
    private var names = 0
    private var jumps = 0
    /// The chunk itself is the first function.
    private var depth = 1
    /// Open blocks; true: a function's.
    private var blocks: [Bool] = []
    private let source: UnsafeBufferPointer<UInt8>
    private var at = 0

    init(_ source: UnsafeBufferPointer<UInt8>) {
        self.source = source
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "-") where peek(1) == UInt8(ascii: "-"): comment()
            case UInt8(ascii: "'"), UInt8(ascii: "\""): text(until: byte)
            case UInt8(ascii: "["): if let level = longBracket() { longText(level) } else { at += 1 }
            case _ where byte.isLetter: word()
            case _ where byte.isDigit:
                while let next = peek(), next.isLetter || next.isDigit || next == 0x2E { at += 1 }
            default: at += 1
            }
        }
    }

    private mutating func word() {
        var packed: UInt64 = 0
        let start = at
        while let byte = peek(), byte.isLetter || byte.isDigit {
            packed = packed << 8 | UInt64(byte)
            at += 1
        }
        guard at - start <= 8, let keyword = Keyword.byBytes[packed] else {
            names += 1
            steps += depth * min(names, 455)
            return
        }
        switch keyword {
        case .function:
            blocks.append(true)
            depth += 1
        case .do, .if, .repeat: blocks.append(false)
        case .end, .until: if blocks.popLast() == true { depth -= 1 }
        case .and, .break, .else, .elseif, .false, .for, .goto, .in, .local, .nil, .not, .or, .return, .then, .true,
            .while:
            break
        }
        if keyword.jumps {
            jumps += 1
            steps += 3 * jumps
        }
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

    private enum Keyword: String, CaseIterable {
        case and, `break`, `do`, `else`, elseif, end, `false`, `for`, function, goto, `if`, `in`, local, `nil`, not, or
        case `repeat`, `return`, then, `true`, until, `while`

        var jumps: Bool {
            switch self {
            case .and, .break, .else, .elseif, .for, .goto, .if, .or, .until, .while: true
            case .do, .end, .false, .function, .in, .local, .nil, .not, .repeat, .return, .then, .true: false
            }
        }

        static let byBytes = Dictionary(
            uniqueKeysWithValues: allCases.map { ($0.rawValue.utf8.reduce(0) { $0 << 8 | UInt64($1) }, $0) })
    }
}

extension UInt8 {
    /// As Lua sees it: ASCII only, and `_`.
    fileprivate var isLetter: Bool { (self | 0x20) &- 0x61 < 26 || self == 0x5F }
    fileprivate var isDigit: Bool { self &- 0x30 < 10 }
}
