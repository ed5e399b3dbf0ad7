/// What can be taken back to a mark. Nothing is logged, and nothing costs, while no savepoint is open.
///
/// A table does not copy itself when a savepoint opens: it notes what each change did away with, and takes the notes
/// back newest first. So an open savepoint costs what was changed under it, never what there is. The notes are exact
/// where a difference could be seen: freed slots are handed out again in the same order, entries of a heap stand where
/// they stood. What nobody can see (the room that an array has to spare, where in a hash table an entry lies) may
/// differ.
///
/// Savepoints nest, and close in the reverse of the order in which they opened. Taking back to an outer mark voids the
/// marks of inner savepoints that are still open; they are still to be closed.
protocol Undoable: ~Copyable {
    /// Returns the mark that ``rollBack(to:)`` takes.
    mutating func openSavepoint() -> Int
    /// Restores the state at the mark. The savepoint stays open, so a second try can be taken back as well.
    mutating func rollBack(to mark: Int)
    /// Ends the innermost savepoint and keeps what was done under it. Notes go when the outermost one ends.
    mutating func closeSavepoint()
}

/// The notes of one table. A mark is a number of notes.
struct UndoLog<Change> {
    private var changes: ContiguousArray<Change> = []
    private var depth = 0

    /// The one branch that a write pays for while no savepoint is open.
    @inline(__always) var isOpen: Bool { depth > 0 }

    mutating func open() -> Int {
        depth += 1
        return changes.count
    }

    mutating func note(_ change: consuming Change) { changes.append(change) }

    /// The newest change above the mark, for its table to take back; nil when the state is that of the mark.
    mutating func takeBack(to mark: Int) -> Change? {
        precondition(depth > 0 && mark >= 0 && mark <= changes.count, "a mark of no open savepoint")
        return changes.count > mark ? changes.removeLast() : nil
    }

    mutating func close() {
        precondition(depth > 0, "no savepoint is open")
        depth -= 1
        if depth == 0 { changes.removeAll(keepingCapacity: changes.capacity <= Self.capacityToKeep) }
    }

    /// So much room stays for the next savepoint, four megabytes: what a group that fits in a batch needs. More is
    /// given back.
    private static var capacityToKeep: Int { (4 << 20) / max(1, MemoryLayout<Change>.stride) }
}

/// A small value (a list of rules, the limits) that keeps a copy for each open savepoint: `@Saved var rules: [Rule]`.
/// An array among them is shared with its copy until one of the two changes.
@propertyWrapper
struct Saved<Value>: Undoable {
    var wrappedValue: Value
    private var copies: [Value] = []

    init(wrappedValue: Value) { self.wrappedValue = wrappedValue }

    mutating func openSavepoint() -> Int {
        copies.append(wrappedValue)
        return copies.count - 1
    }

    mutating func rollBack(to mark: Int) {
        precondition(copies.indices.contains(mark), "a mark of no open savepoint")
        wrappedValue = copies[mark]
    }

    mutating func closeSavepoint() {
        precondition(!copies.isEmpty, "no savepoint is open")
        copies.removeLast()
    }
}
