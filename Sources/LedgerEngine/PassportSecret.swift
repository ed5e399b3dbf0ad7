internal import Glibc
package import LedgerCore

/// A passport as its holder has it: `fl_`, ten base-62 digits of public id, `_`, 32 random bytes as 43 base-62 digits,
/// and six base-62 digits of CRC-32 over all that comes before them. 63 characters. Shown once, never stored, never
/// logged.
package struct PassportSecret: Sendable {
    package static let length = 63
    package let bytes: [UInt8]
    package let id: PassportID

    private static let randomStart = 14
    private static let checksumStart = 57

    /// A new one. Its id is never 0.
    package static func mint(using generator: inout some RandomNumberGenerator) -> PassportSecret {
        var id: UInt64 = 0
        // 62^10 ids, drawn without bias: `next(upperBound:)` rejects what would favour the small ones.
        while id == 0 { id = generator.next(upperBound: tenDigits) }
        var bytes = Array("fl_".utf8)
        bytes.reserveCapacity(length)
        Base62.append(id, width: PassportID.digits, to: &bytes)
        bytes.append(UInt8(ascii: "_"))
        bytes += base62(ofRandom: [generator.next(), generator.next(), generator.next(), generator.next()])
        Base62.append(UInt64(CRC32.of(bytes)), width: 6, to: &bytes)
        return PassportSecret(bytes: bytes, id: PassportID(value: id))
    }

    package static func mint() -> PassportSecret {
        var generator = EntropyBlock()
        return mint(using: &generator)
    }

    private init(bytes: [UInt8], id: PassportID) {
        self.bytes = bytes
        self.id = id
    }

    /// Checks shape and checksum; nil for anything mistyped. Looks nothing up.
    package init?(parsing bytes: UnsafeRawBufferPointer) {
        guard let id = PassportSecret.id(in: bytes) else { return nil }
        self.init(bytes: Array(bytes), id: id)
    }

    package init?(_ text: String) {
        var text = text
        guard let parsed = text.withUTF8({ PassportSecret(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }

    /// The id that a well-formed secret names; nil when shape or checksum are wrong. Allocates nothing.
    static func id(in bytes: UnsafeRawBufferPointer) -> PassportID? {
        guard bytes.count == length, bytes[0] == UInt8(ascii: "f"), bytes[1] == UInt8(ascii: "l"),
            bytes[2] == UInt8(ascii: "_"), bytes[13] == UInt8(ascii: "_")
        else { return nil }
        for index in randomStart..<checksumStart where Base62.value(of: bytes[index]) == nil { return nil }
        guard let id = PassportID(parsing: UnsafeRawBufferPointer(rebasing: bytes[3..<13])), id.value != 0,
            let checksum = Base62.parse(UnsafeRawBufferPointer(rebasing: bytes[checksumStart...])),
            checksum == UInt64(CRC32.of(UnsafeRawBufferPointer(rebasing: bytes[..<checksumStart])))
        else { return nil }
        return id
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }

    /// The last four characters as a big-endian word, which lists show. They belong to the checksum: they tell two
    /// passports apart and nothing about the random part.
    package var lastFour: UInt32 { bytes.suffix(4).reduce(0) { $0 << 8 | UInt32($1) } }

    /// 256 bits as 43 base-62 digits, most significant first: 62^43 is a little more than 2^256. Ten digits at a time,
    /// for a division of 128 bits is what it costs.
    private static func base62(ofRandom words: [UInt64]) -> [UInt8] {
        var words = words
        var parts: [UInt64] = []  // the last digits first
        for _ in 0..<5 {
            var remainder: UInt64 = 0
            for index in words.indices {
                let (quotient, rest) = tenDigits.dividingFullWidth((remainder, words[index]))
                words[index] = quotient
                remainder = rest
            }
            parts.append(remainder)
        }
        var digits: [UInt8] = []
        digits.reserveCapacity(43)
        Base62.append(parts[4], width: 3, to: &digits)
        for part in parts[..<4].reversed() { Base62.append(part, width: 10, to: &digits) }
        return digits
    }

    /// 62^10.
    private static let tenDigits: UInt64 = 839_299_365_868_340_224
}

/// What one secret takes, asked of the system at once: its own generator is a call of the kernel for every number. (An
/// id that is drawn again takes more, and another block.)
private struct EntropyBlock: RandomNumberGenerator {
    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if words.isEmpty {
            words = [UInt64](repeating: 0, count: 8)
            let code = words.withUnsafeMutableBytes { getentropy($0.baseAddress!, $0.count) }
            precondition(code == 0, "the system gives no random bytes")
        }
        return words.removeLast()
    }
}

extension PassportSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Never the secret.
    package var description: String { "fl_\(id.text)_…" }
    package var debugDescription: String { description }
    package var customMirror: Mirror { Mirror(self, children: ["id": id.text]) }
}

/// What a secret says once it is hashed: whose passport it claims to be, and the digest that proves it.
package struct PassportProof: Hashable, Sendable {
    package var id: PassportID
    package var digest: Digest256
    package init(id: PassportID, digest: Digest256) {
        self.id = id
        self.digest = digest
    }
}

/// CRC-32 as in zip files (reflected 0xEDB88320): catches a mistyped passport before anybody looks it up.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func of(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var value: UInt32 = ~0
        for byte in bytes { value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8 }
        return ~value
    }
    static func of(_ bytes: [UInt8]) -> UInt32 { bytes.withUnsafeBytes { of($0) } }
}
