/// What idempotency keys remember: key → the event that answered it, and a hash of what was asked.
///
/// Keys are forgotten in the order in which they came, when they are older than the retention; forgetting happens while
/// events are applied and depends on recorded time alone, so it is a fold like everything else. It never forgets early:
/// when the table is full, keyed commands are refused.
///
/// Forgetting moves `head`; the entries before it go later, many at once, and never under a savepoint: a rollback finds
/// them where they were.
package struct CommandHistory: ~Copyable {
    /// What a remembered key takes in memory: 48 bytes of its entry and 24 of the index's, both with the room that
    /// growing tables have to spare. Measured as resident memory over a quarter of a million to four million keys: 92
    /// to 129, on average 109, with an index that doubled where it grows by a quarter now.
    package static let bytesPerKey: UInt64 = 120

    struct Entry: Recordable, Hashable {
        var key = IdempotencyKey(scope: .zero, arguments: 0)
        var lsn = LSN.none
        var time = Timestamp.distantPast

        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
            try c.hash(&key.scope)
            try c.fixed(&key.arguments)
            try c.lsn(&lsn)
            try c.time(&time)
        }
    }

    private enum Change {
        /// The scope stood for another position before, or for none.
        case remembered(UInt64?)
        /// The first entry; whether its scope still stood for it.
        case forgot(indexed: Bool)
        case changed(Settings)
    }

    private struct Settings {
        var retention = TimeSpan.hours(24)
        var capacity: UInt64 = 4_000_000
    }

    private var settings = Settings()
    private var queue: ContiguousArray<Entry> = []
    private var head = 0
    /// Entries that were dropped from the front of `queue`.
    private var dropped = 0
    /// Scope → position: a number in `queue`, plus `dropped`.
    private var index = HashIndex<Hash128>()
    private var undo = UndoLog<Change>()
    /// From this position on entries stay, for a capture that has not taken them.
    var keptFrom = Int.max

    init() {}

    /// How long a key is owed its answer; default 24 hours.
    var retention: TimeSpan {
        get { settings.retention }
        set {
            if undo.isOpen { undo.note(.changed(settings)) }
            settings.retention = newValue
        }
    }
    /// How many keys there may be; default 4,000,000.
    var capacity: UInt64 {
        get { settings.capacity }
        set {
            if undo.isOpen { undo.note(.changed(settings)) }
            settings.capacity = newValue
        }
    }

    var count: Int { queue.count - head }
    /// In the order in which they came.
    var entries: ContiguousArray<Entry>.SubSequence { queue[head...] }
    /// Of the same. A position stays an entry's own.
    var positions: Range<Int> { dropped + head..<dropped + queue.count }
    /// Entries that were not dropped; entries never change.
    func captured(_ positions: Range<Int>) -> ContiguousArray<Entry> {
        ContiguousArray(queue[positions.lowerBound - dropped..<positions.upperBound - dropped])
    }

    /// Whether a new key would have to push out one that is still owed. What is too old at `now` goes with the next
    /// event.
    func isFull(at now: Timestamp) -> Bool {
        UInt64(count) >= capacity && (head == queue.count || now - queue[head].time < retention)
    }

    func find(_ scope: Hash128, at now: Timestamp) -> Entry? {
        guard let position = index[scope] else { return nil }
        let entry = queue[Int(position) - dropped]
        return now - entry.time < retention ? entry : nil
    }

    mutating func remember(_ entry: Entry) {
        if undo.isOpen { undo.note(.remembered(index[entry.key.scope])) }
        index.set(entry.key.scope, UInt64(dropped + queue.count))
        queue.append(entry)
    }

    /// Drops what is older than the retention at `now`.
    mutating func forget(at now: Timestamp) {
        while head < queue.count, now - queue[head].time >= retention {
            let scope = queue[head].key.scope
            let indexed = index[scope] == UInt64(dropped + head)
            if indexed { index.remove(scope) }
            head += 1
            if undo.isOpen { undo.note(.forgot(indexed: indexed)) }
        }
        dropForgotten()
    }

    private mutating func dropForgotten() {
        guard head > 4_096, head * 2 > queue.count, !undo.isOpen, dropped + head <= keptFrom else { return }
        queue.removeFirst(head)
        dropped += head
        head = 0
    }
}

extension CommandHistory: Undoable {
    mutating func openSavepoint() -> Int { undo.open() }

    mutating func closeSavepoint() {
        undo.close()
        dropForgotten()
    }

    mutating func rollBack(to mark: Int) {
        while let change = undo.takeBack(to: mark) {
            switch change {
            case .remembered(let position):
                let scope = queue.removeLast().key.scope
                if let position { index.set(scope, position) } else { index.remove(scope) }
            case .forgot(let indexed):
                head -= 1
                if indexed { index.set(queue[head].key.scope, UInt64(dropped + head)) }
            case .changed(let old): settings = old
            }
        }
    }
}
