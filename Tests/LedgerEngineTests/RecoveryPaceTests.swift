import LedgerCore
import LedgerStorage
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct RecoveryPaceTests {
    typealias Size = RecoveryPace.Size

    /// A machine on which each part of a start takes its time.
    fileprivate struct Machine {
        var event = 0.0, snapshotByte = 0.0, historyByte = 0.0, user = 0.0, fixed = 0.0
        /// How much of the time the thread runs.
        var share = 1.0

        func lap(_ seconds: Double) -> Lap { Lap(wall: seconds, cpu: seconds * share) }

        func times(_ size: Size) -> ReplayTimes {
            ReplayTimes(
                snapshot: lap(Double(size.snapshotBytes) * snapshotByte), journal: lap(Double(size.events) * event),
                history: lap(Double(size.historyBytes) * historyByte))
        }

        func start(_ size: Size) -> Double { times(size).total.wall + Double(size.users) * user + fixed }
    }

    private let slow = Machine(
        event: 20e-6, snapshotByte: 4e-8, historyByte: 3e-9, user: 5e-6, fixed: 0.3, share: 0.6)

    private func isNear(_ estimate: Double, _ right: Double) -> Bool { abs(estimate - right) <= 0.2 * right }

    @Test(arguments: [
        Size(), Size(events: 50), Size(events: 480_000), Size(events: 0, snapshotBytes: 90_000_000, users: 300_000),
        Size(events: 300_000, snapshotBytes: 30_000_000, historyBytes: 2_000_000_000, users: 100_000),
        Size(events: 9_999, snapshotBytes: 1 << 19, historyBytes: 1 << 22, users: 9_999),
    ])
    func `after a start the estimate for the same size is what it took`(size: Size) {
        var pace = RecoveryPace()
        pace.learn(start: size, slow)
        #expect(isNear(pace.seconds(size), slow.start(size)))
        // Again, and from another guess.
        pace.event = 1e-3
        pace.learn(start: size, slow)
        #expect(isNear(pace.seconds(size), slow.start(size)))
    }

    @Test func `each part grows by itself`() {
        let size = Size(events: 100_000, snapshotBytes: 20_000_000, historyBytes: 100_000_000, users: 50_000)
        var pace = RecoveryPace()
        pace.learn(start: size, slow)
        for grown in [
            Size(events: 1_000_000), Size(snapshotBytes: 400_000_000), Size(historyBytes: 5_000_000_000),
            Size(users: 900_000), Size(events: 1_000, snapshotBytes: 500_000_000, users: 700_000),
        ] {
            #expect(isNear(pace.seconds(grown), slow.start(grown)), "\(grown)")
        }
    }

    @Test func `a fold teaches the same as a start, however little it was let run`() {
        let small = Size(events: 100_000, snapshotBytes: 20_000_000)
        let large = Size(events: 400_000, snapshotBytes: 100_000_000)
        var pace = RecoveryPace()
        pace.learn(start: small, slow)
        // The ledger's events have become heavier since, and the fold stands in a queue for most of its time.
        var now = slow
        (now.event, now.snapshotByte) = (60e-6, 9e-8)
        var fold = now.times(large)
        (fold.journal.wall, fold.snapshot.wall) = (fold.journal.wall * 12, fold.snapshot.wall * 12)
        pace.learn(fold: large, fold)
        #expect(isNear(pace.seconds(large), now.start(large)))
        // Of a short one nothing is learned.
        let before = pace
        pace.learn(fold: Size(events: 10), ReplayTimes(journal: Lap(wall: 4, cpu: 4)))
        #expect(pace == before)
    }

    @Test func `without any start a fold makes the guess better`() {
        let size = Size(events: 400_000)
        let machine = Machine(event: 20e-6)
        var pace = RecoveryPace()
        #expect(!isNear(pace.seconds(size), machine.start(size)))
        pace.learn(fold: size, machine.times(size))
        #expect(isNear(pace.seconds(size), machine.start(size)))
    }

    @Test func `the next start finds it, and takes no nonsense`() throws {
        let disk = MemoryDisk()
        let file = RecoveryPaceFile(disk, directory: "/ledger")
        #expect(file.load() == nil)
        let size = Size(events: 100_000, snapshotBytes: 20_000_000, historyBytes: 100_000_000, users: 50_000)
        var pace = RecoveryPace()
        pace.learn(start: size, slow)
        for _ in 0..<2 {
            file.save(pace)
            #expect(file.load() == pace)
        }
        let good = try #require(try disk.contents(of: "/ledger/recovery-pace"))
        for bad in [
            [], Array(good.dropLast(4)) + Array("nan\n".utf8), Array(good.prefix(20)),
            [UInt8](repeating: 0, count: 100),
            Array(String(decoding: good, as: UTF8.self).replacing("event ", with: "event -").utf8),
        ] {
            try disk.remove("/ledger/recovery-pace")
            let written = try disk.open("/ledger/recovery-pace", .create)
            try bad.withUnsafeBytes { raw in
                try Result { () throws(StorageError) in try written.write(raw, at: 0) }.get()
            }
            #expect(file.load() == nil, "\(String(decoding: bad, as: UTF8.self))")
        }
    }

    @Test func `what an audit learned counts from the next snapshot on`() throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk) { $0.checkpoints = .inProcess }
        defer { t.stop() }
        var pace = RecoveryPace()
        pace.event = 10
        RecoveryPaceFile(disk, directory: "/ledger").save(pace)
        let done = Latch()
        t.engine.snapshot { _ in done.open() }
        done.wait()
        try t.accept(t.createUser("ada"))
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        #expect(info.recoverySeconds > 10 && info.recoverySeconds < 11)
    }

    @Test func `INFO reckons with the pace that was kept`() throws {
        let disk = MemoryDisk()
        let first = try TestEngine(disk: disk) { $0.checkpoints = .inProcess }
        let done = Latch()
        first.engine.snapshot { _ in done.open() }
        done.wait()
        first.stop()
        var pace = RecoveryPace()
        pace.event = 10
        RecoveryPaceFile(disk, directory: "/ledger").save(pace)
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        guard case .info(let info) = t.work([.info])[0] else { throw Unexpected("no info") }
        // The start and the user, behind a snapshot that stands for the rest.
        #expect(info.recoverySeconds > 20 && info.recoverySeconds < 21)
    }
}

extension RecoveryPace {
    fileprivate mutating func learn(start size: Size, _ machine: RecoveryPaceTests.Machine) {
        learn(
            start: size, machine.times(size), users: Double(size.users) * machine.user, seconds: machine.start(size))
    }
}
