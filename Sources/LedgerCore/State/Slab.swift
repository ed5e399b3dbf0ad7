/// Rows in chunks that never move: growing a table of ten million rows copies none of them.
///
/// A slot is a row's place while it lives; freed slots are used again. Slots appear in no file and decide nothing that
/// is recorded. Unsafe pointers, made safe thus: the slab is noncopyable, so it has one owner; every access checks that
/// the slot is live; a chunk is freed only by `deinit`.
struct Slab<Row>: ~Copyable {
    private static var chunkBits: Int { 12 }
    private static var chunkRows: Int { 1 << chunkBits }
    /// The place of a slot's row within its chunk.
    private static var chunkMask: Int { chunkRows - 1 }
    private var chunks: [UnsafeMutablePointer<Row>] = []
    private var live: [UInt64] = []
    private var free: [Int32] = []
    /// Slots ever used: the bound of ``visit(_:)``.
    private var used = 0
    private(set) var count = 0

    deinit {
        for slot in 0..<used where live[slot >> 6] & 1 << UInt64(slot & 63) != 0 {
            (chunks[slot >> Self.chunkBits] + (slot & Self.chunkMask)).deinitialize(count: 1)
        }
        for chunk in chunks { chunk.deallocate() }
    }

    @inline(__always) private func isLive(_ slot: Int) -> Bool {
        slot >= 0 && slot < used && live[slot >> 6] & 1 << UInt64(slot & 63) != 0
    }

    @inline(__always) private func pointer(_ slot: Int32) -> UnsafeMutablePointer<Row> {
        precondition(isLive(Int(slot)), "a slot that holds no row")
        return chunks[Int(slot) >> Self.chunkBits] + (Int(slot) & Self.chunkMask)
    }

    subscript(slot: Int32) -> Row {
        _read { yield pointer(slot).pointee }
        _modify { yield &pointer(slot).pointee }
    }

    mutating func insert(_ row: consuming Row) -> Int32 {
        let slot: Int
        if let reused = free.popLast() {
            slot = Int(reused)
        } else {
            slot = used
            precondition(slot < Int(Int32.max), "a table is full")
            if slot & Self.chunkMask == 0 { chunks.append(.allocate(capacity: Self.chunkRows)) }
            if slot & 63 == 0 { live.append(0) }
            used += 1
        }
        (chunks[slot >> Self.chunkBits] + (slot & Self.chunkMask)).initialize(to: row)
        live[slot >> 6] |= 1 << UInt64(slot & 63)
        count += 1
        return Int32(slot)
    }

    @discardableResult
    mutating func remove(_ slot: Int32) -> Row {
        let row = pointer(slot).move()
        live[Int(slot) >> 6] &= ~(1 << UInt64(slot & 63))
        free.append(slot)
        count -= 1
        return row
    }

    /// Visits live slots in no meaningful order. Cost: all slots ever used.
    func visit(_ body: (Int32) -> Void) {
        for slot in 0..<used where isLive(slot) { body(Int32(slot)) }
    }
}

/// A place in a doubly linked list of rows; -1 ends it. Links are slots, not references.
struct Links {
    var previous: Int32 = -1
    var next: Int32 = -1
}

/// A row that hangs in its user's list.
protocol Listed {
    var links: Links { get set }
}

extension Slab where Row: Listed {
    /// Puts a row at the head: newest first.
    mutating func link(_ slot: Int32, head: inout Int32) {
        self[slot].links = Links(previous: -1, next: head)
        if head >= 0 { self[head].links.previous = slot }
        head = slot
    }

    /// Puts a row behind `before`, or at the head when that is -1.
    mutating func link(_ slot: Int32, after before: Int32, head: inout Int32) {
        guard before >= 0 else { return link(slot, head: &head) }
        let next = self[before].links.next
        self[slot].links = Links(previous: before, next: next)
        self[before].links.next = slot
        if next >= 0 { self[next].links.previous = slot }
    }

    mutating func unlink(_ slot: Int32, head: inout Int32) {
        let links = self[slot].links
        if links.previous >= 0 { self[links.previous].links.next = links.next } else { head = links.next }
        if links.next >= 0 { self[links.next].links.previous = links.previous }
    }
}
