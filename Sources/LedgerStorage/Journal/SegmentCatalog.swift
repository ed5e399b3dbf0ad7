internal import LedgerCore
internal import Synchronization

/// Where a batch lies in a live segment. 16 bytes each, for unsealed segments only; closing batches are not listed.
struct BatchPlace: Sendable {
    var firstLSN: LSN
    /// In blocks of 4 KiB.
    var offset: UInt32
    var blocks: UInt32
}

/// The segments as everybody in this process sees them: the writer adds batches, maintenance changes states, readers
/// look up where an LSN lies. One lock, held for a few comparisons, never during a system call.
///
/// Readers *pin* a live segment while they read from it, so that its file is not recycled under them. A fold in
/// another process cannot pin, so its parent holds files back (`holds`) while it runs.
final class SegmentCatalog: Sendable {
    struct Segment {
        var record: Manifest.Segment
        /// The live file, open for reading and writing; nil once sealed.
        var file: (any DiskFile)?
        var batches: [BatchPlace] = []
        var pins = 0
    }

    struct Contents {
        /// All of them in order; at most one at the end is prepared.
        var segments: [Segment] = []
        /// Behind the last durable batch.
        var head: JournalHead
        /// Bytes used in the current segment.
        var used = 0
        /// Live files whose segment is sealed, not yet recycled.
        var retained: [(number: UInt64, bytes: Int)] = []
        /// Through which segments files are held back, once for each who does.
        var holds: [UInt64] = []
        var snapshots: [Manifest.Snapshot] = []
        /// Why there is no prepared segment, when preparing one failed.
        var roomFault: StorageError?
    }

    let contents: Lock<Contents>
    /// The last LSN that is on disk. Readers see nothing beyond it.
    let durable: Atomic<UInt64>

    init(_ contents: consuming sending Contents) {
        durable = Atomic(contents.head.lastLSN.value)
        self.contents = Lock(contents)
    }
}

extension SegmentCatalog.Contents {
    /// The segment that is written to.
    var currentIndex: Int {
        segments.last?.record.state == .prepared ? segments.count - 2 : segments.count - 1
    }

    /// How many batches of the largest size are certain to fit, one closing batch after each set aside.
    var batchesOfRoom: Int {
        func fitting(_ bytes: Int, capacity: Int) -> Int {
            let largest = min(JournalFormat.maximumBatch, capacity - 2 * JournalFormat.block)
            return max(0, bytes - JournalFormat.block) / largest
        }
        let capacity = segments[currentIndex].record.fileBytes
        var room = fitting(capacity - used, capacity: capacity)
        if let last = segments.last, last.record.state == .prepared {
            room += fitting(last.record.fileBytes - JournalFormat.block, capacity: last.record.fileBytes)
        }
        return room
    }

    /// What the manifest should say now.
    func manifest(after old: Manifest) -> Manifest {
        var manifest = old
        manifest.segments = segments.map(\.record)
        manifest.snapshots = snapshots
        manifest.watermark = head
        return manifest
    }

    /// The last begun segment whose first LSN is at or below `lsn`.
    func index(holding lsn: LSN) -> Int {
        var low = 0
        var high = currentIndex + 1
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].record.firstLSN <= lsn { low = middle + 1 } else { high = middle }
        }
        return low - 1
    }
}

extension SegmentCatalog.Segment {
    /// The batch that holds an LSN of this segment.
    func place(of lsn: LSN) -> BatchPlace? {
        var low = 0
        var high = batches.count
        while low < high {
            let middle = (low + high) / 2
            if batches[middle].firstLSN <= lsn { low = middle + 1 } else { high = middle }
        }
        return low > 0 ? batches[low - 1] : nil
    }
}
