internal import LedgerStorage

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

    private let capacity: Int
    private let monitor = Monitor()
    private var short = Turns<Entry>()
    private var long = Turns<Entry>()
    private var isOpen = true

    init(capacity: Int) { self.capacity = capacity }

    func push(_ entry: Entry) -> Bool {
        monitor.withLock {
            let isLong = entry.request.isLong
            guard isOpen, short.count + long.count < capacity, !isLong || long.count < capacity * 3 / 4 else {
                return false
            }
            if isLong { long.append(entry, of: entry.asker) } else { short.append(entry, of: entry.asker) }
            monitor.wake()
            return true
        }
    }

    /// Waits for one; nil: closed and empty.
    func next(shortOnly: Bool) -> Entry? {
        monitor.withLock {
            monitor.wait { !isOpen || !short.isEmpty || (!shortOnly && !long.isEmpty) }
            return short.popFirst() ?? (shortOnly ? nil : long.popFirst())
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
        case .history, .summary, .past, .difference, .hold: true
        case .event, .replayed, .recorded, .explain, .refund, .refundSession: false
        case .several(let requests): requests.contains(where: \.isLong)
        }
    }
}
