import Glibc
import LedgerCore
import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(5))) struct FollowersTests {
    /// Remembers every event; keeps its own position, as one with a file would.
    private final class Toy: Follower, Sendable {
        let name: String
        /// How many events of a slice it takes, and how long each slice takes it.
        let appetite: Int
        let slowness: UInt32
        let seen = Box<[LSN]>([])
        private let failuresLeft: Box<Int>
        let isBusy = Box(false)

        init(_ name: String, appetite: Int = .max, slowness: UInt32 = 0, failures: Int = 0) {
            self.name = name
            self.appetite = appetite
            self.slowness = slowness
            failuresLeft = Box(failures)
        }

        func position() throws(FollowerError) -> LSN { (seen.get().last ?? .none).next }

        func take(_ events: EventSlice) throws(FollowerError) -> LSN {
            if slowness > 0 { usleep(slowness) }
            if isBusy.get() { return events.first }
            var taken: [LSN] = []
            events.visit { event in
                guard taken.count < appetite else { return false }
                taken.append(event.lsn)
                return !event.bytes.isEmpty
            }
            let fails = failuresLeft.update { left in
                guard left > 0 else { return false }
                left -= 1
                return true
            }
            // It had begun, and forgets that.
            if fails { throw FollowerError("no luck, \(name)") }
            let new = taken
            seen.update { $0 += new }
            return taken.last!.next
        }
    }

    private static func engine(
        _ disk: any Disk, at now: Timestamp = TestEngine.noon, _ followers: [any Follower]
    ) throws -> TestEngine {
        try TestEngine(disk: disk, at: now) {
            $0.followers = followers
            $0.followerPause = TimeSpan(nanoseconds: 1_000_000)
        }
    }

    @Test func `a slow follower and one that fails see every event once, in order, across a restart`() throws {
        let disk = SimulatedDisk()
        let slow = Toy("slow", appetite: 3, slowness: 300)
        let failing = Toy("failing", failures: 3)
        for start in 0..<2 {
            let t = try Self.engine(disk, at: TestEngine.noon + .minutes(Int64(start)), [slow, failing])
            if start == 0 {
                try t.accept(t.createUser("ada"))
                try t.accept(t.purchase("ada", "100.00"))
            }
            for _ in 0..<40 { try t.accept(t.charge("ada", "0.01")) }
            let last = t.engine.durableLSN
            // The first life ends while the slow one is behind.
            #expect(holdsInTime { (start == 0 || slow.seen.get().last == last) && failing.seen.get().last == last })
            t.stop()
            // Its thread is gone: nothing is handed out any more.
            let (a, b) = (slow.seen.get().count, failing.seen.get().count)
            #expect(Array(1...last.value).map { LSN($0) } == failing.seen.get())
            #expect(slow.seen.get() == (1...UInt64(a)).map { LSN($0) })
            usleep(2000)
            #expect(slow.seen.get().count == a && failing.seen.get().count == b)
        }
        #expect(slow.seen.get() == failing.seen.get())
    }

    @Test func `INFO shows name, position, lag and the last error`() throws {
        let follower = Toy("outbox", failures: 1_000_000)
        let t = try Self.engine(MemoryDisk(), [follower])
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        func status() throws -> FollowerStatus {
            guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
            return try #require(info.followers.first)
        }
        #expect(try holdsInTime { try status().failures >= 3 })
        let found = try status()
        #expect(found.name == "outbox")
        #expect(found.position == LSN(1))
        #expect(found.lag == t.engine.durableLSN.value)
        #expect(found.error == "no luck, outbox")
        #expect(follower.seen.get().isEmpty)
    }

    @Test func `one that says not now is asked again, and holds nobody up`() throws {
        let busy = Toy("busy")
        let other = Toy("other")
        busy.isBusy.set(true)
        let t = try Self.engine(MemoryDisk(), [busy])
        defer { t.stop() }
        t.engine.follow(other)  // also later than the start
        try t.accept(t.createUser("ada"))
        let last = t.engine.durableLSN
        #expect(holdsInTime { other.seen.get().last == last })
        #expect(busy.seen.get().isEmpty)
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        #expect(info.followers.first { $0.name == "busy" }?.error == nil)
        #expect(info.followers.first { $0.name == "other" }?.lag == 0)
        busy.isBusy.set(false)
        #expect(holdsInTime { busy.seen.get() == other.seen.get() })
        // Let go, it is handed nothing more.
        t.engine.unfollow("other")
        try t.accept(t.purchase("ada", "10.00"))
        let next = t.engine.durableLSN
        #expect(holdsInTime { busy.seen.get().last == next })
        #expect(other.seen.get().last == last)
    }

    @Test func `one that wants what is not there yet is told so, not served something else`() throws {
        final class Ahead: Follower, Sendable {
            let name = "ahead"
            func position() throws(FollowerError) -> LSN { LSN(1_000_000) }
            func take(_ events: EventSlice) throws(FollowerError) -> LSN { events.next }
        }
        let t = try Self.engine(MemoryDisk(), [Ahead()])
        defer { t.stop() }
        var error: String?
        while error == nil {
            guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
            error = info.followers[0].error
        }
        #expect(error?.contains("it wants event 1000000, the ledger ends with") == true)
    }

    @Test func `nothing is shown to a follower before it is durable`() throws {
        let gate = SyncGate()
        let follower = Toy("mirror")
        let t = try Self.engine(gate.disk(), [follower])
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        let before = t.engine.durableLSN
        #expect(holdsInTime { follower.seen.get().last == before })
        gate.close()
        let done = Latch()
        let batch = WorkBatch { _ in done.open() }
        batch.append(t.purchase("ada", "10.00").item(t.adminOrdinal))
        #expect(t.engine.submit(batch))
        gate.waitForSync()
        #expect(follower.seen.get().last == before)
        #expect(try t.engine.tail(from: before.next) == nil)
        gate.open()
        done.wait()
        #expect(holdsInTime { follower.seen.get().last == before.next })
        #expect(try t.engine.tail(from: before.next)?.count == 1)
    }
}
