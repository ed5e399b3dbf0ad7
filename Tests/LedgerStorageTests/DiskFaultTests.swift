import Glibc
import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// Disks that answer with errors.
@Suite(.timeLimit(.minutes(15))) struct DiskFaultTests {
    private func appendOne(_ ledger: ToyLedger) -> StorageError.Reason? {
        reasonOrNil { () throws(StorageError) in try ledger.append(events: 1) }
    }

    @Test(arguments: [1, 2], [EIO, ENOSPC, EDQUOT])
    func `a failed write or sync is the writer's last word`(operation: Int, code: Int32) throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        disk.fail(operation: operation, with: code)
        let failed = appendOne(ledger)
        #expect(failed != nil && failed != .latched)
        #expect(ledger.journal.durableLSN == LSN(2))
        let operations = disk.operations
        // Nothing touches that descriptor again: no second write, no second sync.
        var buffer = EventPayload()
        buffer.append([1])
        for _ in 0..<3 {
            #expect(
                reason { () throws(StorageError) in
                    try ledger.journal.writer.append(
                        buffer, firstLSN: LSN(3), baseTime: Timestamp(seconds: 1_900_000_000), booksSum: 0)
                } == .latched)
        }
        #expect(reason { () throws(StorageError) in try ledger.writeClosing() } == .latched)
        #expect(reason { () throws(StorageError) in try ledger.close() } == .latched)
        #expect(disk.operations == operations)
        #expect(disk.filesSyncedAfterFailure.isEmpty)
        // Readers go on with what was durable.
        #expect(try ledger.allEvents().count == 2)
    }

    @Test func `every one of the first writes and syncs fails once, and nothing acknowledged is lost`() throws {
        for operation in 1...120 {
            let disk = SimulatedDisk()
            var acknowledged = LSN.none
            do throws(StorageError) {
                let ledger = try ToyLedger(on: disk, seed: 8, segmentBytes: 24 << 10)
                disk.fail(operation: operation, with: EIO)
                for _ in 0..<40 {
                    do throws(StorageError) { try ledger.journal.maintain() } catch {
                        #expect(error.reason != .latched)
                    }
                    if ledger.journal.batchesOfRoom == 0 { try ledger.journal.maintain() }
                    try ledger.append()
                    acknowledged = ledger.lastAcknowledged
                }
            } catch {}
            #expect(disk.filesSyncedAfterFailure.isEmpty, "operation \(operation)")
            for seed in 0..<2 {
                let ledger = try ToyLedger(on: disk.afterPowerCut(seed: UInt64(seed)), segmentBytes: 24 << 10)
                #expect(ledger.lastLSN >= acknowledged, "operation \(operation)")
            }
        }
    }

    @Test func `a start believes the disk, not the page cache that a failed sync left behind`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append(events: 2)
        let digest = ledger.digest
        // The sync fails; what was written stays readable, and will never be on the platter.
        disk.fail(operation: 2, with: EIO)
        #expect(appendOne(ledger) != nil)
        let again = try ToyLedger(on: disk.afterProcessDeath())
        #expect(again.lastLSN == LSN(2))
        #expect(again.digest == digest)
    }

    @Test func `a disk without a byte to spare keeps no start out`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        for _ in 0..<5 { try ledger.append(events: 2) }
        try ledger.snapshot()
        let digest = ledger.digest
        let dead = disk.afterProcessDeath()
        dead.capacity = dead.bytesUsed
        let again = try ToyLedger(on: dead, segmentBytes: 32 << 10)
        #expect(again.digest == digest && again.report.warnings.contains { $0.contains("the disk is full") })
        #expect(!dead.paths.contains { $0.hasSuffix(".tmp") })
        // What room the live segment has is still written to, and the start after that finds it.
        try again.append(events: 1)
        let later = try ToyLedger(on: dead.afterProcessDeath(), segmentBytes: 32 << 10)
        #expect(later.digest == again.digest)
        dead.capacity = nil
        #expect(try ToyLedger(on: dead.afterProcessDeath(), segmentBytes: 32 << 10).report.warnings.isEmpty)
    }

    @Test func `a full disk is met while preparing, never in the middle of a batch`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 32 << 10)
        disk.capacity = disk.bytesUsed + 1000  // no room for another segment
        #expect(throws: StorageError.self) { try ledger.journal.prepareSpare() }
        #expect(ledger.journal.roomFault?.isOutOfSpace == true)
        while ledger.journal.batchesOfRoom > 0 { try ledger.append(events: 1) }
        // Read-only now: nothing more is accepted, everything is still readable, and a clean stop finds its room.
        let last = ledger.lastLSN
        #expect(throws: StorageError.self) { try ledger.journal.maintain() }
        #expect(ledger.journal.batchesOfRoom == 0)
        #expect(try ledger.allEvents().count == Int(last.value))
        try ledger.writeClosing()
        #expect(ledger.journal.writer.fault == nil)
        #expect(!disk.paths.contains { $0.hasSuffix(".tmp") })

        // Space returns.
        disk.capacity = nil
        try ledger.journal.maintain()
        #expect(ledger.journal.batchesOfRoom > 0)
        #expect(ledger.journal.roomFault == nil)
        try ledger.append(events: 1)
        #expect(try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 32 << 10).lastLSN == last.next)
    }

    @Test func `no space at each operation of preparing, sealing and snapshots: refused, repeated, nothing lost`()
        throws
    {
        for operation in 1...60 {
            let disk = SimulatedDisk()
            let ledger = try ToyLedger(on: disk, seed: 8, segmentBytes: 24 << 10)
            try ledger.journal.maintain()
            while ledger.journal.segmentCount < 2 { try ledger.append() }
            disk.fail(operation: operation, with: ENOSPC)
            for _ in 0..<3 {
                do throws(StorageError) { try ledger.journal.maintain() } catch { #expect(error.isOutOfSpace) }
                do throws(StorageError) { try ledger.snapshot() } catch { #expect(error.isOutOfSpace) }
            }
            #expect(ledger.journal.sealedCount == 1, "operation \(operation)")
            #expect(ledger.journal.batchesOfRoom > 0, "operation \(operation)")
            #expect(ledger.journal.snapshots.count == 1, "operation \(operation)")
            #expect(disk.filesSyncedAfterFailure.isEmpty)
            try ledger.append()
            let digest = ledger.digest
            #expect(
                try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 24 << 10).digest == digest,
                "operation \(operation)")
            #expect(
                try ToyLedger(on: disk.afterPowerCut(seed: 1), segmentBytes: 24 << 10).digest == digest,
                "operation \(operation)")
        }
    }

    @Test func `a live file whose segment was sealed is reused in the end, whichever step failed in between`() throws {
        for operation in 1...40 {
            let disk = SimulatedDisk()
            let ledger = try ToyLedger(on: disk, seed: 8, segmentBytes: 24 << 10)
            try ledger.journal.maintain()
            while ledger.journal.segmentCount < 2 { try ledger.append() }
            try ledger.journal.prepareSpare()
            let events = try ledger.allEvents()
            disk.fail(operation: operation, with: ENOSPC)
            do throws(StorageError) { while try ledger.journal.sealNext() {} } catch {}
            #expect(try ledger.allEvents() == events, "operation \(operation)")
            try ledger.journal.maintain()
            #expect(try ledger.allEvents() == events, "operation \(operation)")
            #expect(!disk.paths.contains(ledger.directory.segment(1)), "operation \(operation)")
            #expect(!ledger.journal.needsMaintenance, "operation \(operation)")
        }
    }

    @Test func `sealing that does not read back as it was written changes nothing`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 24 << 10)
        try ledger.journal.prepareSpare()
        while ledger.journal.segmentCount < 2 { try ledger.append() }
        let events = try ledger.allEvents()
        // A bit of the live segment has rotted meanwhile.
        disk.flip(ledger.directory.segment(1), byte: 4096 + 300, bit: 1)
        do throws(StorageError) {
            _ = try ledger.journal.sealNext()
            Issue.record("sealed")
        } catch {
            #expect(error.reason == .damagedBatch && error.offset == 4096)
        }
        #expect(!disk.paths.contains { $0.contains("sealed") })
        disk.flip(ledger.directory.segment(1), byte: 4096 + 300, bit: 1)
        #expect(try ledger.journal.sealNext())
        #expect(try ledger.allEvents() == events)
    }

    @Test func `a sealed segment or a snapshot that the disk changed on its way is never taken into use`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 24 << 10)
        try ledger.journal.prepareSpare()
        while ledger.journal.segmentCount < 2 { try ledger.append() }
        let events = try ledger.allEvents()
        disk.corruptNextWrite(to: ".sealed.tmp")
        #expect(throws: StorageError.self) { try ledger.journal.sealNext() }
        #expect(ledger.journal.sealedCount == 0)
        #expect(try disk.exists(ledger.directory.segment(1)))
        disk.corruptNextWrite(to: ".snapshot.tmp")
        #expect(reason { () throws(StorageError) in try ledger.snapshot() } == .damagedSnapshot)
        #expect(try disk.list(ledger.directory.snapshots).isEmpty)
        // The next attempts succeed.
        #expect(try ledger.journal.sealNext())
        try ledger.snapshot()
        #expect(try ledger.allEvents() == events)
    }
}
