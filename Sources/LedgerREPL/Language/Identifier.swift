/// Ids of the ledger's own, as they look: a letter, `_`, and base 62.
package enum Identifier {
    /// The command that shows what an id names; nil for what has none.
    package static func command(for word: String) -> [String]? {
        guard isPlain(word) else { return nil }
        switch word.first {
        case "u": return ["USER", "GET", word]
        case "h": return ["HOLD", "GET", word]
        case "c", "e": return ["EXPLAIN", word]
        case "s": return ["SESSION", "GET", word]
        default: return nil
        }
    }

    /// `u_ada`, `h_4q`: a word that stands alone and means what it names.
    static func isPlain(_ word: String) -> Bool {
        let bytes = Array(word.utf8)
        return bytes.count >= 3 && bytes[1] == UInt8(ascii: "_") && "uhces".utf8.contains(bytes[0])
            && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7f }
    }
}
