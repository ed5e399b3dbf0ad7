import Glibc
import LedgerCore
import LedgerStorage

@testable import LedgerEngine

/// A log as one with peers behaves: it takes units, and says later that they are durable. They are in the local journal
/// by then, so that everything else works as ever.
final class LateLog: CommitLog, @unchecked Sendable {  // everything mutable is touched under the monitor
    private struct Taken {
        var payload: [UInt8]
        var borders: [LogUnit.Border]
        var firstLSN: LSN
        var baseTime: Timestamp
        var booksSum: Int128
    }
    private let journal: Journal
    private let monitor = Monitor()
    private var taken: [Taken] = []
    private var acknowledged: LSN
    private var failure: StorageError?
    private var look: @Sendable () -> Void = {}
    /// Takes units and says nothing, until it is told to.
    private var isHeld = false
    private var refusal: StorageError?
    private var limit: Int?
    private var roomAsked = 0

    init(_ journal: Journal) {
        self.journal = journal
        acknowledged = journal.durable
    }

    // MARK: The log

    var room: Int {
        let room = journal.room
        return monitor.withLock {
            roomAsked += 1
            monitor.wake()
            return limit ?? room
        }
    }
    var durable: LSN { monitor.withLock { acknowledged } }
    var fault: StorageError? { monitor.withLock { failure } }

    func append(_ unit: LogUnit) throws(StorageError) {
        let (refusal, mustWait) = monitor.withLock { () -> (StorageError?, Bool) in
            defer { self.refusal = nil }
            if self.refusal == nil {
                taken.append(
                    Taken(
                        payload: Array(unit.payload), borders: unit.borders, firstLSN: unit.firstLSN,
                        baseTime: unit.baseTime, booksSum: unit.booksSum))
                monitor.wake()
            }
            return (self.refusal, isHeld)
        }
        if let refusal { throw refusal }
        if !mustWait { try write(takenUnits) }
    }

    func noteAlive(at time: Timestamp) throws(StorageError) { try journal.noteAlive(at: time) }
    func onChange(_ look: @escaping @Sendable () -> Void) { monitor.withLock { self.look = look } }

    private func write(_ count: Int) throws(StorageError) {
        for _ in 0..<count {
            let unit = monitor.withLock { taken.removeFirst() }
            try unit.payload.withUnsafeBytes { bytes in
                Result { () throws(StorageError) in
                    try journal.append(
                        LogUnit(
                            payload: bytes, borders: unit.borders, firstLSN: unit.firstLSN, baseTime: unit.baseTime,
                            booksSum: unit.booksSum))
                }
            }.get()
        }
        monitor.withLock { acknowledged = journal.durable }
    }

    // MARK: What the test makes it do

    func hold() { monitor.withLock { isHeld = true } }

    /// Returns when so many units were taken that are not durable.
    func waitForUnits(_ count: Int) { monitor.withLock { _ = monitor.wait { taken.count >= count } } }
    var takenUnits: Int { monitor.withLock { taken.count } }

    /// Makes the oldest units durable, and says so once.
    func acknowledge(_ count: Int) throws {
        try write(count)
        poke()
    }

    /// From now on it acknowledges while it takes.
    func release() throws {
        monitor.withLock { isHeld = false }
        try acknowledge(takenUnits)
    }

    /// Says that something has changed, whether it has or not.
    func poke() { monitor.withLock { look }() }

    /// Loses its peers: what was taken is lost from sight.
    func fail(_ error: StorageError) {
        monitor.withLock { failure = error }
        poke()
    }

    /// The next unit is refused.
    func refuseNext(_ error: StorageError) { monitor.withLock { refusal = error } }

    /// How much room it says it has; nil: the journal's.
    func setRoom(_ room: Int?) {
        monitor.withLock { limit = room }
        poke()
    }

    /// Does it, and returns when somebody has asked for room so many times since it began.
    func waitForAsking<R>(_ times: Int, _ act: () -> R) -> R {
        let before = monitor.withLock { roomAsked }
        let result = act()
        monitor.withLock { _ = monitor.wait { roomAsked >= before + times } }
        return result
    }
}
