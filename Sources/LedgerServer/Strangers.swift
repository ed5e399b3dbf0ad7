internal import NIOCore

/// The connections of one event loop that have shown no passport, the oldest first.
struct Strangers {
    private var queue = CircularBuffer<(number: UInt64, since: NIODeadline)>()
    private var since: [UInt64: NIODeadline] = [:]

    var count: Int { since.count }

    mutating func add(_ client: Client) {
        since[client.number] = client.strangerSince
        queue.append((client.number, client.strangerSince))
    }

    /// Known now, or gone.
    mutating func remove(_ client: Client) {
        guard since.removeValue(forKey: client.number) != nil, queue.count > 2 * since.count + 64 else { return }
        queue = CircularBuffer(queue.filter { since[$0.number] == $0.since })
    }

    /// The number of the one who has waited longest.
    mutating func takeOldest() -> UInt64? {
        while let first = queue.popFirst() {
            guard since[first.number] == first.since else { continue }
            since[first.number] = nil
            return first.number
        }
        return nil
    }
}
