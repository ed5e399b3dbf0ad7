internal import Synchronization

/// Short texts that are written once and then only read, without locks: appended to chunks that never move, named by a
/// reference of one word, which its holder publishes with a releasing store after the bytes are there.
///
/// Unchecked Sendable: bytes are written before anybody has their reference, and never again; a cursor belongs to one
/// writer.
final class TextArena: @unchecked Sendable {
    /// Chunk (24 bits), offset (24), length (16). 0 is the empty text.
    typealias Reference = UInt64

    private static let chunkBytes = 1 << 18
    private static let directoryCount = 1 << 16
    private static let directoryBytes = directoryCount * MemoryLayout<UInt>.stride
    private let directory: UnsafeMutablePointer<Atomic<UInt>>
    private let chunks = Atomic<Int>(0)
    private var cursor = Cursor()

    /// Where a writer appends: in a chunk of its own.
    struct Cursor: ~Copyable {
        fileprivate var chunk = 0
        fileprivate var offset = TextArena.chunkBytes
    }

    init() {
        directory = ZeroedPages.map(Self.directoryBytes, for: "the texts of the read views")
            .assumingMemoryBound(to: Atomic<UInt>.self)
    }

    deinit {
        for index in 0..<chunks.load(ordering: .relaxed) { ZeroedPages.unmap(chunk(index), Self.chunkBytes) }
        ZeroedPages.unmap(directory, Self.directoryBytes)
    }

    /// Copies the text; at most 65,535 bytes. Writer only.
    func append(_ text: UnsafeRawBufferPointer) -> Reference { append(text, at: &cursor) }

    /// The same by one more writer, whose cursor this is.
    func append(_ text: UnsafeRawBufferPointer, at cursor: inout Cursor) -> Reference {
        guard !text.isEmpty else { return 0 }
        precondition(text.count <= 0xFFFF, "a text is too long for the read views")
        if cursor.offset + text.count > Self.chunkBytes {
            let number = chunks.wrappingAdd(1, ordering: .relaxed).oldValue
            precondition(number < Self.directoryCount, "the texts of the read views are full")
            let chunk = ZeroedPages.map(Self.chunkBytes, for: "the texts of the read views")
            directory[number].store(UInt(bitPattern: chunk), ordering: .releasing)
            (cursor.chunk, cursor.offset) = (number, 0)
        }
        (chunk(cursor.chunk) + cursor.offset).copyMemory(from: text.baseAddress!, byteCount: text.count)
        defer { cursor.offset += text.count }
        return UInt64(cursor.chunk) << 40 | UInt64(cursor.offset) << 16 | UInt64(text.count)
    }

    /// Gives the memory of all texts back. Who holds a reference reads zeroes from then on. Writer only, and it appends
    /// no more.
    func release() {
        for index in 0..<chunks.load(ordering: .relaxed) { ZeroedPages.release(chunk(index), Self.chunkBytes) }
    }

    private func chunk(_ index: Int) -> UnsafeMutableRawPointer {
        UnsafeMutableRawPointer(bitPattern: directory[index].load(ordering: .relaxed))!
    }

    func withText<R>(_ reference: Reference, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        guard reference != 0 else { return body(UnsafeRawBufferPointer(start: nil, count: 0)) }
        let chunk = UnsafeRawPointer(bitPattern: directory[Int(reference >> 40)].load(ordering: .acquiring))!
        return body(
            UnsafeRawBufferPointer(start: chunk + Int(reference >> 16 & 0xFF_FFFF), count: Int(reference & 0xFFFF)))
    }
}
