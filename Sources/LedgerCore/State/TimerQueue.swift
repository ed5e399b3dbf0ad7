/// What becomes due at an instant, in the order in which it is handled there (SPEC 9).
enum TimerKind: UInt8, Comparable {
    case activation = 0
    case lotEffective = 1
    case accrual = 2
    /// A session's end, daily posting or tariff lock.
    case session = 3
    case holdExpiry = 4
    case lotExpiry = 5
    /// The end of a lease or of a grace: what there is then decides, so everything else at that instant goes first.
    case exhaustion = 6

    static func < (a: TimerKind, b: TimerKind) -> Bool { a.rawValue < b.rawValue }
}

/// One due instant. `born` is the LSN of what it is about: at one instant and kind, the older goes first.
struct TimerEntry: Comparable {
    var due: Timestamp
    var kind: TimerKind
    var born: UInt64

    static func < (a: TimerEntry, b: TimerEntry) -> Bool {
        (a.due.nanoseconds, a.kind.rawValue, a.born) < (b.due.nanoseconds, b.kind.rawValue, b.born)
    }
}

/// A binary heap of due instants. Entries are hints: a row knows when it is due, and an entry that disagrees with its
/// row is dropped when it comes up. So moving an instant costs one push, never a search, and the queue is derived state
/// that no snapshot holds.
struct TimerQueue {
    private var heap: [TimerEntry] = []

    var count: Int { heap.count }
    var first: TimerEntry? { heap.first }

    mutating func push(_ entry: TimerEntry) {
        guard entry.due != .never else { return }
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> TimerEntry? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return top }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < heap[parent] else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return top
    }

    /// Keeps what `isDue` still knows, each entry once. Cost: a sort of the rest.
    mutating func compact(_ isDue: (TimerEntry) -> Bool) {
        heap.removeAll { !isDue($0) }
        heap.sort()  // a sorted array is a heap
        var kept = 0
        for index in heap.indices where index == 0 || heap[index] != heap[kept - 1] {
            heap[kept] = heap[index]
            kept += 1
        }
        heap.removeSubrange(kept...)
    }
}
