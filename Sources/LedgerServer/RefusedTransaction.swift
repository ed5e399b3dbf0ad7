internal import LedgerCommands

/// MULTI is refused in this version, and which commands belong to the refused transaction is seen from when they come.
///
/// A client that waits for the answer to MULTI (redis-cli, phpredis) reads the error and goes on as before. A client
/// that sends MULTI, the commands and EXEC at once (redis-py's default pipeline) has sent them all before it can know,
/// and takes the error for word that nothing of it was done. So the error is held back for a moment: what comes before
/// the error has left was sent without knowing it, and is passed over up to EXEC or DISCARD, in however many packets it
/// comes. If nothing comes, the error leaves, and whatever comes later was sent by somebody who could know.
enum RefusedTransaction: Equatable {
    case none
    /// The error to MULTI, the answer of this slot, has not left.
    case heldBack(slot: UInt64, CommandError)
    /// More came behind MULTI: none of it is run until the transaction ends.
    case passingOver

    /// Asked for every request: `!=` would look its own meaning up each time.
    var isOpen: Bool {
        if case .none = self { return false }
        return true
    }

    /// MULTI was refused in this slot.
    mutating func refused(slot: UInt64, _ error: CommandError) { self = .heldBack(slot: slot, error) }

    /// A request came. Before it is looked at, the error to MULTI has to leave; nil: it has.
    mutating func requestCame() -> (slot: UInt64, error: CommandError)? {
        guard case .heldBack(let slot, let error) = self else { return nil }
        self = .passingOver
        return (slot, error)
    }

    /// Nothing came for a while: the error leaves, and the connection is as it was. Nil: something came.
    mutating func nothingCame(slot: UInt64) -> CommandError? {
        guard case .heldBack(slot, let error) = self else { return nil }
        self = .none
        return error
    }

    /// EXEC, DISCARD, or somebody else speaks from now on.
    mutating func end() { self = .none }
}
