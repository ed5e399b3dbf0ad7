internal import LedgerCore
internal import LedgerProtocol
internal import NIOCore
internal import RESP

/// The answers a client still waits for, in the order in which it asked. Answers may come in any order; they leave in
/// this one.
struct Pipeline {
    /// What must be over before the next command may begin, so that each sees exactly what came before it.
    enum Kind: UInt8 {
        /// Reads a published view or a table at its place among the writes: waits for nobody, nobody waits for it.
        case read
        /// Changes the ledger: a read of the journal waits for it.
        case write
        /// Reads the journal: a write waits for it.
        case history
        /// Both: everything waits for it.
        case exclusive
    }

    enum Detail {
        case none
        /// PASSPORT VERIFY: what the passport must be able to do.
        case permission(Permissions)
        /// INFO.
        case sections([String])
    }

    struct Slot {
        let command: CommandID
        let kind: Kind
        /// As the client spoke when it asked: HELLO in between changes only what follows.
        let version: RESPVersion
        /// The passport that asked reaches its own user only, and only the answer tells whose row this is.
        let ownRowsOnly: Bool
        /// What the answer needs to know of the request, besides what the result says.
        let detail: Detail
        /// An answer that came before its turn.
        var early: [UInt8]?
    }

    private var slots = CircularBuffer<Slot>()
    /// The number of the slot at the front; numbers grow by one and are never used again.
    private(set) var front: UInt64 = 0
    private(set) var writes = 0
    private(set) var histories = 0

    var count: Int { slots.count }
    var isEmpty: Bool { slots.isEmpty }

    /// Whether a command of this kind has to wait for what is under way.
    func mustWait(_ kind: Kind) -> Bool {
        switch kind {
        case .read: false
        case .write: histories > 0
        case .history: writes > 0
        case .exclusive: writes > 0 || histories > 0
        }
    }

    /// Whether this slot has no answer yet.
    func waits(for number: UInt64) -> Bool {
        number >= front && number < front + UInt64(slots.count) && self[number].early == nil
    }

    mutating func append(_ slot: Slot) -> UInt64 {
        if slot.kind == .write || slot.kind == .exclusive { writes += 1 }
        if slot.kind == .history || slot.kind == .exclusive { histories += 1 }
        slots.append(slot)
        return front + UInt64(slots.count - 1)
    }

    subscript(number: UInt64) -> Slot {
        slots[slots.index(slots.startIndex, offsetBy: Int(number - front))]
    }

    /// Takes the front slot out; its answer has been written.
    mutating func removeFirst() {
        let slot = slots.removeFirst()
        front += 1
        if slot.early == nil { finish(slot.kind) }
    }

    /// Keeps an answer until its turn.
    mutating func keep(_ answer: [UInt8], for number: UInt64) {
        let index = slots.index(slots.startIndex, offsetBy: Int(number - front))
        finish(slots[index].kind)
        slots[index].early = answer
    }

    /// The answer of the front slot, if it came early.
    var readyAnswer: [UInt8]? { slots.first?.early }

    private mutating func finish(_ kind: Kind) {
        if kind == .write || kind == .exclusive { writes -= 1 }
        if kind == .history || kind == .exclusive { histories -= 1 }
    }
}
