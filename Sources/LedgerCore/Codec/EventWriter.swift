/// The memory of a batch of events. Who renders receipts from it keeps a reference; it is used again only when
/// nobody does. The bytes of finished events never change.
///
/// Unchecked Sendable: written by the one who fills the batch, before it is handed on; read by everybody afterwards.
package final class BatchMemory: @unchecked Sendable {
    let base: UnsafeMutablePointer<UInt8>
    let capacity: Int

    init(capacity: Int) {
        base = .allocate(capacity: capacity)
        self.capacity = capacity
    }

    deinit { base.deallocate() }

    /// An event's bytes, valid inside the call.
    package func withBytes<R, E: Error>(
        of event: EventReference, _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        let (start, count) = (Int(event.offset), Int(event.length))
        precondition(start + count <= capacity, "an event lies outside of its batch")
        return try body(UnsafeRawBufferPointer(start: base + start, count: count))
    }
}

/// Where an event lies in its batch, and its number: what a decision gives back in place of the event.
package struct EventReference: Hashable, Sendable {
    package var lsn: LSN
    package var offset: UInt32
    package var length: UInt32
}

/// Writes events straight into a batch's memory: one field after the other, as ``ByteReader`` reads them. Allocates
/// only when the memory has to grow.
package struct EventWriter: Coder {
    package typealias Failure = Never
    package var version: UInt8 = 0
    private(set) var memory: BatchMemory
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    private(set) var count = 0

    init(capacity: Int = 16 << 10) { self.init(BatchMemory(capacity: capacity)) }

    private init(_ memory: BatchMemory) {
        self.memory = memory
        base = memory.base
        capacity = memory.capacity
    }

    /// Begins anew: in the same memory if nobody else looks at it.
    mutating func removeAll() {
        count = 0
        guard !isKnownUniquelyReferenced(&memory) else { return }
        self = EventWriter(BatchMemory(capacity: capacity))
    }

    /// Forgets everything behind `count`, which is again the end.
    mutating func cut(to count: Int) {
        precondition(count <= self.count, "a batch was to be cut beyond its end")
        self.count = count
    }

    var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    @inline(__always) private mutating func room(_ more: Int) {
        if capacity - count < more { grow(more) }
    }

    @inline(never) private mutating func grow(_ more: Int) {
        let larger = BatchMemory(capacity: max(capacity * 2, count + more))
        larger.base.update(from: base, count: count)
        memory = larger
        base = larger.base
        capacity = larger.capacity
    }

    @inline(__always) mutating func byte(_ value: UInt8) {
        room(1)
        base[count] = value
        count += 1
    }

    /// Overwrites four bytes, little-endian.
    mutating func patch(_ value: UInt32, at offset: Int) {
        UnsafeMutableRawPointer(base + offset).storeBytes(of: value.littleEndian, as: UInt32.self)
    }

    mutating func setBits(_ bits: UInt8, at offset: Int) { base[offset] |= bits }

    package mutating func unsigned(_ value: inout UInt64) {
        room(10)
        var rest = value
        var at = count
        while rest >= 0x80 {
            base[at] = UInt8(truncatingIfNeeded: rest) | 0x80
            rest >>= 7
            at += 1
        }
        base[at] = UInt8(truncatingIfNeeded: rest)
        count = at + 1
    }

    package mutating func fixed(_ value: inout UInt64) {
        room(8)
        UnsafeMutableRawPointer(base + count).storeBytes(of: value.littleEndian, as: UInt64.self)
        count += 8
    }

    package mutating func bytes(_ value: inout [UInt8]) {
        var length = UInt64(value.count)
        unsigned(&length)
        append(value)
    }

    private mutating func append(_ value: [UInt8]) {
        guard !value.isEmpty else { return }
        room(value.count)
        value.withUnsafeBufferPointer { (base + count).update(from: $0.baseAddress!, count: $0.count) }
        count += value.count
    }

    package mutating func text(_ value: inout ShortText) {
        room(1 + ShortText.capacity)
        base[count] = value.count
        let target = base + count + 1
        value.withBytes { text in
            if let source = text.baseAddress {
                UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: text.count)
            }
        }
        count += 1 + Int(value.count)
    }

    package mutating func fail(_ reason: StaticString) { preconditionFailure("encoding: \(reason)") }
}
