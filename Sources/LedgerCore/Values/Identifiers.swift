/// The number of an event: 1 for the first of a ledger, +1 each.
package struct LSN: Hashable, Comparable, Sendable {
    package var value: UInt64
    package init(_ value: UInt64) { self.value = value }
    package static let none = LSN(0)
    package static func < (a: LSN, b: LSN) -> Bool { a.value < b.value }
    package var next: LSN { LSN(value + 1) }
    package var isNone: Bool { value == 0 }
}

/// A user's number inside the ledger: given by `UserCreated`, counted from 0, never reused, never shown to clients.
package struct UserOrdinal: Hashable, Comparable, Sendable {
    package var value: UInt32
    package init(_ value: UInt32) { self.value = value }
    /// "No user": events of the ledger itself.
    package static let none = UserOrdinal(.max)
    package static func < (a: UserOrdinal, b: UserOrdinal) -> Bool { a.value < b.value }
}

/// A passport's number inside the ledger, in order of creation, counted from 0. Never reused, never shown.
package struct PassportOrdinal: Hashable, Comparable, Sendable {
    package var value: UInt32
    package init(_ value: UInt32) { self.value = value }
    /// "Nobody": the engine itself (timers, start-up).
    package static let none = PassportOrdinal(.max)
    package static func < (a: PassportOrdinal, b: PassportOrdinal) -> Bool { a.value < b.value }
}

/// The identity of a lot, hold, session, resource, purchase or charge: its birth place, not a slot.
/// Ten bits of shard, 46 bits of the LSN that created it, eight of its number among what that event created. Shown to
/// clients as a letter and base 62 (`h_…`).
package struct BirthID: Hashable, Comparable, Sendable {
    package var value: UInt64
    package static let mostLSN: UInt64 = 1 << 46 - 1
    package init(value: UInt64) { self.value = value }
    package init(shard: UInt16, lsn: LSN, index: UInt8 = 0) {
        precondition(shard < 1024 && lsn.value <= Self.mostLSN, "a shard beyond 10 bits, or an LSN beyond 46")
        value = UInt64(shard) << 54 | lsn.value << 8 | UInt64(index)
    }
    package static let none = BirthID(value: 0)
    package static func < (a: BirthID, b: BirthID) -> Bool { a.value < b.value }
    package var lsn: LSN { LSN(value >> 8 & Self.mostLSN) }
    package var shard: UInt16 { UInt16(value >> 54) }
    package var index: UInt8 { UInt8(truncatingIfNeeded: value) }
    package var isNone: Bool { value == 0 }
}

package typealias LotID = BirthID
package typealias HoldID = BirthID
package typealias SessionID = BirthID
package typealias ResourceID = BirthID
package typealias ChargeID = BirthID

/// The letter in front of a ``BirthID`` when it is shown.
package enum BirthKind: UInt8, Sendable {
    case charge = 0x63  // c
    case hold = 0x68  // h
    case lot = 0x6C  // l
    case purchase = 0x70  // p
    case resource = 0x72  // r
    case session = 0x73  // s
    case space = 0x69  // i, an instance of a space
    case entry = 0x65  // e, any other entry
}

extension BirthID {
    /// Appends `h_` and eleven base-62 digits at most, no leading zeros.
    package func append(as kind: BirthKind, to bytes: inout [UInt8]) {
        bytes.append(kind.rawValue)
        bytes.append(UInt8(ascii: "_"))
        Base62.append(value, to: &bytes)
    }

    package func text(as kind: BirthKind) -> String {
        var bytes: [UInt8] = []
        append(as: kind, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    package init?(parsing bytes: UnsafeRawBufferPointer, as kind: BirthKind) {
        guard bytes.count >= 3, bytes.count <= 13, bytes[0] == kind.rawValue, bytes[1] == UInt8(ascii: "_") else {
            return nil
        }
        guard let value = Base62.parse(UnsafeRawBufferPointer(rebasing: bytes[2...])), value != 0 else { return nil }
        self.value = value
    }
}

/// Base 62 in the order 0–9 A–Z a–z.
package enum Base62 {
    package static func digit(_ value: UInt64) -> UInt8 {
        switch value {
        case 0..<10: UInt8(ascii: "0") + UInt8(value)
        case 10..<36: UInt8(ascii: "A") + UInt8(value - 10)
        default: UInt8(ascii: "a") + UInt8(value - 36)
        }
    }

    package static func value(of digit: UInt8) -> UInt64? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt64(digit - UInt8(ascii: "0"))
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt64(digit - UInt8(ascii: "A")) + 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt64(digit - UInt8(ascii: "a")) + 36
        default: nil
        }
    }

    package static func append(_ value: UInt64, width: Int = 1, to bytes: inout [UInt8]) {
        if value >= 62 || width > 1 { append(value / 62, width: width - 1, to: &bytes) }
        bytes.append(digit(value % 62))
    }

    package static func parse(_ bytes: UnsafeRawBufferPointer) -> UInt64? {
        var result: UInt64 = 0
        for byte in bytes {
            guard let digit = value(of: byte) else { return nil }
            let (scaled, overflow1) = result.multipliedReportingOverflow(by: 62)
            let (sum, overflow2) = scaled.addingReportingOverflow(digit)
            guard !overflow1, !overflow2 else { return nil }
            result = sum
        }
        return bytes.isEmpty ? nil : result
    }
}

/// 128 bits of a keyed hash. What the outside world names (users, sessions, payment references, idempotency keys) is
/// looked up by this, never by its text; the key is the ledger's own seed, so nobody can aim for a collision.
package struct Hash128: Hashable, Comparable, Sendable {
    package var high: UInt64
    package var low: UInt64
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
    package static let zero = Hash128(high: 0, low: 0)
    package static func < (a: Hash128, b: Hash128) -> Bool { (a.high, a.low) < (b.high, b.low) }
}

/// 32 bytes of SHA-256 or HMAC-SHA-256, computed outside the core.
package struct Digest256: Hashable, Sendable {
    package var words: Words
    package struct Words: Hashable, Sendable {
        package var a: UInt64
        package var b: UInt64
        package var c: UInt64
        package var d: UInt64
        package init(a: UInt64 = 0, b: UInt64 = 0, c: UInt64 = 0, d: UInt64 = 0) {
            (self.a, self.b, self.c, self.d) = (a, b, c, d)
        }
    }
    package static let zero = Digest256(words: Words())
    package init(words: Words) { self.words = words }

    /// `bytes` has exactly 32 bytes.
    package init(bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count == 32, "a digest of other than 32 bytes")
        words = Words(
            a: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self).littleEndian,
            b: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian,
            c: bytes.loadUnaligned(fromByteOffset: 16, as: UInt64.self).littleEndian,
            d: bytes.loadUnaligned(fromByteOffset: 24, as: UInt64.self).littleEndian)
    }

    package init(_ bytes: [UInt8]) {
        self = bytes.withUnsafeBytes { Digest256(bytes: $0) }
    }

    package var bytes: [UInt8] {
        var result: [UInt8] = []
        for word in [words.a, words.b, words.c, words.d] {
            for shift in stride(from: 0, to: 64, by: 8) {
                result.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return result
    }

    /// Sixty-four lower-case hexadecimal digits.
    package var hex: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Compares in time that does not depend on where the two differ.
    package func equalsInConstantTime(_ other: Digest256) -> Bool {
        (words.a ^ other.words.a) | (words.b ^ other.words.b) | (words.c ^ other.words.c) | (words.d ^ other.words.d)
            == 0
    }
}
