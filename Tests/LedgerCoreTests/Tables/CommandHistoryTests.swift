import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct CommandHistoryTests {
    @Test(arguments: 1...12)
    func `the history agrees with a list of entries, also after rollbacks`(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed) &+ 400)
        var history = CommandHistory()
        var naive = NaiveHistory()
        var savepoints: [(mark: Int, naive: NaiveHistory)] = []
        history.capacity = naive.capacity
        history.retention = naive.retention
        var now = Timestamp(seconds: 1_000)
        for step in 0..<6_000 {
            if Bool.random(using: &random) { now = now + TimeSpan.seconds(.random(in: 0...3, using: &random)) }
            let scope = Self.scope(.random(in: 1...60, using: &random))
            switch Int.random(in: 0..<40, using: &random) {
            case 0..<20:
                let entry = Self.entry(scope, lsn: UInt64(step), now)
                history.remember(entry)
                naive.entries.append(entry)
            case 20..<30:
                history.forget(at: now, limit: .random(in: 0...5, using: &random))
                naive.forget(at: now)
            case 30:
                let settings = (
                    TimeSpan.seconds(.random(in: 5...90, using: &random)), UInt64.random(in: 1...60, using: &random)
                )
                history.retain(for: settings.0, at: now)
                history.capacity = settings.1
                naive.forget(at: now)
                (naive.retention, naive.capacity) = settings
            case 31..<34:
                if savepoints.count < 4 { savepoints.append((history.openSavepoint(), naive)) }
            case 34..<37:
                guard let last = savepoints.last else { continue }
                history.rollBack(to: last.mark)
                naive = last.naive
                let (retention, capacity) = (history.retention, history.capacity)
                #expect(retention == naive.retention && capacity == naive.capacity, "seed \(seed), step \(step)")
            default:
                if savepoints.popLast() != nil { history.closeSavepoint() }
            }
            let found = history.find(scope, at: now)
            #expect(found == naive.find(scope, at: now), "seed \(seed), step \(step)")
            let (isFull, entries) = (history.isFull(at: now), history.owed(at: now))
            #expect(isFull == naive.isFull(at: now), "seed \(seed), step \(step)")
            #expect(entries == naive.owed(at: now), "seed \(seed), step \(step)")
        }
    }

    @Test func `a rollback brings back thousands that were forgotten, and they are forgotten again`() {
        var history = CommandHistory()
        history.retention = .seconds(10)
        for second in 1...10_000 as ClosedRange<Int64> {
            history.remember(Self.entry(Self.scope(UInt64(second)), lsn: UInt64(second), Timestamp(seconds: second)))
        }
        let mark = history.openSavepoint()
        for _ in 1...2 {
            history.forget(at: Timestamp(seconds: 9_000), limit: .max)
            let left = history.count
            #expect(left == 1_010)
            history.rollBack(to: mark)
            let count = history.count
            #expect(count == 10_000)
            let first = history.find(Self.scope(1), at: Timestamp(seconds: 5))
            #expect(first?.lsn == LSN(1))
        }
        history.forget(at: Timestamp(seconds: 9_000), limit: .max)
        history.closeSavepoint()
        // The forgotten ones are gone for good by now; what is left is still found.
        let (first, kept) = (history.owed(at: Timestamp(seconds: 9_000)).first, history.queue.count)
        #expect(first?.lsn == LSN(8_991))
        #expect(kept < 1_010 + 1_024, "the memory of forgotten entries is given back when the savepoint closes")
        let found = history.find(Self.scope(9_500), at: Timestamp(seconds: 9_505))
        #expect(found?.lsn == LSN(9_500))
        history.remember(Self.entry(Self.scope(3), lsn: 20_000, Timestamp(seconds: 10_001)))
        let again = history.find(Self.scope(3), at: Timestamp(seconds: 10_001))
        #expect(again?.lsn == LSN(20_000))
    }

    @Test func `with each event only a few are forgotten, and nobody sees that others are still there`() {
        var history = CommandHistory()
        (history.retention, history.capacity) = (.seconds(10), 5_000)
        for number in 1...5_000 as ClosedRange<UInt64> {
            history.remember(Self.entry(Self.scope(number), lsn: number, Timestamp(seconds: 1)))
        }
        let morning = Timestamp(seconds: 40_000)
        history.forget(at: morning)
        let (left, isFull, owed) = (history.count, history.isFull(at: morning), history.positions(at: morning))
        #expect(left == 4_984 && !isFull && owed.isEmpty)
        let found = history.find(Self.scope(4_000), at: morning)
        #expect(found == nil)
        for number in 6_001...6_400 as ClosedRange<UInt64> {
            history.remember(Self.entry(Self.scope(number), lsn: number, morning))
            history.forget(at: morning)
        }
        let (count, kept) = (history.count, history.queue.count)
        #expect(count == 400 && kept < 400 + 1_024)
        // A longer retention brings nothing back.
        for number in 6_401...6_500 as ClosedRange<UInt64> {
            history.remember(Self.entry(Self.scope(number), lsn: number, Timestamp(seconds: 40_001)))
        }
        let noon = Timestamp(seconds: 40_010)
        history.retain(for: .hours(24), at: noon)
        let after = history.owed(at: noon)
        #expect(after.count == 100 && after.first?.lsn == LSN(6_401))
    }

    @Test func `a key that came again keeps its later answer when the first entry is forgotten`() {
        var history = CommandHistory()
        history.retention = .seconds(10)
        history.remember(Self.entry(Self.scope(1), lsn: 1, Timestamp(seconds: 0)))
        history.remember(Self.entry(Self.scope(1), lsn: 2, Timestamp(seconds: 8)))
        history.forget(at: Timestamp(seconds: 12))
        let found = history.find(Self.scope(1), at: Timestamp(seconds: 12))
        #expect(found?.lsn == LSN(2))
    }

    @Test func `an entry comes back from its bytes`() throws {
        var entry = Self.entry(Self.scope(7), lsn: 9, Timestamp(seconds: 11))
        var writer = ByteWriter()
        entry.code(with: &writer)
        var read = CommandHistory.Entry()
        try writer.output.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            try read.code(with: &reader)
        }
        #expect(read == entry)
    }

    private static func scope(_ number: UInt64) -> Hash128 {
        Hash128(high: number, low: number &* 0x9E37_79B9_7F4A_7C15)
    }

    private static func entry(_ scope: Hash128, lsn: UInt64, _ time: Timestamp) -> CommandHistory.Entry {
        CommandHistory.Entry(key: IdempotencyKey(scope: scope, arguments: .zero), lsn: LSN(lsn), time: time)
    }
}

extension CommandHistory {
    fileprivate func owed(at now: Timestamp) -> [Entry] { Array(captured(positions(at: now))) }
}

private struct NaiveHistory {
    var retention = TimeSpan.seconds(30)
    var capacity: UInt64 = 40
    var entries: [CommandHistory.Entry] = []

    mutating func forget(at now: Timestamp) { entries = Array(entries.drop { now - $0.time >= retention }) }

    func owed(at now: Timestamp) -> [CommandHistory.Entry] { entries.filter { now - $0.time < retention } }

    func find(_ scope: Hash128, at now: Timestamp) -> CommandHistory.Entry? {
        entries.last { $0.key.scope == scope }.flatMap { now - $0.time < retention ? $0 : nil }
    }

    func isFull(at now: Timestamp) -> Bool { UInt64(owed(at: now).count) >= capacity }
}
