/// The part of the journal that a start does not replay, because a snapshot stands for it: sealed segments, held
/// against their checksums frame by frame. Nobody's balance hangs on these bytes, and everybody's history does.
///
/// Cost: one pass over the compressed files, nothing is unpacked, memory of a few megabytes. That every frame also
/// holds what the chain says is for `Verification`, which unpacks and replays.
package struct HistoryCheck: Sendable {
    private let directory: DataDirectory
    private let segments: Range<UInt64>

    init(_ directory: DataDirectory, segments: Range<UInt64>) {
        self.directory = directory
        self.segments = segments
    }

    /// Throws what it finds first, with file and offset; false: `isWanted`, asked before each segment, said no.
    package func run(while isWanted: () -> Bool = { true }) throws(StorageError) -> Bool {
        for number in segments {
            guard isWanted() else { return false }
            let path = directory.sealed(number)
            do throws(StorageError) {
                try SealedSegment.open(path, expecting: number, of: directory.identity, on: directory.disk)
                    .checkFrames()
            } catch {
                throw error.isOfTheSystem ? error : explained(error)
            }
        }
        return true
    }

    /// The same on a thread of its own, which ends with what is returned. Nothing is handed over: it asks only whether
    /// it is still wanted.
    func beside() -> Ahead<Void, Void> {
        Ahead("history", most: .max) { (isWanted) throws(StorageError) in _ = try run { isWanted(()) } }
    }

    private func explained(_ error: StorageError) -> StorageError {
        var error = error
        error.detail +=
            "; put a good copy of this file back. A snapshot stands for it, so no balance hangs on it: "
            + "florin serve --check-history background serves without it"
        return error
    }
}
