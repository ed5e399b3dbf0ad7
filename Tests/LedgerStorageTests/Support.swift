import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// The reason a fault was thrown with; a failure when there was none.
func reason<R: ~Copyable>(_ body: () throws(StorageError) -> R, sourceLocation: SourceLocation = #_sourceLocation)
    -> StorageError.Reason?
{
    do throws(StorageError) {
        _ = try body()
        Issue.record("no fault", sourceLocation: sourceLocation)
        return nil
    } catch {
        return error.reason
    }
}

/// A file in memory, for scans that need no disk.
final class MemoryFile: DiskFile, @unchecked Sendable {  // one test, one thread
    let path = "memory"
    var bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    func size() -> Int { bytes.count }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        let count = max(0, min(buffer.count, bytes.count - offset))
        if count > 0 { bytes.withUnsafeBytes { buffer.copyMemory(from: $0.slice(offset, count)) } }
        return count
    }
    func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        read(into: buffer, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {}
    func zeroFill(from offset: Int, count: Int) {}
    func sync() {}
}

/// Notes where the pieces lay that its disk was told to write as one.
final class WatchedWrites: Sendable {
    let pieces = Lock<[(address: UInt, count: Int)]>([])

    func disk() -> ForwardingDisk { ForwardingDisk(SimulatedDisk()) { WatchedFile($0, self) } }
}

private final class WatchedFile: ForwardingFile {
    let base: any DiskFile
    private let writes: WatchedWrites
    init(_ base: any DiskFile, _ writes: WatchedWrites) {
        self.base = base
        self.writes = writes
    }
    func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) throws(StorageError) {
        let noted = pieces.map { (address: UInt(bitPattern: $0.baseAddress), count: $0.count) }
        writes.pieces.withLock { $0 += noted }
        try base.write(pieces, at: offset)
    }
}

extension ToyLedger {
    /// Rotates, prepares and seals until this many segments are sealed.
    func fill(sealedSegments count: Int) throws(StorageError) {
        while journal.sealedCount < count {
            try append(ballast: 300)
            try journal.maintain()
        }
    }
}

extension BatchHeader {
    /// The batch as it lies in a live segment.
    func blocks(with payload: [UInt8]) -> [UInt8] {
        var header = self
        payload.withUnsafeBytes { header.cover($0) }
        let bytes = [UInt8](record: JournalFormat.headerBytes) { header.encode(into: $0) } + payload
        return bytes + [UInt8](repeating: 0, count: header.paddedBytes - bytes.count)
    }
}

extension Journal {
    var sealedCount: Int { catalog.contents.withLock { $0.segments.count(where: { $0.record.state == .sealed }) } }
    var segmentCount: Int { catalog.contents.withLock { $0.currentIndex + 1 } }
}

/// A toy with users, some of whom have text under a key.
struct PeopledToy: JournaledState, ~Copyable {
    private var toy = ToyState()
    private let users: Int
    private let sealed: Set<UInt32>

    init() { self.init(users: 3, sealed: [0, 2]) }

    init(users: Int, sealed: Set<UInt32>) {
        self.users = users
        self.sealed = sealed
    }

    var userCount: Int { users }
    func hasSealedText(_ user: UserOrdinal) -> Bool { sealed.contains(user.value) }

    var lastLSN: LSN { toy.lastLSN }
    var lastTime: Timestamp { toy.lastTime }
    var booksSum: Int128 { toy.booksSum }
    mutating func replay(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError) {
        try toy.replay(bytes, lsn: lsn, time: time)
    }
    func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        try toy.writeSnapshot(to: &sink)
    }
    static func read(
        section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
    ) throws(StateError) -> ToyFrame {
        try ToyState.read(section: section, version: version, rows: rows, bytes: bytes)
    }
    mutating func restore(_ frame: consuming ToyFrame) throws(StateError) { try toy.restore(frame) }
    func violations(with halves: [RowAudit]) -> [String] { toy.violations(with: halves) }
}
