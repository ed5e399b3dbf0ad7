import LedgerCore
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite struct WaitersTests {
    @Test func `whoever is due is served, the earliest first, and nobody else`() {
        var waiters = Waiters(capacity: 100)
        let served = Box<[UInt64]>([])
        for lsn in [7, 3, 9, 3, 1, 8] as [UInt64] {
            _ = waiters.add(LSN(lsn)) { _ in served.update { $0.append(lsn) } }
        }
        for completion in waiters.takeDue(LSN(7)) { completion(LSN(7)) }
        #expect(served.get() == [1, 3, 3, 7])
        #expect(waiters.count == 2)
        #expect(waiters.takeDue(LSN(7)).isEmpty)
    }

    @Test(arguments: 0..<20) func `what is taken back is gone, whatever else waits`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var waiters = Waiters(capacity: 50)
        var expected: [(ticket: WaitTicket, lsn: UInt64)] = []
        for _ in 0..<400 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0, 1:
                let lsn = UInt64.random(in: 0..<20, using: &generator)
                let ticket = waiters.add(LSN(lsn)) { _ in }
                #expect((ticket != nil) == (expected.count < 50))
                if let ticket { expected.append((ticket, lsn)) }
            case 2:
                guard let index = expected.indices.randomElement(using: &generator) else { continue }
                let ticket = expected.remove(at: index).ticket
                #expect(waiters.remove(ticket) != nil)
                #expect(waiters.remove(ticket) == nil)
            default:
                let lsn = UInt64.random(in: 0..<6, using: &generator)
                let due = expected.count { $0.lsn <= lsn }
                #expect(waiters.takeDue(LSN(lsn)).count == due)
                expected.removeAll { $0.lsn <= lsn }
            }
            #expect(waiters.count == expected.count)
        }
        #expect(waiters.takeAll().count == expected.count && waiters.count == 0)
    }

    @Test func `an engine forgets who was taken back, and lets no more wait than it is told`() throws {
        let t = try TestEngine { $0.waiterCapacity = 2 }
        let told = Box<[LSN]>([])
        let never = LSN(UInt64(Int64.max))
        func wait() -> Waiting { t.engine.wait(for: never) { lsn in told.update { $0.append(lsn) } } }
        guard case .until(let ticket) = wait(), case .until = wait() else { throw Unexpected("may not wait") }
        guard case .full = wait() else { throw Unexpected("waits without room") }
        #expect(t.engine.waiterCount == 2)
        t.engine.cancel(ticket)
        t.engine.cancel(ticket)
        #expect(t.engine.waiterCount == 1 && told.get().isEmpty)
        guard case .over = t.engine.wait(for: .none, completion: { lsn in told.update { $0.append(lsn) } }) else {
            throw Unexpected("what is durable is waited for")
        }
        #expect(told.get() == [t.engine.durableLSN])
        t.stop()
        #expect(told.get().last == LSN.none && told.get().count == 2 && t.engine.waiterCount == 0)
    }

    @Test func `a read behind the end of its passport is refused by the writer`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let secret = PassportSecret.mint()
        let reads = t.engine.reads
        try t.accept(
            .passportCreate(
                PassportCreate(
                    user: t.hash("ada"), id: secret.id, digest: reads.proof(of: secret).digest,
                    lastFour: secret.lastFour, name: .clear(Array("key".utf8)), permissions: [.read], scope: .own,
                    expires: .never, rate: 0)))
        let ordinal = try #require(reads.passport(secret.id)?.ordinal)
        func isRefused(_ result: WorkResult) -> Bool { if case .refused = result { true } else { false } }
        // One batch: what is published when it is submitted knows nothing of the revocation.
        let items: [WorkItem] = [
            .query(.books), .info, .quote(user: t.hash("ada"), tier: .small, duration: .hours(1)),
            .ruleMaterial(.storage, version: 1), .verify(reads.proof(of: secret)),
        ]
        let done = Latch()
        let batch = WorkBatch { _ in done.open() }
        for item in items { batch.append(item, by: ordinal) }
        batch.append(Command.passportRevoke(PassportRevoke(passport: secret.id)).item(t.adminOrdinal))
        for item in items { batch.append(item, by: ordinal) }
        batch.append(.query(.books))
        #expect(t.engine.submit(batch))
        done.wait()
        #expect(
            batch.results.map(isRefused) == Array(repeating: false, count: 6) + Array(repeating: true, count: 5) + [
                false
            ])
    }
}
