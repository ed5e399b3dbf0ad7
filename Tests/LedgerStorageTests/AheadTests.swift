import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// What one thread does ahead of another: nothing is lost, nothing comes out of turn, and it ends.
@Suite(.timeLimit(.minutes(5))) struct AheadTests {
    @Test func `items come in the order in which they were made, then the end`() throws {
        let ahead = Ahead<Int, String>("test", most: 3) { give in
            for number in 0..<1_000 where !give(number) { return "unwanted" }
            return "made"
        }
        for number in 0..<1_000 {
            guard case .item(number) = try ahead.next() else {
                Issue.record("no \(number)")
                return
            }
        }
        #expect(try ahead.finish() == "made")
    }

    @Test func `what was made before a fault comes before the fault`() throws {
        let ahead = Ahead<Int, Void>("test", most: 10) { (give) throws(StorageError) in
            for number in 0..<5 { _ = give(number) }
            throw StorageError(.damagedBatch, "a file")
        }
        for number in 0..<5 {
            guard case .item(number) = try ahead.next() else {
                Issue.record("no \(number)")
                return
            }
        }
        #expect(reason { () throws(StorageError) in _ = try ahead.next() } == .damagedBatch)
        #expect(reason { () throws(StorageError) in try ahead.finish() } == .damagedBatch, "and stays there")
    }

    @Test func `no more are made than may wait, and the thread ends with who wanted them`() throws {
        let made = Atomic(0)
        let isOver = Atomic(false)
        do {
            let ahead = Ahead<Int, Void>("test", most: 2) { give in
                defer { isOver.store(true, ordering: .releasing) }
                while give(made.wrappingAdd(1, ordering: .relaxed).newValue) {}
            }
            for number in 1...4 {
                guard case .item(number) = try ahead.next() else {
                    Issue.record("no \(number)")
                    return
                }
                // Those that were taken, those that wait, and one that does not find room.
                let count = made.load(ordering: .relaxed)
                #expect(count <= number + 3)
            }
            let early = isOver.load(ordering: .acquiring)
            #expect(!early)
        }
        let ended = isOver.load(ordering: .acquiring)
        #expect(ended, "it was waited for")
    }

    @Test func `two things are done at once, and both when it returns`() {
        let met = Atomic(0)
        @Sendable func arrive() -> Int {
            met.wrappingAdd(1, ordering: .sequentiallyConsistent)
            // Neither goes on before the other has come: on one thread this would never end.
            while met.load(ordering: .sequentiallyConsistent) < 2 {}
            return 2
        }
        #expect(NamedThread.both("test", { arrive() }, { arrive() }) == (2, 2))
    }

    // MARK: Batches

    private struct Seen: Equatable {
        var sequence: UInt64
        var chain: Digest256
        var bytes: Digest256
        var offset: Int
        var isLive: Bool

        init(_ batch: ScannedBatch) {
            (sequence, chain, offset, isLive) = (batch.header.sequence, batch.chain, batch.offset, batch.isLive)
            var stream = SHA256Stream()
            stream.update(batch.headerBytes)
            stream.update(batch.payload)
            bytes = stream.finish()
        }
    }

    /// What a visitor sees who stops at a batch, where a scan ends, and with which fault.
    private static func scan(
        _ inspection: JournalInspection, ahead: Bool, stop: UInt64 = .max, limit: LSN? = nil
    ) -> (seen: [Seen], head: JournalHead?, fault: String?) {
        var seen: [Seen] = []
        let visit = { (batch: ScannedBatch) throws(StorageError) -> ScanStep in
            if batch.header.sequence == stop { return .stop }
            seen.append(Seen(batch))
            return .onward
        }
        do throws(StorageError) {
            let end =
                try ahead
                ? inspection.scanAhead(from: 0, limit: limit, visit) : inspection.scan(from: 0, limit: limit, visit)
            return (seen, end.head, nil)
        } catch {
            return (seen, nil, error.description)
        }
    }

    /// Five megabytes, sealed and live, in batches of all sizes: several packs.
    private static func ledger() throws -> ToyLedger {
        let ledger = try ToyLedger(on: SimulatedDisk(), segmentBytes: 2 << 20)
        for round in 0..<14 {
            try ledger.append(events: 12, ballast: 60_000)
            try ledger.append(events: 3, ballast: 40)
            if round % 7 == 0 { try ledger.writeClosing() }
            try ledger.journal.maintain()
        }
        return ledger
    }

    @Test func `batches that are read ahead are those of a scan, to its end, to a limit, and to where it is stopped`()
        throws
    {
        let ledger = try Self.ledger()
        let manifest = try Manifest.load(from: ledger.directory).manifest
        let inspection = try JournalInspection(ledger.directory, manifest, pastCache: false)
        func compare(stop: UInt64 = .max, limit: LSN? = nil) -> Int {
            let (plain, ahead) = (
                Self.scan(inspection, ahead: false, stop: stop, limit: limit),
                Self.scan(inspection, ahead: true, stop: stop, limit: limit)
            )
            #expect(plain.seen == ahead.seen && plain.head == ahead.head && ahead.head != nil)
            return ahead.seen.count
        }
        #expect(compare() == 30)
        #expect(ledger.journal.sealedCount > 0)
        for stop in [1, 2, 17, 29] as [UInt64] { #expect(compare(stop: stop) == Int(stop) - 1) }
        #expect(compare(limit: LSN(12)) == 1)
        #expect(compare(limit: LSN(150)) == 22)
    }

    @Test func `batches before a damaged one are visited, then the damage is told`() throws {
        let ledger = try Self.ledger()
        let manifest = try Manifest.load(from: ledger.directory).manifest
        let disk = ledger.disk as! SimulatedDisk
        let inspection = try JournalInspection(ledger.directory, manifest, pastCache: false)
        let path = inspection.path(1)
        var bytes = try #require(disk.bytes(of: path))
        bytes[bytes.count / 3] ^= 1
        disk.replace(path, with: bytes)
        let plain = Self.scan(inspection, ahead: false)
        let ahead = Self.scan(inspection, ahead: true)
        #expect(plain.fault != nil && plain.fault == ahead.fault)
        #expect(plain.seen == ahead.seen && plain.seen.count > 3)
    }
}
