/// What idempotency keys remember: key → the event that answered it, and a hash of what was asked.
///
/// Keys are forgotten in the order in which they came, when they are older than the retention; forgetting happens while
/// events are applied and depends on recorded time alone, so it is a fold like everything else. It never forgets early:
/// when the table is full, keyed commands are refused.
package struct CommandHistory: ~Copyable {
    /// What a remembered key takes in memory: 48 bytes of its entry and 24 of the index's, both with the room that
    /// growing tables have to spare. Measured as resident memory over a quarter of a million to four million keys: 92
    /// to 129, on average 109.
    package static let bytesPerKey: UInt64 = 120

    struct Entry: Recordable {
        var key = IdempotencyKey(scope: .zero, arguments: .zero)
        var lsn = LSN.none
        var time = Timestamp.distantPast

        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
            try c.hash(&key.scope)
            try c.hash(&key.arguments)
            try c.lsn(&lsn)
            try c.time(&time)
        }
    }

    var retention = TimeSpan.hours(24)
    var capacity: UInt64 = 4_000_000
    private var queue: ContiguousArray<Entry> = []
    private var head = 0
    /// Entries that were dropped from the front of `queue` for good.
    private var dropped = 0
    private var index = HashIndex<Hash128>()

    var count: Int { queue.count - head }
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
        index.set(entry.key.scope, UInt64(dropped + queue.count))
        queue.append(entry)
    }

    /// Drops what is older than the retention at `now`.
    mutating func forget(at now: Timestamp) {
        while head < queue.count, now - queue[head].time >= retention {
            if index[queue[head].key.scope] == UInt64(dropped + head) { index.remove(queue[head].key.scope) }
            head += 1
        }
        if head > 4096, head * 2 > queue.count {
            queue.removeFirst(head)
            dropped += head
            head = 0
        }
    }

    /// In the order in which they came.
    func visit(_ body: (Entry) -> Void) {
        for position in head..<queue.count { body(queue[position]) }
    }
}
