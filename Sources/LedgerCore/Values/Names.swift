/// How the outside world's names become ``Hash128``: SipHash-2-4 with 128 bits of output (Aumasson and Bernstein,
/// 2012), keyed with the ledger's seed, with the namespace as the first byte. Pure; safe to use on any thread.
package struct Names: Hashable, Sendable {
    private let k0: UInt64
    private let k1: UInt64

    package init(seed: Hash128) {
        k0 = seed.high
        k1 = seed.low
    }

    package enum Space: UInt8, Sendable {
        case user = 1, session = 2, reference = 3, adjustment = 4, resource = 5, space = 6, instance = 7, key = 8
        case arguments = 9, account = 10, refund = 11, email = 12, person = 13, emailHolder = 14, usage = 15
    }

    package func hash(_ space: Space, _ bytes: UnsafeRawBufferPointer) -> Hash128 {
        var hasher = SipHash128(k0: k0, k1: k1)
        hasher.combine(byte: space.rawValue)
        hasher.combine(bytes)
        return hasher.finish()
    }

    package func hash(_ space: Space, _ text: ShortText) -> Hash128 { text.withBytes { hash(space, $0) } }

    /// Several parts, each with its length before it, so that ("ab", "c") and ("a", "bc") differ.
    package func hash(_ space: Space, _ parts: [ShortText]) -> Hash128 {
        var hasher = SipHash128(k0: k0, k1: k1)
        hasher.combine(byte: space.rawValue)
        for part in parts {
            hasher.combine(byte: part.count)
            part.withBytes { hasher.combine($0) }
        }
        return hasher.finish()
    }

    package func user(_ id: ShortText) -> Hash128 { hash(.user, id) }
    package func session(_ id: ShortText) -> Hash128 { hash(.session, id) }
    package func resource(_ id: ShortText) -> Hash128 { hash(.resource, id) }

    /// A fresh hasher over a namespace, for callers that feed parts as they parse.
    package func hasher(_ space: Space) -> SipHash128 {
        var hasher = SipHash128(k0: k0, k1: k1)
        hasher.combine(byte: space.rawValue)
        return hasher
    }
}

/// SipHash-2-4 with 128-bit output, streaming.
package struct SipHash128: Sendable {
    private var v0: UInt64
    private var v1: UInt64
    private var v2: UInt64
    private var v3: UInt64
    private var tail: UInt64 = 0
    private var length: UInt64 = 0

    package init(k0: UInt64, k1: UInt64) {
        v0 = k0 ^ 0x736f_6d65_7073_6575
        v1 = k1 ^ 0x646f_7261_6e64_6f6d ^ 0xee
        v2 = k0 ^ 0x6c79_6765_6e65_7261
        v3 = k1 ^ 0x7465_6462_7974_6573
    }

    @inline(__always) private mutating func round() {
        v0 &+= v1
        v1 = v1 << 13 | v1 >> 51
        v1 ^= v0
        v0 = v0 << 32 | v0 >> 32
        v2 &+= v3
        v3 = v3 << 16 | v3 >> 48
        v3 ^= v2
        v0 &+= v3
        v3 = v3 << 21 | v3 >> 43
        v3 ^= v0
        v2 &+= v1
        v1 = v1 << 17 | v1 >> 47
        v1 ^= v2
        v2 = v2 << 32 | v2 >> 32
    }

    @inline(__always) private mutating func compress(_ word: UInt64) {
        v3 ^= word
        round()
        round()
        v0 ^= word
    }

    package mutating func combine(byte: UInt8) {
        tail |= UInt64(byte) << (8 * (length & 7))
        length &+= 1
        if length & 7 == 0 {
            compress(tail)
            tail = 0
        }
    }

    package mutating func combine(_ bytes: UnsafeRawBufferPointer) {
        var index = 0
        while bytes.count - index >= 8 {
            combine(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        guard index < bytes.count else { return }
        var rest: UInt64 = 0
        withUnsafeMutableBytes(of: &rest) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[index...])) }
        rest = UInt64(littleEndian: rest)
        let (waiting, count) = (length & 7, UInt64(bytes.count - index))
        tail |= rest &<< (8 &* waiting)
        length &+= count
        guard waiting &+ count >= 8 else { return }
        compress(tail)
        tail = waiting == 0 ? 0 : rest &>> (64 &- 8 &* waiting)
    }

    /// Eight bytes, the lowest first.
    @inline(__always)
    package mutating func combine(_ value: UInt64) {
        let waiting = length & 7
        compress(tail | value &<< (8 &* waiting))
        tail = waiting == 0 ? 0 : value &>> (64 &- 8 &* waiting)
        length &+= 8
    }

    package consuming func finish() -> Hash128 {
        compress(tail | length << 56)
        v2 ^= 0xee
        for _ in 0..<4 { round() }
        let first = v0 ^ v1 ^ v2 ^ v3
        v1 ^= 0xdd
        for _ in 0..<4 { round() }
        return Hash128(high: first, low: v0 ^ v1 ^ v2 ^ v3)
    }
}
