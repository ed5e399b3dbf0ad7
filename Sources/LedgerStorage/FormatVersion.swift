// Versions that can move
// ======================
//
// Every kind of file has a version of its own, a constant in the file that owns its format: the directory's marker,
// live segments, batches, sealed segments, snapshots, the manifest, the key file, the pepper, side files. One of them
// changes and the others stay. The rows of a snapshot have a version for each section (in its frame header), events one
// for each type (in their own bytes): those are the ledger's, not this module's.
//
// A binary file carries two numbers, in the same place whatever its kind:
//
//      offset 4, 2 bytes  the version it was written in
//      offset 6, 2 bytes  the oldest reader that understands it
//
// Writing a new version: raise `current`. If a reader of before may overlook what is new (a field in what had been
// zero, which means "none" there), leave `minimumReader`; if it would misread the rest, raise that too. Reading the
// versions of before stays possible down to `oldest`, and the code that does it says from which version on a field is
// there.

/// The version of one kind of file: what is written, and what is read.
package struct FormatVersion: Sendable {
    /// What is written now.
    package let current: UInt16
    /// The oldest reader that understands what is written now.
    package let minimumReader: UInt16
    /// The oldest version that is still read.
    package let oldest: UInt16

    package init(current: UInt16, minimumReader: UInt16, oldest: UInt16) {
        precondition(oldest <= current && minimumReader <= current, "a format that its own program cannot read")
        self.current = current
        self.minimumReader = minimumReader
        self.oldest = oldest
    }

    /// What keeps a file of these numbers from being read; nil when nothing does.
    package func objection(to version: UInt16, minimumReader: UInt16) -> FormatFault? {
        if minimumReader > current { return .newer(minimumReader: minimumReader, reads: current) }
        if version < oldest { return .older(version: version, reads: oldest) }
        return nil
    }

    /// The same for a header whose checksum was right.
    func objection(to header: UnsafeRawBufferPointer) -> FormatFault? {
        objection(to: header.number(at: 4), minimumReader: header.number(at: 6))
    }

    /// Writes both numbers.
    func stamp(_ header: UnsafeMutableRawBufferPointer) {
        header.store(current, at: 4)
        header.store(minimumReader, at: 6)
    }
}

/// Why the bytes of a file that is whole are not read.
package enum FormatFault: Error, Equatable, Sendable {
    case newer(minimumReader: UInt16, reads: UInt16)
    case older(version: UInt16, reads: UInt16)

    func error(_ path: String, at offset: Int? = nil) -> StorageError {
        switch self {
        case .newer(let reader, let current):
            StorageError(
                .newerFormat, path, at: offset, "it needs a reader of format \(reader), this Florin reads \(current)")
        case .older(let version, let oldest):
            StorageError(
                .olderFormat, path, at: offset, "it has format \(version), this Florin reads format \(oldest) and later"
            )
        }
    }
}
