internal import LedgerStorage

/// What waits for threads that answer requests, each with the closure that gets its answer. Bounded: a full one says
/// no.
final class RequestQueue<Request: Sendable, Answer: Sendable>: @unchecked Sendable {
    // `entries` and `isOpen` are touched under the monitor only.
    typealias Entry = (request: Request, completion: @Sendable (Answer) -> Void)
    private let capacity: Int
    private let monitor = Monitor()
    private var entries: [Entry] = []
    private var isOpen = true

    init(capacity: Int) { self.capacity = capacity }

    func push(_ request: Request, _ completion: @escaping @Sendable (Answer) -> Void) -> Bool {
        monitor.withLock {
            guard isOpen, entries.count < capacity else { return false }
            entries.append((request, completion))
            monitor.wake()
            return true
        }
    }

    /// nil: closed and empty.
    func next() -> Entry? {
        monitor.withLock {
            monitor.wait { !isOpen || !entries.isEmpty }
            return entries.isEmpty ? nil : entries.removeFirst()
        }
    }

    /// From now on every push says no. What is inside stays to be answered.
    func close() {
        monitor.withLock {
            isOpen = false
            monitor.wake()
        }
    }
}
