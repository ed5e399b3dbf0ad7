internal import CIntrinsics
internal import Glibc
internal import LedgerCore

// Little-endian numbers in raw bytes, checksums, and aligned memory: the alphabet in which every format file writes.

extension UnsafeRawBufferPointer {
    func number<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: T.Type = T.self) -> T {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "a field lies outside its record")
        return T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    func digest(at offset: Int) -> Digest256 { Digest256(bytes: slice(offset, 32)) }

    /// The part of `count` bytes at `offset`, as a buffer of its own. Traps outside.
    func slice(_ offset: Int, _ count: Int) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: self[offset..<(offset + count)])
    }

    /// Whether every byte is zero.
    package var isZero: Bool {
        guard let first else { return true }
        return first == 0 && memcmp(baseAddress!, baseAddress! + 1, count - 1) == 0
    }

    var crc32c: UInt32 { crc32c(continuing: 0) }

    func crc32c(continuing crc: UInt32) -> UInt32 { florin_crc32c(crc, baseAddress, count) }
}

extension UnsafeMutableRawBufferPointer {
    func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "a field lies outside its record")
        storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }

    func store(_ digest: Digest256, at offset: Int) {
        store(digest.words.a, at: offset)
        store(digest.words.b, at: offset + 8)
        store(digest.words.c, at: offset + 16)
        store(digest.words.d, at: offset + 24)
    }

    func slice(_ offset: Int, _ count: Int) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: self[offset..<(offset + count)])
    }

    func zero() { if count > 0 { initializeMemory(as: UInt8.self, repeating: 0) } }
}

extension [UInt8] {
    /// A record of `count` zero bytes, filled in by `body`.
    init(record count: Int, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
        self.init(repeating: 0, count: count)
        withUnsafeMutableBytes { body($0) }
    }
}

/// CRC32C of some bytes.
package func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 { bytes.crc32c }

/// Memory for blocks of the disk: page-aligned, fixed in size, freed with its owner; not cleared.
final class AlignedBuffer {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) { bytes = .allocate(byteCount: count, alignment: 4096) }

    deinit { bytes.deallocate() }

    var readable: UnsafeRawBufferPointer { UnsafeRawBufferPointer(bytes) }
}

/// Memory that is used again and again, and grows to the largest use of it. What is taken anew each time and given back
/// the system clears each time, which takes longer than most of what is done with it.
///
/// Unchecked Sendable: it belongs to one thread at a time, and is handed on under a lock.
final class Scratch: @unchecked Sendable {
    private var buffer = AlignedBuffer(count: 0)

    /// So many bytes of it, with whatever is in them. Valid until the next call, or until it goes.
    func bytes(_ count: Int) -> UnsafeMutableRawBufferPointer {
        if buffer.bytes.count < count {
            // Some more than is needed: the next use is of about the same size.
            buffer = AlignedBuffer(count: (count + count / 4).rounded(upTo: 64 << 10))
        }
        return buffer.bytes.slice(0, count)
    }
}

/// Scratch that goes from one thread to the next and comes back. Any thread.
final class ScratchPool: Sendable {
    private let spares = Lock<[Scratch]>([])
    func take() -> Scratch { spares.withLock { $0.popLast() } ?? Scratch() }
    func giveBack(_ scratch: Scratch) { spares.withLock { $0.append(scratch) } }
}

extension Int {
    /// This number rounded up to a multiple of `unit`.
    func rounded(upTo unit: Int) -> Int { (self + unit - 1) / unit * unit }
}
