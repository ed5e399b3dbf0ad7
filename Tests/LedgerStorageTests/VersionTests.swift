import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

/// Versions move one by one: a toy second version of a section's rows and of a batch's header, beside the first.
@Suite(.timeLimit(.minutes(15))) struct VersionTests {
    // MARK: A second version of a section

    /// The toy as its next release might be: the rows of section 2 also say how often each counter was touched, which
    /// those of version 1 do not know.
    private struct ToyStateTwo: JournaledState, ~Copyable {
        private var toy = ToyState()
        private(set) var touched: [UInt32: UInt64] = [:]

        init() {}

        var lastLSN: LSN { toy.lastLSN }
        var lastTime: Timestamp { toy.lastTime }
        var booksSum: Int128 { toy.booksSum }
        var counters: [UInt32: Int64] { toy.counters }
        func violations(with halves: [RowAudit]) -> [String] { toy.violations(with: halves) }

        static func reads(section: UInt16, version: UInt8) -> Bool {
            section == 2 ? (1...2).contains(version) : version == 1
        }

        mutating func replay(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError) {
            try toy.replay(bytes, lsn: lsn, time: time)
        }

        func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
            let meta = [UInt8](record: 16) {
                $0.store(lastLSN.value, at: 0)
                $0.store(lastTime.nanoseconds, at: 8)
            }
            try sink.frame(section: 1, version: 1, rows: 1, bytes: meta)
            let rows = counters.sorted { $0.key < $1.key }
            let bytes = [UInt8](record: rows.count * 24) {
                for (index, row) in rows.enumerated() {
                    $0.store(UInt64(row.key), at: index * 24)
                    $0.store(row.value, at: index * 24 + 8)
                    $0.store(touched[row.key] ?? 0, at: index * 24 + 16)
                }
            }
            try sink.frame(section: 2, version: 2, rows: rows.count, bytes: bytes)
        }

        static func read(
            section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
        ) throws(StateError) -> ToyFrame {
            try ToyState.read(section: section, version: version, rows: rows, bytes: bytes)
        }

        mutating func restore(_ frame: consuming ToyFrame) throws(StateError) {
            guard frame.version == 2 else { return try toy.restore(frame) }
            let (section, rows, bytes) = (frame.section, frame.rows, frame.bytes)
            guard bytes.count == rows * 24 else { throw StateError("a row has 24 bytes") }
            var first: [UInt8] = []
            for row in 0..<rows {
                first += bytes[row * 24..<row * 24 + 16]
                bytes.withUnsafeBytes {
                    touched[UInt32($0.number(at: row * 24, as: UInt64.self))] = $0.number(at: row * 24 + 16)
                }
            }
            try toy.restore(ToyFrame(section: section, version: 1, rows: rows, bytes: first))
        }
    }

    private static func open<State: JournaledState & ~Copyable>(
        _ disk: SimulatedDisk, as type: State.Type
    ) throws(StorageError) -> Recovered<State> {
        try Recovery.open(ToyLedger.path, on: disk, options: Recovery.Options(segmentBytes: 64 << 10))
    }

    @Test func `a snapshot whose section has an earlier version opens, and so does the next one`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<5 { try ledger.append(events: 4) }
        try ledger.snapshot()
        try ledger.append(events: 3)
        let counters = ledger.counters
        try ledger.close()

        // The next release reads the rows of version 1; its own digest of that state is another one, and verifies.
        let next = try Self.open(disk, as: ToyStateTwo.self)
        #expect(next.report.snapshotLSN == LSN(20))
        #expect(next.report.replayedEvents == 3)
        #expect(next.state.counters == counters)
        let first = next.journal.snapshots[0]
        #expect(
            try SnapshotReader.describe(next.journal.directory.snapshot(LSN(20)), next.journal.directory).digest
                == first.digest)
        let made = try SnapshotWriter.write(next.state, at: next.journal.head, to: next.journal.directory)
        try next.journal.adoptSnapshot(at: made.description.head.lastLSN)
        next.journal.release()
        let report = try Verification<ToyStateTwo>.run(ToyLedger.path, on: disk)
        #expect(report.isSound, "\(report.findings.map(\.text))")
        #expect(report.snapshots == 2)
        // An audit compares what the rows say, not the bytes of different versions.
        for lsn in [LSN(20), LSN(23)] {
            #expect(try Fold.audit(lsn, from: .none, of: ToyLedger.path, on: disk, as: ToyStateTwo.self) == [])
        }

        let again = try Self.open(disk, as: ToyStateTwo.self)
        #expect(again.report.snapshotLSN == LSN(23))
        #expect(again.state.counters == counters)
        again.journal.release()
    }

    @Test func `a section of a later version is left to the program that wrote it, and its file stays as it is`() throws
    {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<2 { try ledger.append(events: 4) }
        let digest = ledger.digest
        try ledger.close()
        let next = try Self.open(disk, as: ToyStateTwo.self)
        let made = try SnapshotWriter.write(next.state, at: next.journal.head, to: next.journal.directory)
        try next.journal.adoptSnapshot(at: made.description.head.lastLSN)
        next.journal.release()

        let old = try ToyLedger(on: disk)
        #expect(old.digest == digest)
        #expect(old.report.snapshotLSN == nil)
        #expect(old.report.rejectedSnapshots.map(\.reason) == [.newerFormat])
        #expect(old.report.rejectedSnapshots[0].description.contains("section 2 has version 2"))
        #expect(try disk.exists(old.directory.snapshot(LSN(8))))
        try old.close()
        #expect(try Self.open(disk, as: ToyStateTwo.self).report.snapshotLSN == LSN(8))
    }

    // MARK: A second version of a batch

    /// Batches as the next release might write them: in bytes 168 to 171, zero until now, the number of the machine
    /// that decided. None is said by those of version 1.
    private static func machine(_ batch: ScannedBatch) -> UInt32 {
        batch.header.version >= 2 ? batch.headerBytes.number(at: 168) : 0
    }

    /// A ledger of two batches, the second written so; `minimumReader` is what its header asks of a reader.
    private static func ledgerOfTwo(minimumReader: UInt16) throws -> (SimulatedDisk, Digest256) {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        let digest = try ledger.append(events: 3)
        let dead = disk.afterProcessDeath()
        let path = ledger.directory.segment(1)
        var bytes = dead.bytes(of: path)!
        bytes.withUnsafeMutableBytes {
            let header = $0.slice(8192, JournalFormat.headerBytes)
            header.store(UInt16(2), at: 4)
            header.store(minimumReader, at: 6)
            header.store(UInt32(77), at: 168)
            header.store(UnsafeRawBufferPointer(header).slice(0, 188).crc32c, at: 188)
        }
        dead.replace(path, with: bytes)
        return (dead, digest)
    }

    @Test func `a batch with a field more opens beside those without, live and sealed, and goes on`() throws {
        let (disk, digest) = try Self.ledgerOfTwo(minimumReader: 1)
        let ledger = try ToyLedger(on: disk)
        #expect(ledger.digest == digest)
        #expect(ledger.report.warnings.isEmpty)
        func machines() throws -> [UInt32] {
            var found: [UInt32] = []
            let manifest = try Manifest.load(from: ledger.directory).manifest
            let inspection = try JournalInspection(ledger.directory, manifest, pastCache: false)
            _ = try inspection.scan(from: 0) { batch throws(StorageError) in
                found.append(Self.machine(batch))
                return .onward
            }
            return found
        }
        try ledger.append(events: 1)
        #expect(try machines() == [0, 77, 0])
        try ledger.fill(sealedSegments: 1)
        #expect(try Array(machines().prefix(3)) == [0, 77, 0])
        #expect(try ledger.allEvents().count == Int(ledger.lastLSN.value))
        try ledger.close()
        #expect(try Verification<ToyState>.run(ToyLedger.path, on: disk).isSound)
    }

    @Test func `a batch that needs a later reader stops the start, by name`() throws {
        let (disk, _) = try Self.ledgerOfTwo(minimumReader: 2)
        do {
            _ = try ToyLedger(on: disk)
            Issue.record("opened")
        } catch {
            #expect(error.reason == .newerFormat)
            #expect(error.description.contains("needs a reader of format 2, this Florin reads 1"), "\(error)")
        }
    }

    // MARK: Format 0

    /// The ledger as format 0 wrote it, as far as this module saw that: another number everywhere.
    private static func inFormatZero(_ disk: SimulatedDisk, _ directory: DataDirectory) {
        func restamp(_ path: String, at offset: Int = 0, checked count: Int, checksum: Int) {
            guard var bytes = disk.bytes(of: path) else {
                Issue.record("no file \(path)")
                return
            }
            bytes.withUnsafeMutableBytes {
                let header = $0.slice(offset, $0.count - offset)
                header.store(UInt32(0), at: 4)
                header.store(UnsafeRawBufferPointer(header).slice(0, count).crc32c, at: checksum)
            }
            disk.replace(path, with: bytes)
        }
        let text = String(decoding: disk.bytes(of: directory.path + "/FLORIN")!, as: UTF8.self)
        let lines = text.split(separator: "\n").dropLast().map { line in
            line.hasPrefix("format") ? "format 0" : line.hasPrefix("reader") ? "reader 0" : String(line)
        }
        let marker = Array((lines.joined(separator: "\n") + "\n").utf8)
        let check = marker.withUnsafeBytes { crc32c($0) }
        disk.replace(directory.path + "/FLORIN", with: marker + Array("check \(check)\n".utf8))
        restamp(directory.segment(1), checked: 4092, checksum: 4092)
        restamp(directory.segment(1), at: 4096, checked: 188, checksum: 188)
        for manifest in directory.manifests {
            let count = disk.bytes(of: manifest)!.count
            restamp(manifest, checked: count - 4, checksum: count - 4)
        }
    }

    @Test func `a directory of format 0 is refused with what can be done, and still listed`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        let old = disk.afterProcessDeath()
        Self.inFormatZero(old, ledger.directory)
        let before = old.operations
        do {
            _ = try ToyLedger(on: old)
            Issue.record("opened")
        } catch {
            #expect(error.reason == .olderFormat)
            for words in ["has format 0", "reads format 1", "florin journal /data still lists"] {
                #expect(error.description.contains(words), "\(error)")
            }
        }
        #expect(reason { () throws(StorageError) in try Verification<ToyState>.run("/data", on: old) } == .olderFormat)
        var seen: [UInt64] = []
        try JournalListing.forEach(ToyLedger.path, on: old) { event in
            #expect(event.batchVersion == 0)
            seen.append(event.lsn.value)
            return true
        }
        #expect(seen == [1, 2, 3])
        #expect(old.operations == before)
    }

    @Test func `no state is given the events of format 0, whatever the marker says`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        let old = disk.afterProcessDeath()
        let marker = old.bytes(of: "/data/FLORIN")
        Self.inFormatZero(old, ledger.directory)
        old.replace("/data/FLORIN", with: marker)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: old) } == .olderFormat)
    }

    // MARK: What the constants promise

    @Test(arguments: [
        DataDirectory.version, JournalFormat.segment, JournalFormat.batch, SealedFormat.version, Manifest.version,
        SnapshotFormat.version, KeyStore.version, Pepper.version,
    ])
    func `each kind of file reads what it writes, and refuses what is beyond`(version: FormatVersion) {
        #expect(version.objection(to: version.current, minimumReader: version.minimumReader) == nil)
        #expect(version.objection(to: version.oldest, minimumReader: 0) == nil)
        let later = version.current + 1
        #expect(version.objection(to: later, minimumReader: version.current) == nil)
        #expect(
            version.objection(to: later, minimumReader: later)
                == .newer(minimumReader: later, reads: version.current))
        if version.oldest > 0 {
            #expect(
                version.objection(to: version.oldest - 1, minimumReader: 0)
                    == .older(version: version.oldest - 1, reads: version.oldest))
        }
    }

    @Test func `a group fits into a batch, whatever else is in it`() {
        #expect(JournalFormat.maximumGroupBytes == 900 * 1024)
        #expect(JournalFormat.maximumGroupBytes < JournalFormat.maximumPayload)
    }
}
