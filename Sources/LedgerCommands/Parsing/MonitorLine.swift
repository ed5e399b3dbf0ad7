package import LedgerCore

/// A request as `MONITOR` shows it: Redis' own line, without its end, and with no secret in it.
package enum MonitorLine {
    /// No word is shown longer.
    static let longestWord = 1024
    private static let hidden: StaticString = "(redacted)"

    /// Appends `+1795426200.123456 [0 127.0.0.1:50000] "CREDIT" "CHARGE" …` and a line end. Cost: the words.
    package static func append(
        _ words: Words, from address: String, at time: Timestamp, to bytes: inout [UInt8]
    ) {
        begin(from: address, at: time, to: &bytes)
        var masks = Masks()
        for index in 0..<words.count {
            bytes.append(contentsOf: [0x20, 0x22])
            if masks.hides(words[index], at: index) || Echo.looksSecret(words[index]) {
                append(hidden, to: &bytes)
            } else {
                append(words[index], to: &bytes)
            }
            bytes.append(0x22)
        }
        bytes.append(contentsOf: [0x0d, 0x0a])
    }

    /// A line of ours in the same form, which says that so many commands are not shown.
    package static func append(missed count: UInt64, at time: Timestamp, to bytes: inout [UInt8]) {
        begin(from: "florin", at: time, to: &bytes)
        bytes.append(
            contentsOf: " \"(\(count) commands are not shown: this connection reads too slowly)\"\r\n".utf8)
    }

    private static func begin(from address: String, at time: Timestamp, to bytes: inout [UInt8]) {
        let (seconds, rest) = time.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        bytes.append(UInt8(ascii: "+"))
        Decimal.append(UInt64(seconds.magnitude), to: &bytes)
        bytes.append(UInt8(ascii: "."))
        var digit: Int64 = 100_000
        while digit > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest / 1000 / digit % 10))
            digit /= 10
        }
        bytes.append(contentsOf: " [0 ".utf8)
        bytes.append(contentsOf: address.utf8)
        bytes.append(UInt8(ascii: "]"))
    }

    private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// As Redis writes it: what is not printable ASCII as `\xHH`.
    private static func append(_ word: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
        let isPlain = word.allSatisfy { byte in
            byte >= 0x20 && byte < 0x7f && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "\"")
        }
        // Nearly all are: a line is written for every command.
        if isPlain, word.count <= longestWord { return bytes.append(contentsOf: word) }
        for byte in word.prefix(longestWord) {
            switch byte {
            case UInt8(ascii: "\\"), UInt8(ascii: "\""): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0a: bytes.append(contentsOf: "\\n".utf8)
            case 0x0d: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0x07: bytes.append(contentsOf: "\\a".utf8)
            case 0x08: bytes.append(contentsOf: "\\b".utf8)
            case 0x20..<0x7f: bytes.append(byte)
            default:
                bytes.append(contentsOf: "\\x".utf8)
                for digit in [byte >> 4, byte & 15] {
                    bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
                }
            }
        }
        if word.count > longestWord { bytes.append(contentsOf: "… (\(word.count) bytes)".utf8) }
    }

    /// Which words hold a passport, whatever it looks like: a mistyped one is nearly a good one.
    private struct Masks {
        private enum Noun {
            case passport, session, other
        }
        private var isHello = false
        private var before = Noun.other
        /// How many words are hidden from here on.
        private var count = 0

        mutating func hides(_ word: UnsafeRawBufferPointer, at index: Int) -> Bool {
            if count > 0 {
                count -= 1
                return true
            }
            // Names stand in front.
            guard index < 8 else { return false }
            let noun = before
            before = .other
            if Self.spells(word, "AUTH") {
                count = index == 0 ? .max : isHello ? 2 : 0
            } else if index == 0, Self.spells(word, "HELLO") {
                isHello = true
            } else if Self.spells(word, "PASSPORT") {
                before = .passport
            } else if Self.spells(word, "SESSION") {
                before = .session
            } else if noun == .passport && Self.spells(word, "VERIFY") || noun == .session && Self.spells(word, "ADMIT")
            {
                count = 1
            }
            return false
        }

        /// In any case.
        private static func spells(_ word: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
            guard word.count == name.utf8CodeUnitCount else { return false }
            return word.indices.allSatisfy { CommandIndex.folded(word[$0]) == name.utf8Start[$0] }
        }
    }
}
