import Glibc
import LedgerCore
import LedgerRules
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct LoadTests {
    @Test func `one load larger than a journal batch and a segment is cut between commands`() throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk)
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10000.00"))
        let count = 20_000
        let results = t.work(Array(repeating: t.charge("ada", "0.10").item(t.adminOrdinal), count: count))
        let accepted = results.count { if case .outcome(.accepted) = $0 { true } else { false } }
        #expect(accepted == count)
        #expect(try t.user("ada").account.paid == Money("8000.00"))
        let loads = (0..<280).map { number in
            let source = "-- \(String(repeating: "x", count: 15_000)) \(number)\nreturn function() return 1 end"
            return Asked.ruleLoad(
                actor: t.adminOrdinal, key: nil, name: .purchaseBonus, source: Array(source.utf8),
                verdict: .loads(RuleBook.identity(of: source)))
        }
        for result in t.work(loads) {
            guard case .outcome(.accepted) = result else { throw Unexpected("\(result)") }
        }
        t.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: disk)
        #expect(report.isSound, "\(report.findings)")
        #expect(report.segments > 1)
    }

    @Test func `many clients at once: each gets its answers, and the books agree`() throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk) { $0.mailboxCapacity = 64 }
        for user in 0..<4 {
            try t.accept(t.createUser("u\(user)"))
            try t.accept(t.purchase("u\(user)", "1000.00"))
        }
        let charged = Box<[Int64]>([0, 0, 0, 0])
        let clients = (0..<4).map { client in
            NamedThread.start("client") {
                var generator = SeededGenerator(seed: UInt64(client))
                for _ in 0..<60 {
                    let user = Int.random(in: 0..<4, using: &generator)
                    var items: [Asked] = []
                    for _ in 0..<Int.random(in: 1...20, using: &generator) {
                        items.append(
                            Bool.random(using: &generator)
                                ? t.charge("u\(user)", "0.25").item(t.adminOrdinal) : .query(.user(t.hash("u\(user)"))))
                    }
                    var before: Money?
                    for (item, result) in zip(items, t.work(items)) {
                        switch result {
                        case .outcome(.accepted(let reference)):
                            charged.update { $0[user] += 250_000_000 }
                            guard case .event(let event) = t.history(.event(reference.lsn)) else {
                                Issue.record("a receipt's event cannot be read")
                                continue
                            }
                            before = event.after.paid
                        case .query(.user(let row)):
                            // It reads its own writes; others may have charged in between.
                            if let before, row.account.paid > before { Issue.record("a read went back in time") }
                        default: Issue.record("\(item): \(result)")
                        }
                    }
                }
            }
        }
        for client in clients { client.join() }
        for user in 0..<4 {
            let paid = try t.user("u\(user)").account.paid
            #expect(paid == Money("1000.00")! - Money(nanos: charged.get()[user]))
            let ordinal = try #require(t.engine.reads.user(t.hash("u\(user)")))
            #expect(t.engine.reads.account(ordinal, at: t.clock.now())?.paid == paid)
        }
        t.stop()
        let report = try Verification<StateMachine>.run("/ledger", on: disk)
        #expect(report.isSound, "\(report.findings)")
    }

    @Test func `an idle ledger says that it is idle, once`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk) { $0.closingDelay = TimeSpan(nanoseconds: 1_000_000) }
        try t.accept(t.createUser("ada"))
        func writes() -> Int { disk.log.count { $0.hasPrefix("write") && $0.hasSuffix(".segment") } }
        func saysSo() throws -> Bool {
            let recovered: Recovered<StateMachine> = try Recovery.open("/ledger", on: disk.afterPowerCut(seed: 1))
            return recovered.report.wasClosed
        }
        for _ in 0..<10_000 {
            if try saysSo() { break }
            usleep(1000)
        }
        #expect(try saysSo())
        // A command ends that, and the next idle moment says it anew.
        let before = writes()
        try t.accept(t.purchase("ada", "10.00"))
        for _ in 0..<10_000 {
            if writes() >= before + 2 { break }
            usleep(1000)
        }
        // Whatever wakes the writer without anything to record does not.
        for _ in 0..<100 { _ = try t.user("ada") }
        #expect(writes() == before + 2)
        #expect(try saysSo())
        t.stop()
    }

    @Test func `without room for a snapshot it is read-only until there is one`() throws {
        let disk = SimulatedDisk()
        let t = try TestEngine(disk: disk) { $0.checkpoints = .inProcess }
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        func snapshot() -> Bool {
            let done = Latch()
            let isMade = Box(false)
            t.engine.snapshot { result in
                if case .success = result { isMade.set(true) }
                done.open()
            }
            done.wait()
            return isMade.get()
        }
        disk.capacity = disk.bytesUsed + 100
        #expect(!snapshot())
        guard case .rejected(.readOnly) = t.run(t.purchase("ada", "10.00")) else { throw Unexpected("decided") }
        disk.capacity = nil
        #expect(snapshot())
        try t.accept(t.purchase("ada", "10.00"))
    }
}
