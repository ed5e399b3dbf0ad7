package import LedgerCore
internal import LedgerStorage

/// The last commands whose decision took longer than a threshold. Names and ids, never secrets or free text.
package final class SlowLog: Sendable {
    package struct Entry: Sendable {
        package var id: UInt64
        package var time: Timestamp
        package var nanoseconds: UInt64
        package var command: String
    }
    private struct Ring {
        var entries: [Entry] = []
        var next: UInt64 = 0
    }
    package let threshold: UInt64
    private let capacity: Int
    private let ring = Lock(Ring())

    /// `threshold` in nanoseconds.
    package init(threshold: UInt64, capacity: Int) {
        self.threshold = threshold
        self.capacity = capacity
    }

    func record(_ command: String, at time: Timestamp, took nanoseconds: UInt64) {
        ring.withLock { ring in
            let entry = Entry(id: ring.next, time: time, nanoseconds: nanoseconds, command: command)
            if ring.entries.count < capacity {
                ring.entries.append(entry)
            } else {
                ring.entries[Int(ring.next % UInt64(capacity))] = entry
            }
            ring.next += 1
        }
    }

    /// Newest first.
    package func entries(_ count: Int) -> [Entry] {
        ring.withLock { Array($0.entries.sorted { $0.id > $1.id }.prefix(max(0, count))) }
    }
    package var count: Int { ring.withLock { $0.entries.count } }
    package func reset() { ring.withLock { $0.entries.removeAll() } }
}
