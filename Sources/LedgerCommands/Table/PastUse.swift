/// Whether a command can be asked AT a moment that is past.
package enum PastUse: Hashable, Sendable {
    /// Of one user: put together from the user's own events.
    case user
    /// Of the whole ledger, which is loaded as it was.
    case ledger
    /// It cannot, and why.
    case no(String)

    package var isPossible: Bool {
        switch self {
        case .user, .ledger: true
        case .no: false
        }
    }
}

extension CommandSpec {
    /// Told by who answers, but for what is said here.
    package var past: PastUse {
        let ofUsers: [CommandID] = [.creditBalance, .creditHistory, .userGet, .userSummary]
        if ofUsers.contains(id) { return .user }
        if id == .info || id == .dbsize { return .ledger }
        if id == .at || id == .diff { return .no("it names its moments itself") }
        if id == .dryRun { return .no("what would come of a command is tried where the ledger is, or in a fork") }
        switch lane {
        case .view, .table, .list, .history: return .ledger
        case .write, .procedure, .program, .gate: return .no("what was recorded cannot be changed")
        case .operations: return .no("it is about the server as it is now")
        case .connection, .identity, .barrier, .following: return .no("it is about the connection, or about what comes")
        }
    }
}

extension ParsedCommand {
    /// CREDIT BALANCE of an account as it is published, not of what pays for a certain use.
    var isPlainBalance: Bool {
        if case .balance = ask { true } else { false }
    }
}
