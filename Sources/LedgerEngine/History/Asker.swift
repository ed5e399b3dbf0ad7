internal import Synchronization

/// Who asks for reads of the journal: takes turns with the others, and may go before it is answered. Any thread.
package final class Asker: Sendable {
    private let gone = Atomic<Bool>(false)

    package init() {}

    var isGone: Bool { gone.load(ordering: .relaxed) }

    /// Nobody waits for its answers any more: what is queued for it is not begun, what is under way is given up.
    package func leave() { gone.store(true, ordering: .relaxed) }
}
