internal import LedgerStorage
internal import Synchronization

/// Where event loops leave their batches for the writer. Bounded: a full one says no, and its sender says BUSY.
final class Mailbox: Sendable {
    private struct State {
        var batches: [WorkBatch] = []
        var isOpen = true
    }
    private let state = Lock(State())
    let capacity: Int
    private let waiting = Atomic<Int>(0)

    init(capacity: Int) { self.capacity = capacity }

    /// A hint for who must not block: batches that wait.
    var count: Int { waiting.load(ordering: .relaxed) }
    var isEmpty: Bool { count == 0 }

    func push(_ batch: WorkBatch) -> Bool {
        state.withLock { state in
            guard state.isOpen, state.batches.count < capacity else { return false }
            state.batches.append(batch)
            waiting.store(state.batches.count, ordering: .relaxed)
            return true
        }
    }

    /// Moves everything into `batches`, which is empty and keeps its memory for the next time.
    func take(into batches: inout [WorkBatch]) {
        precondition(batches.isEmpty, "batches were taken before the last ones were worked off")
        state.withLock { state in
            swap(&batches, &state.batches)
            waiting.store(0, ordering: .relaxed)
        }
    }

    /// The oldest, which stays: for the only one who takes.
    var first: WorkBatch? { isEmpty ? nil : state.withLock { $0.batches.first } }

    /// Takes the oldest alone.
    func takeFirst() -> WorkBatch? {
        guard !isEmpty else { return nil }
        return state.withLock { state in
            guard !state.batches.isEmpty else { return nil }
            let batch = state.batches.removeFirst()
            waiting.store(state.batches.count, ordering: .relaxed)
            return batch
        }
    }

    var isClosed: Bool { state.withLock { !$0.isOpen } }

    /// From now on every push says no. What is inside stays to be taken.
    func close() { state.withLock { $0.isOpen = false } }
}
