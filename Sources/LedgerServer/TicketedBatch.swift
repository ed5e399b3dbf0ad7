internal import LedgerCore
internal import LedgerEngine

/// A batch for the writer, and who waits for each of its results.
///
/// Consecutive items mostly come from one client, so clients are kept once a run; a ticket is two numbers and costs no
/// reference count.
final class TicketedBatch {
    struct Ticket {
        /// Index into `clients`.
        let client: Int
        /// The client's slot.
        let slot: UInt64
        /// What goes on with the result of a query, where it is not the answer.
        let then: Continuation?
    }
    typealias Continuation = (Dispatcher, Client, UInt64, QueryResult) -> Void

    let work: WorkBatch
    private(set) var clients: [Client] = []
    private(set) var tickets: [Ticket] = []

    init(_ work: WorkBatch) { self.work = work }

    var count: Int { tickets.count }
    subscript(index: Int) -> (Ticket, Client) { (tickets[index], clients[tickets[index].client]) }

    func append(
        _ item: WorkItem, by actor: PassportOrdinal, key: IdempotencyKey?, labels: Labels = .none, for client: Client,
        slot: UInt64, then: Continuation? = nil
    ) {
        if clients.last !== client { clients.append(client) }
        tickets.append(Ticket(client: clients.count - 1, slot: slot, then: then))
        work.append(item, by: actor, key: key, labels: labels)
    }

    func recycle() {
        work.recycle()
        clients.removeAll(keepingCapacity: true)
        tickets.removeAll(keepingCapacity: true)
    }
}
