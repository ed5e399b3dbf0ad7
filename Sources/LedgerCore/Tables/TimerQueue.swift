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
    private enum Change {
        case wrote(Int, TimerEntry)
        case appended
        case removedLast(TimerEntry)
        case compacted(ChunkedArray<TimerEntry>)
    }

    /// Every entry is at least its parent, (index − 1) / 2.
    private(set) var heap = ChunkedArray<TimerEntry>()
    private var undo = UndoLog<Change>()
    /// Where the next look of ``sweep(_:)`` falls, how many were pushed since the last one or since there was no need
    /// of one, and how many it threw out on its way through the heap.
    private var sweeping = (next: 0, pushed: 0, out: 0)

    var count: Int { heap.count }
    var first: TimerEntry? { heap.isEmpty ? nil : heap[0] }

    /// An instant that never comes is no entry. Cost: logarithmic.
    mutating func push(_ entry: TimerEntry) {
        guard entry.due != .never else { return }
        sweeping.pushed += 1
        if undo.isOpen { undo.note(.appended) }
        heap.append(entry)
        rise(entry, to: heap.count - 1)
    }

    /// The entry that is due first. Cost: logarithmic.
    mutating func pop() -> TimerEntry? {
        guard let top = first else { return nil }
        remove(at: 0)
        return top
    }

    /// Looks at two entries for each that was pushed since, and at two more, and throws out those that `isDue` does not
    /// know any more. Returns false once it has been through all of them and most were known: what there are too many
    /// of are several of one kind then, for ``compact(_:)``. Cost: logarithmic for each that goes.
    mutating func sweep(_ isDue: (TimerEntry) -> Bool) -> Bool {
        let looks = 2 * sweeping.pushed + 2
        sweeping.pushed = 0
        for _ in 0..<looks where !heap.isEmpty {
            if sweeping.next >= heap.count {
                let isOfUse = sweeping.out > heap.count / 8
                (sweeping.next, sweeping.out) = (0, 0)
                if !isOfUse { return false }
            }
            if isDue(heap[sweeping.next]) {
                sweeping.next += 1
            } else {
                remove(at: sweeping.next)
                sweeping.out += 1
            }
        }
        return true
    }

    /// There is no need of a ``sweep(_:)``: what was pushed until now gives it no looks, or the first one that is
    /// needed would go through the whole heap at once.
    mutating func needsNoSweep() { sweeping.pushed = 0 }

    /// Keeps what `isDue` still knows, each entry once. Cost: a sort of the rest; under a savepoint also a copy of all.
    mutating func compact(_ isDue: (TimerEntry) -> Bool) {
        if undo.isOpen { undo.note(.compacted(heap)) }
        let rest = heap.positions.map { heap[$0] }.filter(isDue).sorted()  // a sorted array is a heap
        heap = ChunkedArray()
        for entry in rest where heap.isEmpty || entry != heap[heap.count - 1] { heap.append(entry) }
    }

    /// The last entry goes where the one was that is removed, and from there to where it belongs.
    private mutating func remove(at index: Int) {
        let last = heap.removeLast()
        if undo.isOpen { undo.note(.removedLast(last)) }
        guard index < heap.count else { return }
        if index > 0, last < heap[(index - 1) / 2] { rise(last, to: index) } else { sink(last, from: index) }
    }

    /// Puts an entry at a place that is free, or at one above it.
    private mutating func rise(_ entry: TimerEntry, to place: Int) {
        var hole = place
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard entry < heap[parent] else { break }
            write(heap[parent], at: hole)
            hole = parent
        }
        write(entry, at: hole)
    }

    /// Puts an entry at a place that is free, or at one below it.
    private mutating func sink(_ entry: TimerEntry, from place: Int) {
        var hole = place
        while true {
            var child = 2 * hole + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < entry else { break }
            write(heap[child], at: hole)
            hole = child
        }
        write(entry, at: hole)
    }

    @inline(__always)
    private mutating func write(_ entry: TimerEntry, at index: Int) {
        if undo.isOpen { undo.note(.wrote(index, heap[index])) }
        heap[index] = entry
    }
}

extension TimerQueue: Undoable {
    mutating func openSavepoint() -> Int { undo.open() }
    mutating func closeSavepoint() { undo.close() }

    mutating func rollBack(to mark: Int) {
        while let change = undo.takeBack(to: mark) {
            switch change {
            case .wrote(let index, let entry): heap[index] = entry
            case .appended: heap.removeLast()
            case .removedLast(let entry): heap.append(entry)
            case .compacted(let entries): heap = entries
            }
        }
    }
}
