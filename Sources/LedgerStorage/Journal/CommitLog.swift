package import LedgerCore

// The log, as a seam
// ==================
//
// Between what decides and what remembers lies one narrow place: units of decided events go in, in order, and some time
// later they are durable. What durable means is the log's business. The local journal writes and syncs before `append`
// returns. A replicated log would hand the unit to its peers, return, and say later that enough of them have it;
// several units may be on their way then.
//
//      committer ── append(unit) ──►  log
//                ◄── look ──────────       durable, room or fault has changed by itself: look at it again
//
// Nobody is answered, and nothing is shown, before `durable` has reached the last event of a unit, whichever log it is.

/// Where decided events become durable. `Journal` is the one on this machine.
package protocol CommitLog: AnyObject, Sendable {
    /// How many batches of the largest size it is certain to take. Who decides asks before, and takes off what is
    /// on its way here; a unit beyond it may be refused with `.noRoom`, which is final like any other fault.
    var room: Int { get }

    /// Takes a unit: the next after the one before. One thread at a time calls it. When it returns, the unit's bytes
    /// are not needed any more; the events may be durable by then, or later. An error is final.
    func append(_ unit: LogUnit) throws(StorageError)

    /// The last event that nobody can lose any more. Never goes back. Any thread.
    var durable: LSN { get }

    /// Why it takes nothing any more. What had been taken and is not durable has an unknown outcome. Asked by the
    /// thread that appends.
    var fault: StorageError? { get }

    /// Between two units, when all are durable: the ledger was alive at `time`. An error is final.
    func noteAlive(at time: Timestamp) throws(StorageError)

    /// `look` is to be called, on any thread and not inside of `append`, whenever `durable`, `room` or `fault` has
    /// changed otherwise than by a call from here. A call too many does no harm. Set once, before the first unit.
    func onChange(_ look: @escaping @Sendable () -> Void)
}

/// What one call hands to a log: whole groups of events, decided together, answered together.
package struct LogUnit {
    /// How much of a unit belongs to the groups up to one.
    package struct Border: Equatable, Sendable {
        package var events: Int
        package var bytes: Int

        package init(events: Int, bytes: Int) {
            self.events = events
            self.bytes = bytes
        }
    }

    /// `[length, 4 bytes][event]…`, as in a batch. Valid during the call.
    package var payload: UnsafeRawBufferPointer
    /// Behind each group, the last one at the end. A group is never divided; each takes at most
    /// ``JournalFormat/maximumGroupBytes``.
    package var borders: [Border]
    /// Event i is LSN `firstLSN` + i, recorded at `baseTime` + i ns.
    package var firstLSN: LSN
    package var baseTime: Timestamp
    /// Over every account of the books after it: zero.
    package var booksSum: Int128

    package init(
        payload: UnsafeRawBufferPointer, borders: [Border], firstLSN: LSN, baseTime: Timestamp, booksSum: Int128
    ) {
        precondition(borders.last?.bytes == payload.count, "a unit ends with events that are in no group")
        self.payload = payload
        self.borders = borders
        self.firstLSN = firstLSN
        self.baseTime = baseTime
        self.booksSum = booksSum
    }
}

extension Journal: CommitLog {
    package var room: Int { batchesOfRoom }
    package var durable: LSN { durableLSN }
    package var fault: StorageError? { writer.fault }
    package func append(_ unit: LogUnit) throws(StorageError) { try writer.append(unit) }
    package func noteAlive(at time: Timestamp) throws(StorageError) { try writer.writeClosing(time: time) }

    /// Only `maintain` changes anything by itself, and its caller knows.
    package func onChange(_ look: @escaping @Sendable () -> Void) {}
}
