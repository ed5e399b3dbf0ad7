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
package struct CompileCost {
    /// A price list that fills the 16 KiB stays below a third of it.
    package static let maximum = 2_000_000

    package private(set) var steps = 0
    private var names = 0
    private var jumps = 0
    /// The chunk itself is the first function.
    private var depth = 1
    /// Open blocks; true: a function's.
    private var blocks: [Bool] = []

    package init(_ source: UnsafeBufferPointer<UInt8>) {
        var scanner = LuaScanner(source)
        while let token = scanner.next() {
            if case .word(let bytes) = token { word(bytes) }
        }
    }

    private mutating func word(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) {
        guard bytes.count <= 8, let keyword = Keyword.byBytes[bytes.reduce(0) { $0 << 8 | UInt64($1) }] else {
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
