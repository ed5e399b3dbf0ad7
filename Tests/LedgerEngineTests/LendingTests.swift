import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

@testable import LedgerEngine

/// Work of the writer's on the thread of who brought it.
@Suite(.timeLimit(.minutes(5))) struct LendingTests {
    /// An executor whose own work counts its runs.
    private final class Worker: Sendable {
        let executor = PinnedExecutor()
        let runs = Atomic<Int>(0)
        let patience: UInt64?

        init(patience: UInt64? = nil) {
            self.patience = patience
            executor.start("worker") { [self] in
                executor.checkIsolated()
                runs.add(1, ordering: .relaxed)
                return self.patience
            }
        }

        /// Once its thread has run and sleeps.
        func lend(_ work: () -> UInt64?) { #expect(holdsInTime { executor.lend(work) }) }
    }

    @Test func `a thread that sleeps is stood in for, by one at a time`() {
        let worker = Worker()
        defer { worker.executor.stop() }
        let own = pthread_self()
        var isOwner = false
        worker.lend {
            worker.executor.checkIsolated()
            isOwner = pthread_self() == own
            #expect(!worker.executor.lend { nil })
            return nil
        }
        #expect(isOwner)
        // Nothing was left to do.
        #expect(worker.runs.load(ordering: .relaxed) == 1)
    }

    @Test func `what is asked for meanwhile waits, and is done`() {
        let worker = Worker()
        defer { worker.executor.stop() }
        worker.lend {
            worker.executor.poke()
            usleep(50_000)
            #expect(worker.runs.load(ordering: .relaxed) == 1)
            return nil
        }
        #expect(holdsInTime { worker.runs.load(ordering: .relaxed) == 2 })
    }

    @Test(arguments: [0, 1_000_000] as [UInt64]) func `work that must be looked after sooner is`(after: UInt64) {
        let worker = Worker()
        defer { worker.executor.stop() }
        worker.lend { after }
        #expect(holdsInTime { worker.runs.load(ordering: .relaxed) == 2 })
    }

    @Test func `a thread that is due meanwhile takes its turn afterwards`() {
        let worker = Worker(patience: 20_000_000)
        defer { worker.executor.stop() }
        worker.lend {
            let runs = worker.runs.load(ordering: .relaxed)
            usleep(60_000)
            #expect(worker.runs.load(ordering: .relaxed) == runs)
            return nil
        }
        let runs = worker.runs.load(ordering: .relaxed)
        #expect(holdsInTime { worker.runs.load(ordering: .relaxed) > runs })
    }

    @Test func `who stays finds its batch done, whoever did it`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "10.00"))
        let stayed = Atomic<Int>(0)
        for _ in 0..<200 {
            let done = Latch()
            let own = pthread_self()
            let batch = WorkBatch { _ in
                if pthread_self() == own { stayed.add(1, ordering: .relaxed) }
                done.open()
            }
            batch.append(t.charge("ann", "0.01").item(t.adminOrdinal, nil))
            #expect(t.engine.submitAndStay(batch))
            done.wait()
            guard case .outcome(.accepted(let event)) = batch.results[0] else { throw Unexpected("it was refused") }
            #expect(t.engine.durableLSN >= event.lsn)
        }
        #expect(stayed.load(ordering: .relaxed) > 0)
        #expect(try t.user("ann").account.paid == Money("8.00"))
    }

    @Test func `threads that stay and threads that do not charge each cent once`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "100.00"))
        let done = Latch()
        let open = Atomic<Int>(4)
        for stays in [true, true, false, false] {
            NamedThread.start("client") {
                for _ in 0..<250 {
                    let answered = Latch()
                    let batch = WorkBatch { _ in answered.open() }
                    batch.append(t.charge("ann", "0.01").item(t.adminOrdinal, nil))
                    while !(stays ? t.engine.submitAndStay(batch) : t.engine.submit(batch)) {}
                    answered.wait()
                }
                if open.subtract(1, ordering: .relaxed).newValue == 0 { done.open() }
            }.detach()
        }
        done.wait()
        #expect(try t.user("ann").account.paid == Money("90.00"))
    }
}
