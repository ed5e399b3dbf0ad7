import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct DurabilityTests {
    @Test func `nothing is visible or answered before the sync`() throws {
        let gate = SyncGate()
        let t = try TestEngine(disk: gate.disk())
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        let before = t.engine.durableLSN

        gate.close()
        let answered = Box(false)
        let done = Latch()
        let batch = WorkBatch { _ in
            answered.set(true)
            done.open()
        }
        batch.append(t.charge("ada", "1.00").item(t.adminOrdinal))
        batch.append(.query(.user(t.hash("ada"))))
        #expect(t.engine.submit(batch))
        gate.waitForSync()
        #expect(!answered.get())
        #expect(t.engine.durableLSN == before)
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.paid == Money("10.00"))
        guard case .history(let rows, _) = t.history(.history(user: t.hash("ada"), from: nil, to: nil, Page())) else {
            throw Unexpected("no history")
        }
        #expect(rows.count == 1)

        gate.open()
        done.wait()
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.paid == Money("9.00"))
        guard case .query(.user(let row)) = batch.results[1] else { throw Unexpected("no row") }
        #expect(row.account.paid == Money("9.00"))
    }

    @Test func `refusals and reads complete behind what they rest on, in order`() throws {
        let gate = SyncGate()
        let t = try TestEngine(disk: gate.disk())
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        gate.close()
        let order = Box<[Int]>([])
        let all = Latch()
        let items: [Asked] = [
            t.charge("ada", "4.00").item(t.adminOrdinal), .query(.user(t.hash("ada"))),
            t.charge("ada", "7.00").item(t.adminOrdinal),
            .barrier, t.charge("ada", "1.00").item(t.adminOrdinal), .query(.user(t.hash("ada"))),
        ]
        let batches = items.indices.map { index in
            let batch = WorkBatch { _ in
                if order.update({
                    $0.append(index)
                    return $0.count
                }) == items.count {
                    all.open()
                }
            }
            batch.append(items[index])
            return batch
        }
        #expect(t.engine.submit(batches[0]))
        gate.waitForSync()
        for batch in batches.dropFirst() { #expect(t.engine.submit(batch)) }
        #expect(order.get().isEmpty)
        gate.open()
        all.wait()
        #expect(order.get() == Array(items.indices))
        guard case .outcome(.rejected(.insufficient(let available, _))) = batches[2].results[0] else {
            throw Unexpected("7.00 of 6.00 was charged")
        }
        #expect(available == Money("6.00"))
        guard case .query(.user(let row)) = batches[5].results[0] else { throw Unexpected("no row") }
        #expect(row.account.paid == Money("5.00"))
    }

    @Test func `views show the last of many units that touched one account`() throws {
        let gate = SyncGate()
        let t = try TestEngine(disk: gate.disk())
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        // Batches that come while others are on their way to a slow disk join the unit that waits there.
        gate.setDelay(microseconds: 300)
        for _ in 0..<40 {
            let count = 100
            let left = Box(count)
            let all = Latch()
            for _ in 0..<count {
                let batch = WorkBatch { _ in
                    if left.update({
                        $0 -= 1
                        return $0
                    }) == 0 {
                        all.open()
                    }
                }
                batch.append(t.charge("ada", "0.000001").item(t.adminOrdinal))
                while !t.engine.submit(batch) {}
                usleep(30)
            }
            all.wait()
            let view = try #require(t.engine.reads.account(ada, at: t.clock.now()))
            let row = try t.user("ada")
            guard view.paid == row.account.paid, t.engine.reads.views.lastEvent(ada) == row.lastEvent else {
                Issue.record("readers see \(view.paid), the ledger has \(row.account.paid)")
                return
            }
        }
    }

    @Test func `a full mailbox says no, and what it took is answered`() throws {
        let gate = SyncGate()
        let t = try TestEngine(disk: gate.disk()) { $0.mailboxCapacity = 4 }
        defer { t.stop() }
        gate.close()
        let answered = Box(0)
        let all = Latch()
        func batch() -> WorkBatch {
            let batch = WorkBatch { _ in
                if answered.update({
                    $0 += 1
                    return $0
                }) == 5 {
                    all.open()
                }
            }
            batch.append(t.createUser("u\(Int.random(in: 0...Int.max))").item(t.adminOrdinal))
            return batch
        }
        #expect(t.engine.submit(batch()))
        gate.waitForSync()  // the writer itself stands there: nobody empties the mailbox
        for _ in 0..<4 { #expect(t.engine.submit(batch())) }
        #expect(!t.engine.submit(batch()))
        gate.open()
        all.wait()
        #expect(t.work([.barrier]).count == 1)
    }

    @Test(arguments: [1, 2]) func `a failed write or sync is final`(operation: Int) throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        let before = t.engine.durableLSN
        disk.fail(operation: operation, with: EIO)
        guard case .unknownOutcome = t.work([t.charge("ada", "1.00").item(t.adminOrdinal)])[0] else {
            throw Unexpected("an outcome was told that nobody knows")
        }
        let waiting = Box<LSN?>(nil)
        let told = Latch()
        t.engine.wait(for: LSN(before.value + 1)) {
            waiting.set($0)
            told.open()
        }
        told.wait()
        #expect(waiting.get() == LSN.none)
        #expect(holdsInTime { t.fatal.get() != nil })
        let batch = WorkBatch { _ in }
        batch.append(.barrier)
        #expect(!t.engine.submit(batch))
        #expect(t.engine.durableLSN == before)
        #expect(t.engine.reads.account(ada, at: t.clock.now())?.paid == Money("10.00"))
        t.stop()
        #expect(disk.filesSyncedAfterFailure.isEmpty)
    }

    @Test(arguments: 0..<12) func `what was acknowledged survives a power cut at any moment`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "1000.00"))
        let ada = try #require(t.engine.reads.user(t.hash("ada")))
        disk.cutPower(atOperation: Int.random(in: 1...80, using: &generator))

        // Somebody looks all the time: what they see must never be taken back.
        let stop = Atomic<Bool>(false)
        let lowest = Box(Money("1000.00")!)
        let watcher = NamedThread.start("watcher") { [engine = t.engine] in
            while !stop.load(ordering: .relaxed) {
                if let seen = engine.reads.account(ada, at: TestEngine.noon)?.paid { lowest.set(seen) }
            }
        }
        let acknowledged = Box<[LSN]>([])
        let open = Box(0)
        var asked = 0
        while !disk.isOff, asked < 4000 {
            let batch = WorkBatch { batch in
                for case .outcome(.accepted(let event)) in batch.results {
                    acknowledged.update { $0.append(event.lsn) }
                }
                open.update { $0 -= 1 }
            }
            for _ in 0..<Int.random(in: 1...5, using: &generator) {
                batch.append(t.charge("ada", "0.01").item(t.adminOrdinal))
                asked += 1
            }
            open.update { $0 += 1 }
            if !t.engine.submit(batch) {
                open.update { $0 -= 1 }
                if t.fatal.get() != nil { break }
            }
            while open.get() > 3 { usleep(50) }
        }
        #expect(holdsInTime { open.get() == 0 })
        stop.store(true, ordering: .relaxed)
        watcher.join()
        t.stop()

        let after = disk.afterPowerCut(seed: seed)
        let u = try TestEngine(disk: after, at: TestEngine.noon + .seconds(10))
        let paid = try u.user("ada").account.paid
        #expect(paid <= lowest.get())
        let spent = (Money("1000.00")! - paid).nanos / 10_000_000
        #expect(spent >= acknowledged.get().count)
        #expect(spent <= asked)
        for lsn in acknowledged.get() {
            guard case .event(let event) = u.history(.event(lsn)), case .creditCharged = event.body, event.lsn == lsn
            else {
                Issue.record("LSN \(lsn.value) was acknowledged and is lost")
                break
            }
        }
        u.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: after)
        #expect(report.isSound, "\(report.findings)")
    }

    @Test func `without room for the next segment it is read-only until there is some again`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "100.00"))
        try t.accept(
            .holdPlace(HoldPlace(user: t.hash("ada"), amount: Money("1.00")!, timeToLive: .minutes(1), source: "api")))
        disk.capacity = disk.bytesUsed + 100_000
        let long = [UInt8](repeating: 0x61, count: 60_000)
        var refused: Rejection?
        for _ in 0..<200 where refused == nil {
            let adjust = CreditAdjust(user: t.hash("ada"), amount: Money("0.01")!, reason: .clear(long))
            if case .rejected(let rejection) = t.run(.creditAdjust(adjust)) { refused = rejection }
        }
        guard case .readOnly(let text) = refused else { throw Unexpected("\(String(describing: refused))") }
        #expect(text.contains("room"))
        #expect(t.engine.readOnly != nil)
        // Reads go on, timers wait.
        t.clock.advance(by: .minutes(5))
        #expect(try t.user("ada").account.held == Money("1.00"))

        disk.capacity = nil
        let last = t.engine.durableLSN
        t.engine.lookAfter()
        let done = Latch()
        t.engine.wait(for: LSN(last.value + 2)) { _ in done.open() }
        done.wait()
        #expect(t.engine.readOnly == nil)
        #expect(try t.user("ada").account.held == Money.zero)
        guard case .event(let event) = t.history(.event(last.next)), case .engineStarted(let started) = event.body
        else {
            throw Unexpected("the pause was not recorded")
        }
        #expect(started.downtime == TimeSpan.minutes(5))
        try t.accept(t.charge("ada", "1.00"))
    }

    @Test func `a first start that is cut short begins again, whole`() throws {
        let whole = SimulatedDisk()
        try TestEngine(disk: whole).stop()
        let operations = whole.operations
        #expect(operations > 10)
        for cut in stride(from: 1, through: operations, by: 2) {
            let disk = SimulatedDisk()
            disk.cutPower(atOperation: cut)
            if let started = try? TestEngine(disk: disk) { started.stop() }
            let after = disk.afterPowerCut(seed: UInt64(cut))
            let t = try TestEngine(disk: after, at: TestEngine.noon + .seconds(1))
            guard case .rules(let rules) = t.read(.rules) else { throw Unexpected("no rules") }
            #expect(rules.count { $0.active } == 3)
            if let admin = t.admin {
                guard case .valid = t.engine.reads.verify(t.engine.reads.proof(of: admin), at: t.clock.now()) else {
                    throw Unexpected("cut at operation \(cut): the admin's passport does not verify")
                }
            }
            try t.accept(t.createUser("ada"))
            t.stop()
            let report = try Verification<StateMachine>.run("/ledger", on: after)
            #expect(report.isSound, "cut at operation \(cut): \(report.findings)")
        }
    }
}
