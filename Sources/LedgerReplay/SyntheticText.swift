internal import LedgerCore

/// Texts in the place of those that a journal holds sealed or as a hash only.
enum SyntheticText {
    /// Nonce and tag: what a sealed text has besides its clear bytes.
    private static let seal = 28

    /// A text as long as the one that was sealed; empty where there was none. At least one byte, at most `most`.
    static func text(for sealed: PersonalText, most: Int = 1024) -> [UInt8] {
        guard !sealed.isEmpty else { return [] }
        let count = min(max(sealed.sealedBytes.count - seal, 1), most)
        let pattern = Array("replayed ".utf8)
        return (0..<count).map { pattern[$0 % pattern.count] }
    }

    /// One address for each hash: who had the same address has the same again, however often.
    static func email(_ hash: Hash128) -> String { "\(hex(hash))@replay.example" }

    static func person(_ hash: Hash128) -> String { "person-\(hex(hash))" }

    private static func hex(_ hash: Hash128) -> String {
        [hash.high, hash.low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
