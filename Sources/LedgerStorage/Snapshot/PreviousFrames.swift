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
/// number of its rows and its length. One that has changed often is as long as before: so it is unpacked in vain, which
/// takes less than half of what compressing does. Where that happens time and again, only some are tried.
///
/// The file stays open: it may be thinned out meanwhile. Memory: 64 bytes for each of its frames, and one of them
/// packed and unpacked. Used by one thread.
final class PreviousFrames {
    private struct Section {
        var frames: [(header: SnapshotFile.Frame, offset: Int)] = []
        /// Where the next one is expected.
        var next = 0
        /// How many were unpacked in vain since the last that was taken.
        var misses = 0
    }

    private let file: SnapshotFile
    private var sections: [UInt16: Section] = [:]
    private let decompressor = ZstdDecompressor()
    private let packed = Scratch()
    private let unpacked = Scratch()

    /// How far from where it is expected a frame is looked for, the nearest place first.
    private static let distances = [0, 1, -1, 2, -2]
    /// From so many misses on, one of so many frames is tried.
    private static let (patience, sample) = (2, 4)

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

    /// The stored bytes of the frame that says this, valid until the next call; nil: there is none, or none was found.
    /// Each frame of the new snapshot is asked for once, in order. Cost: nothing where no header fits, else a read, a
    /// checksum, the unpacking and a comparison, once.
    func stored(
        section: UInt16, version: UInt8, rows: Int, _ bytes: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer? {
        guard let known = sections[section], !bytes.isEmpty else { return nil }
        let place = Self.distances.lazy.map { known.next + $0 }.first { place in
            guard known.frames.indices.contains(place) else { return false }
            let header = known.frames[place].header
            return header.version == version && header.rows == rows && header.bytes == bytes.count
        }
        guard let place, known.misses < Self.patience || known.next % Self.sample == 0 else {
            sections[section]?.next += 1
            return nil
        }
        let (header, offset) = known.frames[place]
        guard let stored = read(header, at: offset), says(stored, bytes) else {
            sections[section]?.next += 1
            sections[section]?.misses += 1
            return nil
        }
        sections[section]?.next = place + 1
        sections[section]?.misses = 0
        return stored
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
