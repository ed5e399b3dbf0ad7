/// The ledger: one deterministic state machine over values. (Being built.)
package struct StateMachine: ~Copyable {
    /// The last applied event, `LSN.none` before the first.
    package private(set) var lastLSN: LSN = .none
    /// The recorded time of the last applied event.
    package private(set) var lastTime: Timestamp = .distantPast

    /// An empty ledger, waiting for its first event (`LedgerCreated`).
    package init() {}

    /// Replays one journaled event: decodes, applies, and checks it against its own after-image.
    /// The event's LSN must be `lastLSN + 1`.
    package mutating func replay(_ bytes: UnsafeRawBufferPointer) throws(StateError) {}

    /// The sum over every account of the books; zero at every LSN.
    package var booksSum: Int128 { 0 }

    /// Writes every table, in a canonical order.
    package func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {}

    /// Loads one frame of a snapshot into an empty ledger; frames come in the order they were written.
    package mutating func restore(section: UInt16, rows: Int, bytes: UnsafeRawBufferPointer) throws(StateError) {}

    /// Ends a restore: rebuilds what is derived (indexes, timers, sums) and checks it.
    package mutating func finishRestoring() throws(StateError) {}

    /// Recomputes every invariant from the rows; one sentence for each that does not hold. Cost: a pass over all state.
    package func violations() -> [String] { [] }
}
