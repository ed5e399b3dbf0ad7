internal import LedgerCommands
internal import LedgerCore

/// A connection's transaction: what it queues between MULTI and EXEC, and what it watches.
struct Transaction {
    private(set) var queued: [ParsedCommand] = []
    private(set) var isOpen = false
    /// A command could not be queued: EXEC will carry out nothing.
    private(set) var isAborted = false
    var watched: [(user: Hash128, event: LSN)] = []

    /// Commands of one transaction: what it takes of the thread that decides stays below some milliseconds.
    static let most = 1000

    mutating func begin() { (isOpen, isAborted, queued) = (true, false, []) }

    /// False: there is no room for it.
    mutating func queue(_ command: ParsedCommand) -> Bool {
        guard queued.count < Self.most else { return false }
        queued.append(command)
        return true
    }

    mutating func abort() { isAborted = isOpen }

    /// EXEC, DISCARD, RESET, or somebody else speaks from now on.
    mutating func end() { self = Transaction() }
}
