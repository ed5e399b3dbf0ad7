internal import CIntrinsics

/// A row's place in its table while it lives. Freed slots are used again; slots appear in no file and decide nothing
/// that is recorded.
struct Slot<Row>: Hashable, Sendable {
    var index: Int32
    /// No row: the end of a list.
    static var none: Slot { Slot(index: -1) }
    var isNone: Bool { index < 0 }
}

/// Rows in chunks that never move: growing a table of ten million rows copies none of them.
///
/// Slots are counted from 0 on; a freed slot is handed out before a new one, the last freed first. So in a table that
/// never removes a row, the n-th row has slot n − 1.
///
/// Unsafe pointers, made safe thus: the slab is noncopyable, so it has one owner; every access checks that the slot is
/// live; a chunk is freed only by `deinit`. The sequences of a slab (``slots``, ``list(from:)``) do not borrow it, so
/// that rows may be changed, inserted and removed on the way; they must not outlive it.
struct Slab<Row>: ~Copyable {
    private enum Change {
        case wrote(Slot<Row>, Row)
        case inserted(Slot<Row>, reused: Bool)
        case removed(Slot<Row>, Row)
    }

    private var directory = SlabDirectory<Row>()
    /// The same directory at an address that sequences can keep: they see chunks that came after them.
    private let shared: UnsafeMutablePointer<SlabDirectory<Row>>
    /// Handed out next, the last one first.
    private(set) var free: [Slot<Row>] = []
    /// Memory for the next chunks, see ``take(_:)``.
    private var room: [SlabChunk<Row>] = []
    /// Slots ever used.
    private var used = 0
    private(set) var count = 0
    private var undo = UndoLog<Change>()
    /// While a capture is under way.
    private var preimages: Preimages<Row>?
    /// A savepoint is open, or a capture under way: the one branch that a write pays for otherwise.
    private var isWatched = false
    /// What the newest note wrote or inserted, since the last savepoint opened: it need not be noted again.
    private var noted = Slot<Row>.none

    init() {
        shared = .allocate(capacity: 1)
        shared.initialize(to: directory)
    }

    deinit {
        for slot in slots { directory.live(slot).deinitialize(count: 1) }
        directory.deallocate()
        shared.deallocate()
        for chunk in room { chunk.deallocate() }
    }

    /// Before it makes chunks of its own, it uses this memory.
    mutating func take(_ ready: SlabRoom<Row>?) { if let ready { room += ready.takeAll() } }

    /// By its address: a row is large, and a look at one field of it is to copy no more than that.
    subscript(slot: Slot<Row>) -> Row {
        @inline(__always) unsafeAddress { UnsafePointer(directory.live(slot)) }
        @inline(__always) unsafeMutableAddress {
            let row = directory.live(slot)
            if isWatched { watch(slot, row) }
            return row
        }
    }

    func isLive(_ slot: Slot<Row>) -> Bool { directory.isLive(slot) }

    /// Asks the processor for a row that is there.
    @inline(__always)
    func prefetch(_ slot: Slot<Row>) {
        let row = UnsafeRawPointer(directory.live(slot))
        for line in stride(from: 0, to: MemoryLayout<Row>.stride, by: 64) { florin_prefetch(row + line) }
    }

    /// Traps when there are 2³¹ − 1 rows.
    mutating func insert(_ row: consuming Row) -> Slot<Row> {
        let slot: Slot<Row>
        let reused: Bool
        if let freed = free.popLast() {
            (slot, reused) = (freed, true)
        } else {
            precondition(used < Int(Int32.max), "a table is full")
            (slot, reused) = (Slot(index: Int32(used)), false)
            if !directory.holds(slot) {
                directory.add(room.popLast() ?? SlabChunk())
                shared.pointee = directory
            }
            used += 1
        }
        directory.fill(slot, with: row)
        count += 1
        if undo.isOpen {
            undo.note(.inserted(slot, reused: reused))
            noted = slot
        }
        return slot
    }

    @discardableResult
    mutating func remove(_ slot: Slot<Row>) -> Row {
        preimages?.keep(slot, directory.live(slot))
        let row = directory.empty(slot)
        free.append(slot)
        count -= 1
        if undo.isOpen {
            undo.note(.removed(slot, row))
            noted = .none
        }
        return row
    }

    /// Live slots in no meaningful order. Rows may be removed on the way; a row that is inserted on the way may appear
    /// or not. Cost: a bit for each slot ever used.
    var slots: SlabSlots<Row> { SlabSlots(directory: shared) }

    @inline(never)
    private mutating func watch(_ slot: Slot<Row>, _ row: UnsafeMutablePointer<Row>) {
        preimages?.keep(slot, row)
        guard undo.isOpen, slot != noted else { return }
        undo.note(.wrote(slot, row.pointee))
        noted = slot
    }

    // MARK: Capturing

    /// From here on ``captured(_:)`` finds rows as they are now, whatever happens to them. `place` says where the
    /// capture passes a row; see ``passed(through:)``. No savepoint is open.
    mutating func beginCapture(place: @escaping (Slot<Row>, Row) -> UInt32) {
        precondition(!undo.isOpen && preimages == nil, "a capture cannot begin now")
        preimages = Preimages(place: place)
        isWatched = true
    }

    /// A row as it was when the capture began, once; as it is, while none is under way.
    func captured(_ slot: Slot<Row>) -> Row { preimages?.take(slot) ?? self[slot] }

    /// The capture has taken everything before this place.
    func passed(through place: UInt32) { preimages?.frontier = place }

    /// Nothing is kept any more; what was is handed out.
    mutating func endCapture() -> Preimages<Row>? {
        defer { preimages = nil }
        isWatched = undo.isOpen
        return preimages
    }

    /// Rows kept for a capture.
    var keptCount: Int { preimages?.count ?? 0 }
}

extension Slab: Undoable {
    mutating func openSavepoint() -> Int {
        noted = .none
        isWatched = true
        return undo.open()
    }

    mutating func closeSavepoint() {
        undo.close()
        isWatched = undo.isOpen || preimages != nil
    }

    mutating func rollBack(to mark: Int) {
        noted = .none
        while let change = undo.takeBack(to: mark) {
            switch change {
            case .wrote(let slot, let row): directory.live(slot).pointee = row
            case .inserted(let slot, let reused):
                _ = directory.empty(slot)
                count -= 1
                if reused { free.append(slot) } else { used -= 1 }
            case .removed(let slot, let row):
                let freed = free.removeLast()
                precondition(freed == slot, "the list of free slots is not what it was")
                directory.fill(slot, with: row)
                count += 1
            }
        }
    }
}

// MARK: - Lists

/// A place in a doubly linked list of rows. Links are slots, not references.
struct Links<Row>: Hashable, Sendable {
    var previous = Slot<Row>.none
    var next = Slot<Row>.none
}

/// A row that hangs in its user's list.
protocol Listed {
    var links: Links<Self> { get set }
}

extension Slab where Row: Listed {
    /// Puts a row at the head: newest first.
    mutating func link(_ slot: Slot<Row>, head: inout Slot<Row>) {
        self[slot].links = Links(next: head)
        if !head.isNone { self[head].links.previous = slot }
        head = slot
    }

    /// Puts a row behind `before`, or at the head when that is none.
    mutating func link(_ slot: Slot<Row>, after before: Slot<Row>, head: inout Slot<Row>) {
        guard !before.isNone else { return link(slot, head: &head) }
        let next = self[before].links.next
        self[slot].links = Links(previous: before, next: next)
        self[before].links.next = slot
        if !next.isNone { self[next].links.previous = slot }
    }

    /// Takes a row out of its list. Its own links stay as they were.
    mutating func unlink(_ slot: Slot<Row>, head: inout Slot<Row>) {
        let links = self[slot].links
        if links.previous.isNone { head = links.next } else { self[links.previous].links.next = links.next }
        if !links.next.isNone { self[links.next].links.previous = links.previous }
    }

    /// The list that starts at `head`, without an allocation or a reference count. The next link is read before a slot
    /// is given out, so the row that was given out may be unlinked and removed; no other row of the list may.
    func list(from head: Slot<Row>) -> SlabList<Row> { SlabList(directory: shared, following: head) }
}

struct SlabList<Row: Listed>: Sequence, IteratorProtocol {
    fileprivate let directory: UnsafeMutablePointer<SlabDirectory<Row>>
    fileprivate var following: Slot<Row>

    @inline(__always)
    mutating func next() -> Slot<Row>? {
        guard !following.isNone else { return nil }
        let slot = following
        following = directory.pointee.live(slot).pointee.links.next
        return slot
    }
}

struct SlabSlots<Row>: Sequence, IteratorProtocol {
    fileprivate let directory: UnsafeMutablePointer<SlabDirectory<Row>>
    fileprivate var position = 0

    fileprivate init(directory: UnsafeMutablePointer<SlabDirectory<Row>>) { self.directory = directory }

    mutating func next() -> Slot<Row>? {
        guard let slot = directory.pointee.firstLive(from: position) else { return nil }
        position = Int(slot.index) + 1
        return slot
    }
}

// MARK: - Memory

/// Where the chunks of a slab are. Two tables of pointers and nothing that is counted, so that a sequence reads it
/// without touching a reference count. It grows by doubling; what it points to stays where it is.
private struct SlabDirectory<Row> {
    private static var chunkBits: Int { 12 }
    private static var chunkMask: Int { SlabChunk<Row>.rowCount - 1 }

    private var chunks = UnsafeMutablePointer<SlabChunk<Row>>.allocate(capacity: 4)
    private var capacity = 4
    private var count = 0

    /// Whether there is room for a slot's row.
    @inline(__always)
    func holds(_ slot: Slot<Row>) -> Bool { slot.index >= 0 && Int(slot.index) >> Self.chunkBits < count }

    @inline(__always)
    func isLive(_ slot: Slot<Row>) -> Bool {
        guard holds(slot) else { return false }
        let place = Int(slot.index) & Self.chunkMask
        return chunks[Int(slot.index) >> Self.chunkBits].live[place >> 6] & 1 << UInt64(place & 63) != 0
    }

    @inline(__always)
    func live(_ slot: Slot<Row>) -> UnsafeMutablePointer<Row> {
        precondition(isLive(slot), "a slot that holds no row")
        return chunks[Int(slot.index) >> Self.chunkBits].rows + (Int(slot.index) & Self.chunkMask)
    }

    func fill(_ slot: Slot<Row>, with row: consuming Row) {
        let (chunk, place) = (chunks[Int(slot.index) >> Self.chunkBits], Int(slot.index) & Self.chunkMask)
        (chunk.rows + place).initialize(to: row)
        chunk.live[place >> 6] |= 1 << UInt64(place & 63)
    }

    func empty(_ slot: Slot<Row>) -> Row {
        let row = live(slot).move()
        let place = Int(slot.index) & Self.chunkMask
        chunks[Int(slot.index) >> Self.chunkBits].live[place >> 6] &= ~(1 << UInt64(place & 63))
        return row
    }

    func firstLive(from start: Int) -> Slot<Row>? {
        var position = start
        while position >> Self.chunkBits < count {
            let place = position & Self.chunkMask
            let word = chunks[position >> Self.chunkBits].live[place >> 6] >> UInt64(place & 63)
            if word != 0 { return Slot(index: Int32(position + word.trailingZeroBitCount)) }
            position = (position | 63) + 1
        }
        return nil
    }

    mutating func add(_ chunk: SlabChunk<Row>) {
        if count == capacity {
            let larger = UnsafeMutablePointer<SlabChunk<Row>>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: chunks, count: count)
            chunks.deallocate()
            (chunks, capacity) = (larger, capacity * 2)
        }
        (chunks + count).initialize(to: chunk)
        count += 1
    }

    /// The rows are gone already.
    func deallocate() {
        for index in 0..<count { chunks[index].deallocate() }
        chunks.deallocate()
    }
}

/// Memory for some thousand rows, and which of them are there.
private struct SlabChunk<Row> {
    static var rowCount: Int { 4096 }

    let rows: UnsafeMutablePointer<Row>
    /// A bit for each row: whether it is there.
    let live: UnsafeMutablePointer<UInt64>

    init() {
        rows = .allocate(capacity: Self.rowCount)
        let words = Self.rowCount / 64
        live = .allocate(capacity: words)
        live.initialize(repeating: 0, count: words)
    }

    /// The rows are gone already.
    func deallocate() {
        rows.deallocate()
        live.deallocate()
    }
}

/// Memory for the chunks of a slab that is going to be filled: whoever makes it has the system clear its pages, which
/// takes longer than filling them, and need not be the thread that fills.
///
/// Unchecked Sendable: one thread makes it, and hands it over before another takes what is in it.
final class SlabRoom<Row>: @unchecked Sendable {
    private var chunks: [SlabChunk<Row>] = []

    /// For as many of these rows as fill whole chunks, so that none of it is left when all of them are there.
    init(rows: Int) {
        for _ in 0..<rows / SlabChunk<Row>.rowCount {
            let chunk = SlabChunk<Row>()
            florin_populate(chunk.rows, SlabChunk<Row>.rowCount * MemoryLayout<Row>.stride)
            chunks.append(chunk)
        }
    }

    deinit { for chunk in chunks { chunk.deallocate() } }

    fileprivate func takeAll() -> [SlabChunk<Row>] {
        defer { chunks = [] }
        return chunks
    }
}
