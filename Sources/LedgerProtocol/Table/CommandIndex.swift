internal import LedgerCore

/// Finds a command by the bytes of its name, whatever their case: an open-addressing table over a hash of the folded
/// bytes. One probe for the first word, a second one where the first is a noun. Nothing is allocated or counted.
struct CommandIndex {
    enum Meaning: UInt8 {
        case empty, command, noun, absent
    }

    private struct Entry {
        var hash: UInt64 = 0
        var meaning = Meaning.empty
        var value: UInt8 = 0
        /// The name in upper case, both words with a blank between.
        var name = UnsafeRawBufferPointer(start: nil, count: 0)
    }

    // Built once and never freed: readers on every event loop share it without reference counts.
    private let entries: UnsafeMutablePointer<Entry>
    private static let capacity = 512

    nonisolated(unsafe) static let shared = CommandIndex()

    private init() {
        entries = .allocate(capacity: Self.capacity)
        entries.initialize(repeating: Entry(), count: Self.capacity)
        for spec in CommandTable.specs where spec.words.count == 2 {
            insert(spec.name, .command, spec.id.rawValue)
        }
        for spec in CommandTable.specs where spec.words.count == 1 {
            insert(spec.name, .command, spec.id.rawValue)
        }
        // COMMAND is a command and a noun; the command wins here, and its second word is tried first.
        for (index, noun) in CommandTable.nouns.enumerated() where CommandTable.specs.allSatisfy({ $0.name != noun }) {
            insert(noun, .noun, UInt8(index))
        }
        for (index, absent) in CommandTable.absent.enumerated() { insert(absent.name, .absent, UInt8(index)) }
    }

    private func insert(_ name: String, _ meaning: Meaning, _ value: UInt8) {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: name.utf8.count, alignment: 1)
        bytes.copyBytes(from: name.utf8)
        var hash = Self.seed
        // Between two words stands 0 in the hash, so that one word with a blank in it is not found as two.
        for byte in bytes { hash = Self.combine(hash, byte == 0x20 ? 0 : byte) }
        var slot = Int(truncatingIfNeeded: hash) & (Self.capacity - 1)
        while entries[slot].meaning != .empty {
            precondition(entries[slot].hash != hash, "two names with one hash")
            slot = (slot + 1) & (Self.capacity - 1)
        }
        entries[slot] = Entry(hash: hash, meaning: meaning, value: value, name: UnsafeRawBufferPointer(bytes))
    }

    /// What the first word, or the first two, mean.
    func find(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer?) -> (meaning: Meaning, value: UInt8) {
        guard first.count <= 16 else { return (.empty, 0) }
        var hash = Self.seed
        for byte in first { hash = Self.combine(hash, Self.folded(byte)) }
        let single = probe(hash) { entry in
            entry.name.count == first.count && Self.equal(first, entry.name, from: 0)
        }
        guard let second, second.count <= 16, single.meaning == .noun || single.isCommandWord else {
            return (single.meaning, single.value)
        }
        hash = Self.combine(hash, 0)
        for byte in second { hash = Self.combine(hash, Self.folded(byte)) }
        let pair = probe(hash) { entry in
            entry.name.count == first.count + 1 + second.count && Self.equal(first, entry.name, from: 0)
                && entry.name[first.count] == 0x20 && Self.equal(second, entry.name, from: first.count + 1)
        }
        return pair.meaning == .empty ? (single.meaning, single.value) : (pair.meaning, pair.value)
    }

    private struct Found {
        var meaning: Meaning
        var value: UInt8
        var isCommandWord: Bool { meaning == .command && value == CommandID.command.rawValue }
    }

    @inline(__always)
    private func probe(_ hash: UInt64, _ matches: (Entry) -> Bool) -> Found {
        var slot = Int(truncatingIfNeeded: hash) & (Self.capacity - 1)
        while entries[slot].meaning != .empty {
            if entries[slot].hash == hash, matches(entries[slot]) {
                return Found(meaning: entries[slot].meaning, value: entries[slot].value)
            }
            slot = (slot + 1) & (Self.capacity - 1)
        }
        return Found(meaning: .empty, value: 0)
    }

    // FNV-1a: the names are ours, so nobody can aim for a long probe that matters.
    private static let seed: UInt64 = 0xcbf2_9ce4_8422_2325

    @inline(__always)
    private static func combine(_ hash: UInt64, _ byte: UInt8) -> UInt64 { (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }

    @inline(__always)
    static func folded(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 26 ? byte & 0xdf : byte }

    @inline(__always)
    private static func equal(_ word: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer, from start: Int) -> Bool {
        for index in 0..<word.count where folded(word[index]) != name[start + index] { return false }
        return true
    }
}

extension CommandTable {
    /// Commands that clients may well try and that this version does not have, with what to say.
    static let absent: [(name: String, text: String)] = {
        let later = "is not available in this version"
        let transaction = "transactions are not available in this version; with redis-py use pipeline(transaction=False)"
        var list = ["MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"].map { ($0, "\($0): \(transaction)") }
        list.append(("USER DELETE", "USER DELETE \(later); USER SET <user> STATE closed ends an account"))
        list.append(("SESSION RETIER", "SESSION RETIER \(later); STOP the session and START another"))
        for name in [
            "EVAL", "EVALSHA", "SCRIPT", "FCALL", "MONITOR", "TAIL", "AT", "BACKTEST", "RUNWAY", "REPORT", "PAYMENT",
            "RULE SHADOW", "RULE DIFF",
        ] {
            list.append((name, "\(name) \(later)"))
        }
        return list
    }()

    /// Which command a request names. A name that is none of ours says what it may have meant.
    package static func find(_ words: Words) throws(CommandError) -> CommandID {
        precondition(words.count > 0, "an empty request asks for nothing")
        let second = words.count > 1 ? words[1] : nil
        let (meaning, value) = CommandIndex.shared.find(words[0], second)
        switch meaning {
        case .command:
            let id = CommandID(rawValue: value)!
            if id == .command, words.count > 1 { break }
            return id
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
            return "unknown command \(Echo.quoted(words[1], after: first))\(near.isEmpty ? ": \(first) has \(list)" : near)"
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
