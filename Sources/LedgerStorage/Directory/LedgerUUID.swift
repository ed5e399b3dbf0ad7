/// The identity of one ledger: in every file it owns, so that bytes of another are never taken for its own.
package struct LedgerUUID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A fresh random identity (version 4).
    package static func random() -> LedgerUUID {
        var generator = SystemRandomNumberGenerator()
        let high = generator.next() & ~0xF000 | 0x4000
        let low = generator.next() & ~(3 << 62) | 2 << 62
        return LedgerUUID(high: high, low: low)
    }
}

extension LedgerUUID: CustomStringConvertible {
    /// `6f9619ff-8b86-4011-b42d-00c04fc964ff`
    package var description: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for index in 0..<32 {
            if index == 8 || index == 12 || index == 16 || index == 20 { text.append(UInt8(ascii: "-")) }
            let word = index < 16 ? high : low
            text.append(digits[Int(word >> UInt64(60 - index % 16 * 4) & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36 else { return nil }
        var words: (UInt64, UInt64) = (0, 0)
        var count = 0
        for (index, byte) in bytes.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
                continue
            }
            let digit: UInt64
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = UInt64(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = UInt64(byte - UInt8(ascii: "a")) + 10
            default: return nil
            }
            if count < 16 { words.0 = words.0 << 4 | digit } else { words.1 = words.1 << 4 | digit }
            count += 1
        }
        self.init(high: words.0, low: words.1)
    }
}

extension UnsafeRawBufferPointer {
    func uuid(at offset: Int) -> LedgerUUID { LedgerUUID(high: number(at: offset), low: number(at: offset + 8)) }
}

extension UnsafeMutableRawBufferPointer {
    func store(_ uuid: LedgerUUID, at offset: Int) {
        store(uuid.high, at: offset)
        store(uuid.low, at: offset + 8)
    }
}

/// What a ledger is called in every file: its identity and which shard of it this journal is.
package struct LedgerIdentity: Hashable, Sendable {
    package var uuid: LedgerUUID
    package var shard: UInt16
    package init(uuid: LedgerUUID, shard: UInt16 = 0) {
        self.uuid = uuid
        self.shard = shard
    }
}
