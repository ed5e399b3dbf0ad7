import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

/// The engine over a log that is not the local journal alone.
@Suite(.timeLimit(.minutes(5))) struct CommitLogTests {
    private static func engine(_ disk: any Disk = MemoryDisk()) throws -> (TestEngine, LateLog) {
        let log = Box<LateLog?>(nil)
        let t = try TestEngine(disk: disk) { configuration in
            configuration.log = { journal in
                let late = LateLog(journal)
                log.set(late)
                return late
            }
        }
        return (t, log.get()!)
    }

    /// Submits each item as a batch of its own; `done` gets its index when it is answered.
    private static func submit(
        _ items: [Asked], to t: TestEngine, _ done: Box<[Int]>, from first: Int = 0
    ) -> [WorkBatch] {
        items.indices.map { index in
            let batch = WorkBatch { _ in done.update { $0.append(first + index) } }
            batch.append(items[index])
            #expect(t.engine.submit(batch))
            return batch
        }
    }

    @Test func `nothing is answered or shown before the log says that it is durable, and then in order`() throws {
        let (t, log) = try Self.engine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        let before = t.engine.durableLSN
        log.hold()
        let done = Box<[Int]>([])
        // The log takes the second unit before it has said anything of the first.
        var batches: [WorkBatch] = []
        for index in 0..<3 {
            batches += Self.submit([t.charge("ada", "1.00").item(t.adminOrdinal)], to: t, done, from: index)
            log.waitForUnits(index + 1)
        }
        let read = Self.submit([.query(.user(t.hash("ada")))], to: t, done, from: 3)
        log.poke()  // nothing has changed
        #expect(done.get().isEmpty)
        #expect(t.engine.durableLSN == before)
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.paid == Money("10.00"))

        try log.acknowledge(1)
        #expect(holdsInTime { done.get() == [0] })
        #expect(t.engine.durableLSN == before.next)
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.paid == Money("9.00"))
        try log.acknowledge(2)  // two at once
        #expect(holdsInTime { done.get() == [0, 1, 2, 3] })
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.paid == Money("7.00"))
        guard case .query(.user(let row)) = read[0].results[0] else { throw Unexpected("no row") }
        #expect(row.account.paid == Money("7.00"))
        #expect(batches.allSatisfy { if case .outcome(.accepted) = $0.results[0] { true } else { false } })
    }

    @Test func `a log that is slow to say so takes only so many units`() throws {
        let (t, log) = try Self.engine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        log.hold()
        let done = Box<[Int]>([])
        for index in 0..<8 {
            _ = Self.submit([t.charge("ada", "0.10").item(t.adminOrdinal)], to: t, done, from: index)
            log.waitForUnits(index + 1)
        }
        // The ninth waits in the mailbox.
        _ = log.waitForAsking(1) {
            Self.submit([t.charge("ada", "0.10").item(t.adminOrdinal)], to: t, done, from: 8)
        }
        #expect(log.takenUnits == 8)
        try log.release()
        #expect(holdsInTime { done.get() == Array(0...8) })
        #expect(try t.user("ada").account.paid == Money("9.10"))
    }

    @Test(arguments: [false, true])
    func `a log that fails is final, whether it had taken the unit or not`(taken: Bool) throws {
        let disk = SimulatedDisk()
        let (t, log) = try Self.engine(disk)
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let fault = StorageError(.noRoom, "a log of peers", "too few of them answer")
        let done = Box<[Int]>([])
        let items = [t.charge("ada", "1.00").item(t.adminOrdinal), t.charge("ada", "2.00").item(t.adminOrdinal)]
        var batches: [WorkBatch] = []
        if taken {
            log.hold()
            batches = Self.submit(items, to: t, done)
            log.waitForUnits(1)
            log.fail(fault)
        } else {
            log.refuseNext(fault)
            batches = Self.submit([items[0]], to: t, done)
        }
        #expect(holdsInTime { done.get().count == batches.count && t.fatal.get() != nil })
        for batch in batches {
            guard case .unknownOutcome = batch.results[0] else { throw Unexpected("\(batch.results)") }
        }
        #expect(t.fatal.get()?.fault == fault)
        let batch = WorkBatch { _ in }
        batch.append(.barrier)
        #expect(holdsInTime { !t.engine.submit(batch) })
        t.stop()
        // What the log did not make durable is not there at the next start; nobody was told that it would be.
        let again = try TestEngine(disk: disk, at: TestEngine.noon + .seconds(10))
        defer { again.stop() }
        #expect(try again.user("ada").account.paid == Money("10.00"))
    }

    @Test func `without room nothing is decided, and everything once there is some`() throws {
        let (t, log) = try Self.engine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        log.hold()
        log.setRoom(0)
        let done = Box<[Int]>([])
        let batch = log.waitForAsking(2) {
            Self.submit([t.charge("ada", "1.00").item(t.adminOrdinal)], to: t, done)[0]
        }
        #expect(log.takenUnits == 0 && done.get().isEmpty)
        log.setRoom(100)
        log.waitForUnits(1)
        try log.release()
        #expect(holdsInTime { done.get() == [0] })
        guard case .outcome(.accepted) = batch.results[0] else { throw Unexpected("\(batch.results)") }
    }

    @Test func `a clean stop waits until what was taken is durable, and answers it`() throws {
        let disk = SimulatedDisk()
        let (t, log) = try Self.engine(disk)
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        log.hold()
        let done = Box<[Int]>([])
        _ = Self.submit([t.charge("ada", "1.00").item(t.adminOrdinal)], to: t, done)
        log.waitForUnits(1)
        let stopped = Latch()
        let isStopped = Box(false)
        let stopping = NamedThread.start("stop") {
            t.stop()
            isStopped.set(true)
            stopped.open()
        }
        #expect(!isStopped.get() && done.get().isEmpty)
        try log.acknowledge(1)
        stopped.wait()
        stopping.join()
        #expect(done.get() == [0])
        let again = try TestEngine(disk: disk, at: TestEngine.noon + .seconds(10))
        defer { again.stop() }
        #expect(try again.user("ada").account.paid == Money("9.00"))
    }
}
