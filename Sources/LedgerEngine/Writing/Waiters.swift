internal import LedgerCore

/// What became of asking to be told of an LSN.
package enum Waiting: Sendable {
    /// It is durable already, or never will be: `completion` was called.
    case over
    /// `completion` will be called, unless the ticket is handed back before: ``Engine/cancel(_:)``.
    case until(WaitTicket)
    /// So many wait that this one may not; `completion` will not be called.
    case full
}

package struct WaitTicket: Hashable, Sendable {
    fileprivate let lsn: LSN
    fileprivate let number: UInt64
}

/// Who waits for which LSN: the latest in front, those who are due first at the end, so that a commit looks at nobody
/// but those it serves. Adding and cancelling cost a binary search and a move.
struct Waiters {
    typealias Completion = @Sendable (LSN) -> Void
    private var list: [(ticket: WaitTicket, completion: Completion)] = []
    private var next: UInt64 = 0
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    var count: Int { list.count }

    /// Nil: there is no room.
    mutating func add(_ lsn: LSN, _ completion: @escaping Completion) -> WaitTicket? {
        guard list.count < capacity else { return nil }
        let ticket = WaitTicket(lsn: lsn, number: next)
        next += 1
        list.insert((ticket, completion), at: index(of: ticket))
        return ticket
    }

    /// Takes a waiter back, if it was not served before. The result is for the caller to let go of.
    mutating func remove(_ ticket: WaitTicket) -> Completion? {
        let index = index(of: ticket)
        guard index < list.count, list[index].ticket == ticket else { return nil }
        return list.remove(at: index).completion
    }

    /// Those who waited for nothing later than `lsn`.
    mutating func takeDue(_ lsn: LSN) -> [Completion] {
        var due: [Completion] = []
        while let last = list.last, last.ticket.lsn <= lsn { due.append(list.removeLast().completion) }
        return due
    }

    mutating func takeAll() -> [Completion] {
        defer { list.removeAll() }
        return list.map(\.completion)
    }

    /// Where a ticket is, or belongs.
    private func index(of ticket: WaitTicket) -> Int {
        var (low, high) = (0, list.count)
        while low < high {
            let middle = (low + high) / 2
            let other = list[middle].ticket
            let isBefore = other.lsn != ticket.lsn ? other.lsn > ticket.lsn : other.number > ticket.number
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
