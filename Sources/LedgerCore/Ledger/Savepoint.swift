/// A moment to which everything can be taken back that was decided since: the state with all its tables and queues, the
/// batch, number and time. Savepoints nest and close in the reverse order; while none is open they cost nothing.
///
/// What cannot be taken back (a key that was destroyed, a secret that was shown) happens after durability, never here.
package struct Savepoint: ~Copyable {
    fileprivate let marks: [Int]
    fileprivate let lastLSN: LSN
    fileprivate let lastTime: Timestamp
    fileprivate let batch: EventBatch.Mark
    fileprivate let group: LSN
    fileprivate let answer: EventReference?
}

extension StateMachine {
    package mutating func openSavepoint(_ decision: borrowing Decision) -> Savepoint {
        var opening = Opening()
        store.visitTables(&opening)
        return Savepoint(
            marks: opening.marks, lastLSN: lastLSN, lastTime: lastTime, batch: decision.batch.mark,
            group: decision.group, answer: decision.answer)
    }

    /// Everything as it was. The savepoint stays open.
    package mutating func rollBack(to savepoint: borrowing Savepoint, _ decision: inout Decision) {
        var rollingBack = RollingBack(marks: savepoint.marks[...])
        store.visitTables(&rollingBack)
        (lastLSN, lastTime) = (savepoint.lastLSN, savepoint.lastTime)
        usageAtHand = UsageAtHand()
        decision.batch.cut(to: savepoint.batch)
        (decision.group, decision.answer) = (savepoint.group, savepoint.answer)
    }

    /// What was done stays.
    package mutating func closeSavepoint() {
        var closing = Closing()
        store.visitTables(&closing)
    }

    private struct Opening: TableVisitor {
        var marks: [Int] = []
        mutating func visit<Table: Undoable & ~Copyable>(_ table: inout Table) { marks.append(table.openSavepoint()) }
    }

    private struct RollingBack: TableVisitor {
        var marks: ArraySlice<Int>
        mutating func visit<Table: Undoable & ~Copyable>(_ table: inout Table) {
            table.rollBack(to: marks.removeFirst())
        }
    }

    private struct Closing: TableVisitor {
        mutating func visit<Table: Undoable & ~Copyable>(_ table: inout Table) { table.closeSavepoint() }
    }
}
