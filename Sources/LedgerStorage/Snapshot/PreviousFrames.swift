internal import Glibc
internal import LedgerCore

/// The frames of the last snapshot, for the next one: a frame that says the same is taken as it lies there, instead of
/// being compressed once more. It is still encoded, hashed and read back: what is saved is zstd's work.
///
/// Nothing is believed. A frame is taken if its checksum matches and it unpacks to the very bytes that are to be
/// written. Whatever is odd about the file, a frame of it is compressed anew, which is never wrong. So the new snapshot
/// says what it would have said without; and where one version of zstd wrote both, it is the same file, byte for byte.
///
/// Which frame may be the one, headers tell: its place in its section, give or take what came or went before it, the
/// number of its rows and its length. So most frames that have changed are known for it at once.
///
/// The file stays open: it may be thinned out meanwhile. Memory: 64 bytes for each of its frames, and one of them
/// packed and unpacked. Used by one thread.
final class PreviousFrames {
    private struct Section {
        var frames: [(header: SnapshotFile.Frame, offset: Int)] = []
        /// Where the next one is expected.
        var next = 0
    }

    private let file: SnapshotFile
    private var sections: [UInt16: Section] = [:]
    private let decompressor = ZstdDecompressor()
    private let packed = Scratch()
    private let unpacked = Scratch()

    /// How far from where it is expected a frame is looked for, the nearest place first.
    private static let distances = [0, 1, -1, 2, -2]

    /// Nil where that file is of no use. Reads its headers.
    init?(_ path: String, _ directory: DataDirectory) {
        guard let file = try? SnapshotFile(path, directory, pastCache: false) else { return nil }
        self.file = file
        var offset = SnapshotFormat.headerBytes
        for number in 0..<file.description.frames {
            // Behind a damaged one nobody knows where the next begins.
            guard let frame = try? file.frame(number, at: offset).frame else { return }
            offset += SnapshotFormat.frameHeaderBytes
            sections[frame.section, default: Section()].frames.append((frame, offset))
            offset += frame.compressedBytes
        }
    }

    /// The stored bytes of the frame that says this, valid until the next call; nil: there is none. Each frame of the
    /// new snapshot is asked for once, in order. Cost: nothing where no header fits, else a read, a checksum, the
    /// unpacking and a comparison.
    func stored(
        section: UInt16, version: UInt8, rows: Int, _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let known = sections[section], !bytes.isEmpty else { return nil }
        for place in Self.distances.map({ known.next + $0 }) where known.frames.indices.contains(place) {
            let (header, offset) = known.frames[place]
            guard
                header.version == version, header.rows == rows, header.bytes == bytes.count,
                let stored = read(header, at: offset), says(stored, bytes)
            else { continue }
            sections[section]?.next = place + 1
            return stored
        }
        sections[section]?.next += 1
        return nil
    }

    private func read(_ header: SnapshotFile.Frame, at offset: Int) -> UnsafeRawBufferPointer? {
        let stored = packed.bytes(header.compressedBytes)
        guard
            let isWhole = try? file.file.fill(stored, at: offset, pastCache: false), isWhole,
            UnsafeRawBufferPointer(stored).crc32c == header.checksum
        else { return nil }
        return UnsafeRawBufferPointer(stored)
    }

    private func says(_ stored: UnsafeRawBufferPointer, _ bytes: UnsafeRawBufferPointer) -> Bool {
        let content = unpacked.bytes(bytes.count)
        return decompressor.decompress(stored, into: content)
            && memcmp(content.baseAddress!, bytes.baseAddress!, bytes.count) == 0
    }
}
