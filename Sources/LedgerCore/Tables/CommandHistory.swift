/// What idempotency keys remember: key → the event that answered it, and a hash of what was asked.
///
/// Keys are forgotten in the order in which they came, when they are older than the retention; what counts as forgotten
/// depends on recorded time alone, so it is a fold like everything else. It never forgets early: when the table is
/// full, keyed commands are refused.
///
/// The memory of what is too old is given back by and by, with each event a little: behind a quiet night, the first
/// command does not wait for millions. Forgetting moves `head`; the entries before it go a chunk at a time, and never
/// under a savepoint: a rollback finds them where they were.
package struct CommandHistory: ~Copyable {
    /// What a remembered key takes in memory: 48 bytes of its entry, and the 24 of the index's with the room that it
    /// has to spare as it grows.
    package static let bytesPerKey: UInt64 = 120
    /// More than come with one: in the end everything that is too old is forgotten.
    static let forgottenWithAnEvent = 16

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
    private(set) var queue = ChunkedArray<Entry>()
    /// The position of the first entry that was not forgotten.
    private var head = 0
    /// Scope → position.
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

    /// Of entries in memory: also of those that are too old and not forgotten yet.
    var count: Int { queue.end - head }
    /// Of the entries that are owed their answers at an instant, in the order in which they came. A position stays an
    /// entry's own. Cost: logarithmic.
    func positions(at now: Timestamp) -> Range<Int> {
        var (low, high) = (head, queue.end)
        while low < high {
            let middle = low + (high - low) / 2
            if isOwed(queue[middle], at: now) { high = middle } else { low = middle + 1 }
        }
        return low..<queue.end
    }
    /// Entries that were not dropped; entries never change.
    func captured(_ positions: Range<Int>) -> ContiguousArray<Entry> { ContiguousArray(positions.map { queue[$0] }) }

    private func isOwed(_ entry: Entry, at now: Timestamp) -> Bool { now - entry.time < retention }

    /// Whether a new key would have to push out one that is still owed its answer.
    func isFull(at now: Timestamp) -> Bool {
        UInt64(count) >= capacity && UInt64(positions(at: now).count) >= capacity
    }

    func find(_ scope: Hash128, at now: Timestamp) -> Entry? {
        guard let position = index[scope] else { return nil }
        let entry = queue[Int(position)]
        return isOwed(entry, at: now) ? entry : nil
    }

    mutating func remember(_ entry: Entry) {
        if undo.isOpen { undo.note(.remembered(index[entry.key.scope])) }
        index.set(entry.key.scope, UInt64(queue.end))
        queue.append(entry)
    }

    /// Forgets what is older than the retention at `now`: at most `limit` entries.
    mutating func forget(at now: Timestamp, limit: Int = Self.forgottenWithAnEvent) {
        var left = limit
        while left > 0, head < queue.end, !isOwed(queue[head], at: now) {
            let scope = queue[head].key.scope
            let indexed = index[scope] == UInt64(head)
            if indexed { index.remove(scope) }
            head += 1
            left -= 1
            if undo.isOpen { undo.note(.forgot(indexed: indexed)) }
        }
        dropForgotten()
    }

    /// From here on keys are owed their answers for another time. What was forgotten until now stays so.
    mutating func retain(for retention: TimeSpan, at now: Timestamp) {
        if retention != self.retention { forget(at: now, limit: .max) }
        self.retention = retention
    }

    private mutating func dropForgotten() {
        if !undo.isOpen { queue.drop(before: min(head, keptFrom)) }
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
                if indexed { index.set(queue[head].key.scope, UInt64(head)) }
            case .changed(let old): settings = old
            }
        }
    }
}
