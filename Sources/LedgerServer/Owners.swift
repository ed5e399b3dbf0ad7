internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine

/// Whose the things are that requests name and answers show: what a passport of scope `own` is held against.
extension Engine {
    func owner(of target: ParsedCommand.Target) -> Authorization.Owner {
        switch target {
        case .none: .nobody
        case .user(let id): reads.user(id).map { .user($0) } ?? .unknown
        case .passport(let id): reads.passport(id).map { .user($0.user) } ?? .unknown
        case .hold, .charge, .session, .resource: .undetermined
        }
    }

    func owner(of result: QueryResult) -> Authorization.Owner {
        if case .session(let row) = result { return .user(row.user) }
        if case .hold(let row) = result { return reads.user(names.user(row.userID)).map { .user($0) } ?? .unknown }
        if case .rejected = result { return .unknown }
        return .undetermined
    }
}

extension Answer {
    var authorizationOwner: Authorization.Owner {
        switch owner {
        case .user(let user): .user(user)
        case .unknown: .unknown
        case .nobody: .undetermined
        }
    }
}
