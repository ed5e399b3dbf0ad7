import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(15))) struct JournalTests {
    @Test func `what was appended is there after reopening, event for event`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        var digest = Digest256.zero
        for _ in 0..<10 { digest = try ledger.append() }
        let events = try ledger.allEvents()
        let last = ledger.lastLSN
        #expect(events.count == Int(last.value))
        try ledger.close()

        let again = try ToyLedger(on: disk)
        #expect(again.lastLSN == last)
        #expect(again.digest == digest)
        #expect(try again.allEvents() == events)
        #expect(again.report.wasClosed)
        #expect(again.report.tornTail == nil)
        #expect(again.report.warnings.isEmpty)
    }

    @Test func `one append is one write and one sync`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        let before = disk.operations
        try ledger.append(events: 5)
        #expect(disk.log[before...].map { $0.prefix(while: { $0 != " " }) } == ["write", "sync"])
    }

    @Test func `the bytes of an event go to the disk from where they were decided, copied nowhere`() throws {
        let writes = WatchedWrites()
        let ledger = try ToyLedger(on: writes.disk())
        var payload = EventPayload()
        for _ in 0..<100 { payload.append([UInt8](repeating: 5, count: 333)) }
        // What the writer is given, and what it gives to the system, is one and the same memory.
        let before = writes.pieces.withLock { $0.count }
        let address = try payload.bytes.withUnsafeBytes { bytes in
            Result { () throws(StorageError) -> UInt in
                try ledger.journal.append(
                    LogUnit(
                        payload: bytes, borders: [LogUnit.Border(events: 100, bytes: bytes.count)], firstLSN: LSN(1),
                        baseTime: Timestamp(seconds: 1_700_000_000), booksSum: 0))
                return UInt(bitPattern: bytes.baseAddress)
            }
        }.get()
        let written = writes.pieces.withLock { Array($0[before...]) }
        #expect(written.map(\.count) == [192, 100 * 337, 36_864 - 192 - 100 * 337])
        #expect(written[1].address == address)
    }

    @Test func `a unit larger than a batch is cut between its groups, and all of it is there`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 8 << 20)
        var payload = EventPayload()
        var borders: [LogUnit.Border] = []
        for _ in 0..<3 {
            // Groups of some 800 KiB: no two of them fit into one batch.
            for _ in 0..<8 {
                let event = ToyEvent(
                    lsn: .none, time: .distantPast, counter: 1, delta: 1,
                    ballast: [UInt8](repeating: 5, count: 100 << 10))
                payload.append(event.bytes)
            }
            borders.append(LogUnit.Border(events: payload.count, bytes: payload.bytes.count))
        }
        let before = disk.log.count
        try payload.bytes.withUnsafeBytes { bytes in
            Result { () throws(StorageError) in
                try ledger.journal.append(
                    LogUnit(
                        payload: bytes, borders: borders, firstLSN: LSN(1),
                        baseTime: Timestamp(seconds: 1_700_000_000), booksSum: 0))
            }
        }.get()
        #expect(disk.log[before...].count(where: { $0.hasPrefix("sync") }) == 3)
        #expect(ledger.journal.durable == LSN(24))
        let again = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 8 << 20)
        #expect(again.counters == [1: 24])
        #expect(again.report.replayedBatches == 3)
        #expect(again.report.lastAlive == Timestamp(seconds: 1_700_000_000) + TimeSpan(nanoseconds: 23))
    }

    @Test func `every batch begins at a 4 KiB boundary and takes whole blocks`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<5 { try ledger.append() }
        let bytes = disk.bytes(of: ledger.directory.segment(1))!
        for block in 1...5 {
            if case .header(let header) = bytes.withUnsafeBytes({ BatchHeader.decode($0.slice(block * 4096, 4096)) }) {
                #expect(header.sequence == UInt64(block))
                #expect(header.durableThrough.value == header.firstLSN.value - 1)
            } else {
                Issue.record("no batch at block \(block)")
            }
        }
    }

    @Test func `recorded times are those of the batch, a nanosecond apart`() throws {
        let ledger = try ToyLedger(on: SimulatedDisk())
        var expected: [Timestamp] = []
        for _ in 0..<3 {
            try ledger.append(events: 4)
            // The place behind a batch has the time of its last event.
            let last = ledger.journal.head.time.nanoseconds
            expected += (0..<4).map { Timestamp(nanoseconds: last - 3 + $0) }
        }
        var found: [Timestamp] = []
        try ledger.journal.reader.forEach(from: LSN(1), through: LSN(12)) { event in
            found.append(event.time)
            return true
        }
        #expect(found == expected)
    }

    @Test func `a ledger runs through many segments, sealed behind it, and stays readable in both directions`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 48 << 10)
        try ledger.fill(sealedSegments: 5)
        let events = try ledger.allEvents()
        #expect(events.map(\.lsn.value) == Array(1...ledger.lastLSN.value))
        for event in events.reversed() {
            #expect(
                try ledger.journal.reader.withEvent(at: event.lsn) {
                    ToyEvent($0) == event
                })
        }
        try ledger.close()

        let again = try ToyLedger(on: disk, segmentBytes: 48 << 10)
        #expect(try again.allEvents() == events)
        // Sealed segments have no live file left; one spare at most lies around.
        let names = try disk.list(again.directory.journal)
        #expect(names.count(where: { $0.hasSuffix(".sealed") }) == 5)
        #expect(names.count(where: { $0.hasPrefix("spare") }) <= 1)
    }

    @Test func `frames that begin in the middle of a batch hand out the right events and times`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 1 << 20)
        // Batches of some 300 KiB: each goes over several frames.
        var written: [ToyEvent] = []
        while ledger.journal.sealedCount < 1 {
            try ledger.append(events: 300, ballast: 2000)
            written += ledger.lastBatch
            try ledger.journal.maintain()
        }
        var seen = 0
        for lsn in stride(from: ledger.lastLSN.value, through: 1, by: -1) {
            try ledger.journal.reader.withEvent(at: LSN(lsn)) { event in
                if ToyEvent(event) == written[Int(lsn) - 1] { seen += 1 }
            }
        }
        #expect(seen == Int(ledger.lastLSN.value))
    }

    @Test func `a batch of the largest size fits, is sealed and read back`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 2 << 20)
        try ledger.journal.maintain()
        var batch = EventPayload()
        let size = JournalFormat.maximumPayload - 4
        var event = ToyEvent(lsn: LSN(1), time: Timestamp(seconds: 1), counter: 1, delta: 1).bytes
        event += [UInt8](repeating: 7, count: size - event.count)
        batch.append(event)
        #expect(batch.bytes.count == JournalFormat.maximumPayload)
        try ledger.journal.writer.append(batch, firstLSN: LSN(1), baseTime: Timestamp(seconds: 1), booksSum: 0)
        batch.removeAll()
        batch.append(event)
        try ledger.journal.writer.append(batch, firstLSN: LSN(2), baseTime: Timestamp(seconds: 2), booksSum: 0)
        try ledger.journal.maintain()
        #expect(ledger.journal.sealedCount == 1)
        #expect(try ledger.journal.reader.withEvent(at: LSN(1)) { $0.bytes.count } == size)
        let again = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 2 << 20)
        #expect(again.lastLSN == LSN(2))
    }

    @Test func `recycled files are used again, old bytes and all`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 6)
        #expect(disk.log.contains { $0.hasPrefix("rename") && $0.contains("spare-") })
        // No more zero-filling once files go round.
        let early = disk.log.count
        let sealed = ledger.journal.sealedCount
        try ledger.fill(sealedSegments: sealed + 4)
        #expect(!disk.log[early...].contains { $0.hasPrefix("zero-fill") && $0.contains("journal") })
        let digest = ledger.digest
        let again = try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 32 << 10)
        #expect(again.digest == digest)
    }

    @Test func `a closing batch says how far everything is durable and when the ledger was alive`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 3)
        try ledger.writeClosing()
        let bytes = disk.bytes(of: ledger.directory.segment(1))!
        guard case .header(let header) = bytes.withUnsafeBytes({ BatchHeader.decode($0.slice(8192, 4096)) }) else {
            Issue.record("no closing batch")
            return
        }
        #expect(header.flags == .closing)
        #expect(header.durableThrough == LSN(3))
        #expect(header.count == 0)
        let alive = header.baseTime
        try ledger.append(events: 2)
        #expect(ledger.lastLSN == LSN(5))
        let again = try ToyLedger(on: disk.afterProcessDeath())
        #expect(again.lastLSN == LSN(5))
        #expect(!again.report.wasClosed)
        #expect(again.report.lastAlive > alive)
    }

    @Test func `after the last batch that fits there is still room for a closing one`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        while ledger.journal.batchesOfRoom > 0
            || reasonOrNil({ () throws(StorageError) in try ledger.append(events: 1) }) == nil
        {
            if ledger.journal.batchesOfRoom > 0 { try ledger.append(events: 1) }
        }
        try ledger.writeClosing()
        #expect(ledger.journal.writer.fault == nil)
        // A second one has no room, and needs none.
        try ledger.writeClosing()
        #expect(ledger.journal.writer.fault == nil)
    }

    @Test func `room is promised before it is needed`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        // Segments of 8 blocks: a batch may have six blocks, so the current one promises one batch, the spare another.
        #expect(ledger.journal.batchesOfRoom == 1)
        try ledger.journal.prepareSpare()
        #expect(ledger.journal.batchesOfRoom == 2)
        try ledger.append(events: 1)
        #expect(ledger.journal.batchesOfRoom == 1)
        #expect(ledger.journal.batchesOfRoom > 0)
        #expect(ledger.journal.batchesOfRoom < 2)
    }

    @Test func `a batch without room is refused before anything is written, and accepted once there is room`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 16 << 10)
        try ledger.append(events: 1)
        try ledger.append(events: 1)
        let before = disk.operations
        var buffer = EventPayload()
        buffer.append([1, 2, 3])
        let next = ledger.journal.writer.nextLSN
        let time = ledger.journal.writer.lastTime + .seconds(1)
        #expect(
            reason { () throws(StorageError) in
                try ledger.journal.writer.append(buffer, firstLSN: next, baseTime: time, booksSum: 0)
            } == .noRoom)
        #expect(disk.operations == before)
        #expect(ledger.journal.writer.fault == nil)
        try ledger.journal.maintain()
        #expect(ledger.journal.batchesOfRoom > 0)
        try ledger.journal.writer.append(buffer, firstLSN: next, baseTime: time, booksSum: 0)
        #expect(ledger.journal.durableLSN == next)
    }

    @Test func `an event that is not there is an error, not a guess`() throws {
        let ledger = try ToyLedger(on: SimulatedDisk())
        try ledger.append(events: 3)
        #expect(
            reason { () throws(StorageError) in try ledger.journal.reader.withEvent(at: LSN(4)) { _ in } }
                == .noSuchEvent)
        #expect(
            reason { () throws(StorageError) in try ledger.journal.reader.withEvent(at: .none) { _ in } }
                == .noSuchEvent)
    }

    @Test func `a follower sees every event once, in order, and can resume`() throws {
        let ledger = try ToyLedger(on: SimulatedDisk(), segmentBytes: 32 << 10)
        let reader = ledger.journal.reader
        var position = LSN(1)
        var seen: [UInt64] = []
        func follow(through last: LSN? = nil, limit: Int) throws {
            while let slice = try reader.slice(from: position, through: last ?? ledger.lastLSN, limit: limit) {
                #expect(slice.first == position && (1...limit).contains(slice.count))
                slice.visit { event in
                    seen.append(event.lsn.value)
                    return true
                }
                position = slice.next
            }
        }
        try follow(limit: 10)
        #expect(seen.isEmpty)
        for round in 1...40 {
            try ledger.append()
            try ledger.journal.maintain()
            // Never beyond what it is told, wherever in a batch that is.
            try follow(through: LSN(ledger.lastLSN.value - 1), limit: 1 + round % 3)
            #expect(position == ledger.lastLSN)
            try follow(limit: 1 + round % 3)
        }
        #expect(seen == Array(1...ledger.lastLSN.value))
        #expect(
            reason { () throws(StorageError) in try reader.slice(from: .none, through: LSN(1), limit: 1) }
                == .noSuchEvent)
    }

    @Test func `a journal is listed without opening the ledger, from any LSN to any LSN`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 2)
        let last = ledger.lastLSN.value
        for (first, end) in [(1, last), (2, last - 1), (last / 2, last / 2 + 3), (last, last)] {
            var seen: [UInt64] = []
            try JournalListing.forEach(ToyLedger.path, on: disk, from: LSN(first), through: LSN(end)) { event in
                if ToyEvent(event) != nil { seen.append(event.lsn.value) }
                return true
            }
            #expect(seen == Array(first...end))
        }
        var count = 0
        try JournalListing.forEach(ToyLedger.path, on: disk) { _ in
            count += 1
            return count < 5
        }
        #expect(count == 5)
    }

    @Test func `a listing hands out what lies before damage, then says where the damage is`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        for _ in 0..<3 { try ledger.append(events: 2) }
        disk.flip(ledger.directory.segment(1), byte: 8192 + 200, bit: 0)
        var count = 0
        let found = reason { () throws(StorageError) in
            try JournalListing.forEach(ToyLedger.path, on: disk) { _ in
                count += 1
                return true
            }
        }
        #expect(found == .damagedBatch)
        #expect(count == 2)
    }

    @Test func `a listing goes on while segments are sealed and their files reused under it`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        for _ in 0..<2 {
            try ledger.journal.prepareSpare()
            while ledger.journal.batchesOfRoom > 0 { try ledger.append(events: 1) }
        }
        let first = ledger.lastLSN.value
        var seen: [UInt64] = []
        try JournalListing.forEach(ToyLedger.path, on: disk) { event in
            seen.append(event.lsn.value)
            // The server is far ahead by now, and has gone round through its files.
            if event.lsn.value % 7 == 1, event.lsn.value <= first {
                do throws(StorageError) { try ledger.fill(sealedSegments: ledger.journal.sealedCount + 2) } catch {
                    Issue.record("\(error)")
                }
            }
            return true
        }
        #expect(seen == Array(1...UInt64(seen.count)))
        #expect(seen.count > Int(first))
    }

    @Test func `a listing of a stopped journal does not try for ever`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 2)
        disk.replace(ledger.directory.sealed(2), with: nil)
        #expect(
            reason { () throws(StorageError) in try JournalListing.forEach(ToyLedger.path, on: disk) { _ in true } }
                == .missingSegment)
    }

    @Test func `readers keep a live file from being reused, and so does a hold for a fold`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        var hold: Journal.FileHold? = ledger.journal.holdFiles()
        try ledger.fill(sealedSegments: 3)
        #expect(hold != nil)
        for number in 1...3 { #expect(try disk.exists(ledger.directory.segment(UInt64(number)))) }
        hold = nil
        try ledger.journal.maintain()
        for number in 1...3 { #expect(try !disk.exists(ledger.directory.segment(UInt64(number)))) }
    }

    @Test func `a hold for what is there now keeps nothing of what comes`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        try ledger.fill(sealedSegments: 2)
        let present = try #require(ledger.journal.catalog.contents.withLock { $0.segments.last?.record.number })
        var hold: Journal.FileHold? = ledger.journal.holdPresentFiles()
        try ledger.fill(sealedSegments: 6)
        #expect(hold != nil && present < 6)
        func live() throws -> [UInt64] { try (1...6).filter { try disk.exists(ledger.directory.segment($0)) } }
        #expect(try live() == Array(3...present))
        hold = nil
        try ledger.journal.maintain()
        #expect(try live() == [])
    }

    @Test func `reading keeps no more memory than its cache`() throws {
        let ledger = try ToyLedger(on: SimulatedDisk(), segmentBytes: 48 << 10)
        try ledger.fill(sealedSegments: 4)
        // Sealed segments carry no list of batches.
        let listed = ledger.journal.catalog.contents.withLock { contents in
            contents.segments.map { $0.record.state == .sealed ? $0.batches.count : 0 }.reduce(0, +)
        }
        #expect(listed == 0)
    }
}

func reasonOrNil(_ body: () throws(StorageError) -> some Any) -> StorageError.Reason? {
    do throws(StorageError) {
        _ = try body()
        return nil
    } catch {
        return error.reason
    }
}
