internal import Crypto
internal import LedgerCore

/// SHA-256 over several pieces of memory. One allocation each; used per batch and per file, never per event.
struct SHA256Stream {
    private var hasher = SHA256()

    init() {}

    mutating func update(_ bytes: UnsafeRawBufferPointer) { hasher.update(bufferPointer: bytes) }

    mutating func update(_ number: UInt64) {
        withUnsafeBytes(of: number.littleEndian) { hasher.update(bufferPointer: $0) }
    }

    consuming func finish() -> Digest256 {
        hasher.finalize().withUnsafeBytes { Digest256(bytes: $0) }
    }

    static func digest(_ bytes: UnsafeRawBufferPointer) -> Digest256 {
        var stream = SHA256Stream()
        stream.update(bytes)
        return stream.finish()
    }
}
