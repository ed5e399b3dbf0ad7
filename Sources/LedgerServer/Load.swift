internal import LedgerEngine

/// A batch for the writer, and who waits for each of its results.
///
/// Consecutive items mostly come from one client, so clients are kept once a run; a ticket is two numbers and costs no
/// reference count.
final class Load {
    struct Ticket {
        /// Index into `clients`.
        let client: Int
        /// The client's slot.
        let slot: UInt64
    }

    let batch: WorkBatch
    private(set) var clients: [Client] = []
    private(set) var tickets: [Ticket] = []

    init(_ batch: WorkBatch) { self.batch = batch }

    var count: Int { tickets.count }

    func append(_ item: WorkItem, for client: Client, slot: UInt64) {
        if clients.last !== client { clients.append(client) }
        tickets.append(Ticket(client: clients.count - 1, slot: slot))
        batch.append(item)
    }

    func recycle() {
        batch.recycle()
        clients.removeAll(keepingCapacity: true)
        tickets.removeAll(keepingCapacity: true)
    }
}
