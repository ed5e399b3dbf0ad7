internal import LedgerCommands
package import Synchronization

/// What the edge counts for INFO. Shared by all event loops, so every word is an atomic; commands are added once per
/// turn, not one by one.
package final class ServerCounters: Sendable {
    package let clients = Atomic<Int>(0)
    package let clientsOpened = Atomic<UInt64>(0)
    package let clientsRefused = Atomic<UInt64>(0)
    package let clientsDropped = Atomic<UInt64>(0)
    package let commands = Atomic<UInt64>(0)
    package let errors = Atomic<UInt64>(0)
    package let authFailures = Atomic<UInt64>(0)
    /// Requests by command that were refused before the ledger saw them: malformed, or not allowed.
    let rejected = Mutex<[CommandID: UInt64]>([:])
    package let bytesIn = Atomic<UInt64>(0)
    package let bytesOut = Atomic<UInt64>(0)
    /// Bytes that answers take which their clients have not taken, and what is queued for EXEC.
    package let answersWaiting = Atomic<Int>(0)
    package let commandsBusy = Atomic<UInt64>(0)
    /// The port that was bound; 0 in a process that serves nobody.
    package let port = Atomic<Int>(0)

    package init() {}
}
