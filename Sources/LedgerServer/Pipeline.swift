internal import LedgerCommands
internal import LedgerCore
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
        /// A write whose effect is not in the writer's queue when it begins (it reads the journal or examines a rule
        /// first), or that waits for others: begins when nothing is under way, and everything waits for it.
        case exclusive
        /// A write that changes what is asked before a command gets to the writer, such as what its own connection may
        /// do: everything waits for it, to be asked again then.
        case gate
        /// Several commands as one: begins behind writes and behind others of its kind, which are decided in their
        /// order (``ProgramQueue``). All else waits for it.
        case program
        /// Begins when nothing at all is under way, and everything waits for it.
        case alone
    }

    enum Detail {
        case none
        /// PASSPORT VERIFY: what the passport must be able to do.
        case permission(Permissions)
        /// INFO.
        case sections([String])
        /// The hold that it is about.
        case hold(HoldID)
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
        /// What the answer may take, in bytes; for what takes time rather than room, an equivalent. See
        /// ``Pipeline/reserved``.
        var share = 0
        /// An answer that came before its turn.
        var early: Early?
    }

    enum Early {
        case bytes([UInt8])
        case reference(AnswerQueue.Reference)

        var count: Int {
            switch self {
            case .bytes(let bytes): bytes.count
            case .reference: 0
            }
        }
    }

    private var slots = CircularBuffer<Slot>()
    /// The number of the slot at the front; numbers grow by one and are never used again.
    private(set) var front: UInt64 = 0
    private(set) var writes = 0
    private(set) var histories = 0
    /// Exclusive ones and programs count as well.
    private var gates = 0
    private var programs = 0
    /// Bytes of answers that wait for their turn.
    private(set) var keptBytes = 0
    /// The sum of the shares of what is under way.
    private(set) var reserved = 0

    /// Nothing under way. Making one allocates.
    static let empty = Pipeline()

    var count: Int { slots.count }
    /// How the client spoke when it asked for what is next.
    var nextVersion: RESPVersion? { slots.first?.version }
    /// What is under way may need, and what came early takes.
    var needed: Int { keptBytes + reserved }
    var isEmpty: Bool { slots.isEmpty }

    /// Whether a command of this kind has to wait for what is under way.
    func mustWait(_ kind: Kind) -> Bool {
        if gates > (kind == .program ? programs : 0) { return true }
        switch kind {
        case .read: return false
        case .program: return histories > 0
        case .write, .gate: return histories > 0
        case .history: return writes > 0
        case .exclusive: return writes > 0 || histories > 0
        case .alone: return !slots.isEmpty
        }
    }

    mutating func append(_ slot: Slot) -> UInt64 {
        count(slot, 1)
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
        if let early = slot.early { keptBytes -= early.count } else { count(slot, -1) }
    }

    /// Keeps an answer until its turn.
    mutating func keep(_ answer: Early, for number: UInt64) {
        let index = slots.index(slots.startIndex, offsetBy: Int(number - front))
        count(slots[index], -1)
        slots[index].early = answer
        keptBytes += answer.count
    }

    /// Whether a command that took a place has been answered, be it before its turn.
    func isAnswered(_ number: UInt64) -> Bool { number < front || self[number].early != nil }

    /// The answer of the front slot, if it came early.
    var readyAnswer: Early? { slots.first?.early }

    private mutating func count(_ slot: Slot, _ change: Int) {
        switch slot.kind {
        case .read: break
        case .write: writes += change
        case .history: histories += change
        case .exclusive, .alone:
            writes += change
            histories += change
            gates += change
        case .gate:
            writes += change
            gates += change
        case .program:
            writes += change
            gates += change
            programs += change
        }
        reserved += change * slot.share
    }
}
