import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

/// Looking at a ledger: up to an event or a time, and without leaving a trace.
@Suite(.timeLimit(.minutes(15))) struct ReadingTests {
    private static let segmentBytes = 32 << 10

    /// What the state was after each event.
    private func digests(_ events: [ToyEvent]) throws -> [Digest256] {
        var state = ToyState()
        return try events.map { event in
            try event.bytes.withUnsafeBytes { try state.replay($0, lsn: event.lsn, time: event.time) }
            return StateDigest.of(state)
        }
    }

    private func read(_ disk: SimulatedDisk, _ moment: Moment?) throws(StorageError) -> (Digest256, Journal, LSN?) {
        var recovered = try Recovery.read(
            try LockedDirectory.open(ToyLedger.path, on: disk), through: moment, as: ToyState.self)
        let journal = recovered.journal
        let snapshot = recovered.report.snapshotLSN
        return (StateDigest.of(recovered.takeState()), journal, snapshot)
    }

    private func contents(_ disk: SimulatedDisk) -> [String: [UInt8]] {
        Dictionary(uniqueKeysWithValues: disk.paths.compactMap { path in disk.bytes(of: path).map { (path, $0) } })
    }

    /// Sealed segments, a snapshot between them, live ones, and a torn tail.
    private func made() throws -> (disk: SimulatedDisk, events: [ToyEvent], snapshot: LSN) {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: Self.segmentBytes)
        try ledger.fill(sealedSegments: 2)
        try ledger.snapshot()
        let snapshot = ledger.lastLSN
        try ledger.fill(sealedSegments: 4)
        for _ in 0..<3 { try ledger.append() }
        let events = try ledger.allEvents()
        let dead = disk.afterProcessDeath()
        // One more, of which the second half never came.
        let before = contents(dead)
        try ledger.append(events: 40, ballast: 400)
        for (path, bytes) in contents(disk) where before[path] != bytes && path.hasSuffix(".segment") {
            let old = before[path] ?? []
            let changed = bytes.indices.filter { $0 >= old.count || old[$0] != bytes[$0] }
            let middle = (changed.first! + changed.last!) / 2
            dead.replace(path, with: Array(bytes[..<middle] + old[middle...]))
        }
        return (dead, events, snapshot)
    }

    @Test func `with every event it is what it was then, readers see no further, and no file is touched`() throws {
        let (disk, events, snapshot) = try made()
        let digests = try digests(events)
        let before = contents(disk)
        var (fromSnapshot, fromStart) = (0, 0)
        for (index, event) in events.enumerated() {
            for moment in [Moment.event(event.lsn), .time(event.time)] {
                let (digest, journal, begun) = try read(disk, moment)
                defer { journal.release() }
                #expect(digest == digests[index], "\(moment)")
                #expect(journal.durableLSN == event.lsn && journal.head.time == event.time)
                #expect(begun == (event.lsn >= snapshot ? snapshot : nil))
                if begun == nil { fromStart += 1 } else { fromSnapshot += 1 }
                let found = try journal.reader.withEvent(at: event.lsn) { ToyEvent($0) }
                #expect(found == event)
                #expect(try journal.reader.withEvent(at: LSN(1)) { ToyEvent($0) } == events[0])
                #expect(
                    reason { () throws(StorageError) in
                        try journal.reader.withEvent(at: event.lsn.next) { $0.lsn }
                    } == .noSuchEvent)
                #expect(try journal.reader.slice(from: event.lsn.next, through: LSN(.max), limit: .max) == nil)
            }
        }
        #expect(fromSnapshot > 20 && fromStart > 20)
        #expect(contents(disk) == before)
    }

    @Test func `all there is ends before a torn tail, which stays as it is`() throws {
        let (disk, events, _) = try made()
        let before = contents(disk)
        let (digest, journal, _) = try read(disk, nil)
        #expect(digest == (try digests(events)).last && journal.durableLSN == events.last!.lsn)
        #expect(journal.batchesOfRoom == 0)
        journal.release()
        #expect(contents(disk) == before)
    }

    @Test func `a time between two events is the first of them, and there is nothing before the first`() throws {
        let (disk, events, _) = try made()
        let moment = Timestamp(nanoseconds: events[5].time.nanoseconds - 1)
        let index = try #require(events.lastIndex { $0.time <= moment })
        let (digest, journal, _) = try read(disk, .time(moment))
        #expect(digest == (try digests(events))[index] && journal.durableLSN == events[index].lsn)
        journal.release()
        let early = Timestamp(nanoseconds: events[0].time.nanoseconds - 1)
        #expect(reason { () throws(StorageError) in try read(disk, .time(early)) } == .noSuchEvent)
        let behind = LSN(events.last!.lsn.value + 1)
        do throws(StorageError) {
            _ = try read(disk, .event(behind))
            Issue.record("no fault")
        } catch {
            #expect(error.reason == .noSuchEvent && error.detail == "the last is \(events.last!.lsn.value)")
        }
        // Long after the last event it is the last state.
        let (last, end, _) = try read(disk, .time(events.last!.time + .days(1)))
        #expect(last == (try digests(events)).last)
        end.release()
    }
}
