/// The reads of the journal that wait for a reader thread. Askers take turns, whatever each of them has asked; short
/// reads, an event or two, go before long ones, a walk along a user's thread, and keep places that long ones can not
/// take. Bounded: a full one says no.
///
/// Unchecked Sendable: everything mutable is touched under the monitor only.
final class ReadQueue: @unchecked Sendable {
    struct Entry {
        let request: HistoryRequest
        let asker: Asker
        let completion: @Sendable (HistoryResult) -> Void
    }

    /// What waits, by asker, and whose turn is next.
    private struct Lane {
        private var waiting: [ObjectIdentifier: [Entry]] = [:]
        private var turns: [ObjectIdentifier] = []
        private var next = 0
        private(set) var count = 0

        mutating func append(_ entry: Entry) {
            let asker = ObjectIdentifier(entry.asker)
            if waiting[asker] == nil { turns.append(asker) }
            waiting[asker, default: []].append(entry)
            count += 1
        }

        mutating func removeFirst() -> Entry? {
            guard count > 0 else { return nil }
            let asker = turns[next]
            next += 1
            let entry = waiting[asker]!.removeFirst()
            count -= 1
            if waiting[asker]!.isEmpty { waiting[asker] = nil } else { turns.append(asker) }
            if next > 64, next * 2 > turns.count {
                turns.removeFirst(next)
                next = 0
            }
            return entry
        }
    }

    private let capacity: Int
    private let monitor = Monitor()
    private var short = Lane()
    private var long = Lane()
    private var isOpen = true

    init(capacity: Int) { self.capacity = capacity }

    func push(_ entry: Entry) -> Bool {
        monitor.withLock {
            let isLong = entry.request.isLong
            guard isOpen, short.count + long.count < capacity, !isLong || long.count < capacity * 3 / 4 else {
                return false
            }
            if isLong { long.append(entry) } else { short.append(entry) }
            monitor.wake()
            return true
        }
    }

    /// Waits for one; nil: closed and empty.
    func next(shortOnly: Bool) -> Entry? {
        monitor.withLock {
            monitor.wait { !isOpen || short.count > 0 || (!shortOnly && long.count > 0) }
            return short.removeFirst() ?? (shortOnly ? nil : long.removeFirst())
        }
    }

    /// From now on every push says no. What is inside stays to be taken.
    func close() {
        monitor.withLock {
            isOpen = false
            monitor.wake()
        }
    }
}

extension HistoryRequest {
    /// Follows a user's thread through the journal: its cost grows with the user's past.
    fileprivate var isLong: Bool {
        switch self {
        case .history, .summary, .hold: true
        case .event, .replayed, .recorded, .explain, .refund: false
        }
    }
}
