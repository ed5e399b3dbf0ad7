/// A word of a command's grammar as two integers: up to fifteen letters, folded to capitals, and how many they are.
/// Taking the bit 0x20 from every byte makes capitals of letters and letters of nothing else, so two words of letters
/// and `_` are equal exactly if these are (but for DEL, which is taken for `_`).
struct Name: Hashable {
    var low: UInt64
    var high: UInt64

    static let none = Name(low: 0, high: 0)
    static let longest = 15
    private static let fold: UInt64 = 0xdfdf_dfdf_dfdf_dfdf

    private init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }

    /// ``none`` for words that are no name: empty, or too long.
    @inline(__always)
    init(_ word: UnsafeRawBufferPointer) {
        self = .none
        guard let start = word.baseAddress, word.count > 0, word.count <= Self.longest else { return }
        withUnsafeMutableBytes(of: &self) { $0.baseAddress!.copyMemory(from: start, byteCount: word.count) }
        (low, high) = (low & Self.fold, high & Self.fold | UInt64(word.count) &<< 56)
    }

    @inline(__always)
    init(_ word: StaticString) {
        self.init(UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }

    @_disfavoredOverload  // a literal is a StaticString
    init(_ word: String) {
        precondition(
            word.utf8.count <= Self.longest
                && word.utf8.allSatisfy { $0 & 0xdf &- 0x41 < 26 || $0 == UInt8(ascii: "_") }, "\(word) is no name")
        var word = word
        self = word.withUTF8 { Name(UnsafeRawBufferPointer($0)) }
    }
}

/// Finds a command by the bytes of its name, whatever their case: an open-addressing table of names as integers. One
/// probe for two words, one more for the first alone. Nothing is allocated or counted.
struct CommandIndex {
    enum Meaning: UInt8 {
        case empty, command, noun, absent
    }

    private struct Entry {
        var meaning = Meaning.empty
        var value: UInt8 = 0
        var first = Name.none
        var second = Name.none
    }

    // Built once and never freed: readers on every event loop share it without reference counts.
    private let entries: UnsafeMutablePointer<Entry>
    private static let capacity = 512

    nonisolated(unsafe) static let shared = CommandIndex()

    private init() {
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(repeating: Entry(), count: Self.capacity)
        for spec in CommandTable.specs { insert(spec.words, .command, spec.id.rawValue) }
        for (index, absent) in CommandTable.absent.enumerated() {
            insert(absent.name.split(separator: " ").map(String.init), .absent, UInt8(index))
        }
        // COMMAND is a command, and a noun that is found by its second word.
        for noun in CommandTable.nouns where CommandTable.specs.allSatisfy({ $0.name != noun }) {
            insert([noun], .noun, 0)
        }
    }

    private func insert(_ words: [String], _ meaning: Meaning, _ value: UInt8) {
        let (first, second) = (Name(words[0]), words.count > 1 ? Name(words[1]) : .none)
        var slot = Self.slot(first, second)
        while entries[slot].meaning != .empty {
            precondition(entries[slot].first != first || entries[slot].second != second, "\(words) is there twice")
            slot = (slot + 1) & (Self.capacity - 1)
        }
        entries[slot] = Entry(meaning: meaning, value: value, first: first, second: second)
    }

    /// What the first two words mean together, or else the first alone.
    @inline(__always)
    func find(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer?) -> (meaning: Meaning, value: UInt8) {
        let name = Name(first)
        if let second {
            let verb = Name(second)
            if verb != .none {
                let pair = probe(name, verb)
                if pair.meaning != .empty { return pair }
            }
        }
        return probe(name, .none)
    }

    @inline(__always)
    private func probe(_ first: Name, _ second: Name) -> (meaning: Meaning, value: UInt8) {
        var slot = Self.slot(first, second)
        while entries[slot].meaning != .empty {
            if entries[slot].first == first, entries[slot].second == second {
                return (entries[slot].meaning, entries[slot].value)
            }
            slot = (slot + 1) & (Self.capacity - 1)
        }
        return (.empty, 0)
    }

    /// The names are fixed and few, so nobody can aim for a long probe that matters.
    @inline(__always)
    private static func slot(_ first: Name, _ second: Name) -> Int {
        var mixed = first.low &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ mixed &>> 32 ^ second.low) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed &>> 32 ^ first.high ^ second.high &<< 1) &* 0x94d0_49bb_1331_11eb
        return Int(truncatingIfNeeded: mixed &>> 40) & (capacity - 1)
    }

    @inline(__always)
    static func folded(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 26 ? byte & 0xdf : byte }
}

extension CommandTable {
    /// Commands that clients may well try and that this version does not have, with what to say.
    static let absent: [(name: String, text: String)] = {
        let later = "is not available in this version"
        var list: [(name: String, text: String)] = []
        for name in [
            "FCALL", "MONITOR", "TAIL", "AT", "RUNWAY", "REPORT", "PAYMENT",
        ] {
            list.append((name, "\(name) \(later)"))
        }
        return list
    }()

    /// Which command a request names. A name that no command has says what it may have meant.
    package static func find(_ words: Words) throws(CommandError) -> CommandID {
        precondition(words.count > 0, "an empty request was looked up")
        let second = words.count > 1 ? words[1] : nil
        let (meaning, value) = CommandIndex.shared.find(words[0], second)
        switch meaning {
        case .command:
            let id = CommandID(rawValue: value)!
            guard words.count > 1, id == .command || id == .clock else { return id }
            if Echo.folded(words[1]) == "HELP" { return .help }
        case .absent: throw .invalid(absent[Int(value)].text)
        case .noun:
            if let second, Echo.folded(second) == "HELP" { return .help }
        case .empty: break
        }
        throw .invalid(unknown(words))
    }

    private static func unknown(_ words: Words) -> String {
        let first = Echo.folded(words[0])
        let verbs = commands(of: first).map { $0.words[1] }
        if !verbs.isEmpty {
            let list = verbs.joined(separator: ", ")
            guard words.count > 1 else { return "\(first) needs a second word: \(list)" }
            let near = nearest(Echo.folded(words[1]), among: verbs).map { "; did you mean \(first) \($0)?" } ?? ""
            return
                "unknown command \(Echo.quoted(words[1], after: first))\(near.isEmpty ? ": \(first) has \(list)" : near)"
        }
        let names = nouns + specs.filter { $0.words.count == 1 }.map(\.name)
        let near = nearest(first, among: names).map { "; did you mean \($0)?" } ?? "; HELP lists all"
        return "unknown command \(Echo.quoted(words[0]))\(near)"
    }

    /// The name that differs in the fewest letters, if in few enough.
    static func nearest(_ word: String, among names: [String]) -> String? {
        guard word.utf8.count <= 16 else { return nil }
        let scored = names.map { (distance: editDistance(Array(word.utf8), Array($0.utf8)), name: $0) }
        guard let best = scored.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(1, word.utf8.count / 3) ? best.name : nil
    }

    private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let replaced = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
