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
        case compacted([TimerEntry])
    }

    /// Every entry is at least its parent, (index − 1) / 2.
    private(set) var heap: [TimerEntry] = []
    private var undo = UndoLog<Change>()

    var count: Int { heap.count }
    var first: TimerEntry? { heap.first }

    /// An instant that never comes is no entry. Cost: logarithmic.
    mutating func push(_ entry: TimerEntry) {
        guard entry.due != .never else { return }
        if undo.isOpen { undo.note(.appended) }
        heap.append(entry)
        var hole = heap.count - 1
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard entry < heap[parent] else { break }
            write(heap[parent], at: hole)
            hole = parent
        }
        write(entry, at: hole)
    }

    /// The entry that is due first. Cost: logarithmic.
    mutating func pop() -> TimerEntry? {
        guard let top = heap.first else { return nil }
        let last = heap.removeLast()
        if undo.isOpen { undo.note(.removedLast(last)) }
        guard !heap.isEmpty else { return top }
        var hole = 0
        while true {
            var child = 2 * hole + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
            guard heap[child] < last else { break }
            write(heap[child], at: hole)
            hole = child
        }
        write(last, at: hole)
        return top
    }

    /// Keeps what `isDue` still knows, each entry once. Cost: a sort of the rest; under a savepoint also a copy of all.
    mutating func compact(_ isDue: (TimerEntry) -> Bool) {
        if undo.isOpen { undo.note(.compacted(heap)) }
        heap.removeAll { !isDue($0) }
        heap.sort()  // a sorted array is a heap
        var kept = 0
        for index in heap.indices where index == 0 || heap[index] != heap[kept - 1] {
            heap[kept] = heap[index]
            kept += 1
        }
        heap.removeSubrange(kept...)
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
