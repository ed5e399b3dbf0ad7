package import LedgerCore

/// May this passport ask this? Deny unless a line below says yes.
///
/// A passport's permissions stand side by side, none contains another. Scope `own` reaches its own user's data, and
/// only to read it; everything that moves money, meters, or changes the ledger needs scope `all`. The type `admin` of a
/// *user* gives no permission at all.
package enum Authorization {
    /// What a passport may do, as the check needs it.
    package struct Rights: Hashable, Sendable {
        package var permissions: Permissions
        package var scope: Scope
        package var user: UserOrdinal
        /// Whether a command that changes money must carry a KEY: by a setting of the server, or by the passport.
        package var requiresKeys: Bool

        package init(permissions: Permissions, scope: Scope, user: UserOrdinal, requiresKeys: Bool = false) {
            self.permissions = permissions
            self.scope = scope
            self.user = user
            self.requiresKeys = requiresKeys
        }
    }

    /// Whose data a request is about.
    package enum Owner: Hashable, Sendable {
        /// Nobody's, or everybody's.
        case nobody
        case user(UserOrdinal)
        /// What it names does not exist. To scope `own` that is as forbidden as what belongs to somebody else.
        case unknown
        /// To be found out by reading: ask again then, with the answer in hand and before it is sent.
        case undetermined
    }

    /// Why not, or nil. `rights` is nil before AUTH. The passport must be good (not revoked, not expired): that is for
    /// the caller to check, each time.
    package static func refusal(_ id: CommandID, _ rights: Rights?, owner: Owner) -> CommandError? {
        let access = CommandTable.access(id)
        if access == .open { return nil }
        guard let rights else { return .noPassport }
        switch access {
        // Of the command that stands inside of it: see below.
        case .open, .anyPassport, .sections, .ofCommand: return nil
        case .monitor: return maySeeAll(rights) ? nil : missing(.monitor, id)
        case .read:
            guard rights.permissions.contains(.read) else { return missing(.read, id) }
            if rights.scope == .all { return nil }
            switch owner {
            case .user(let user): return user == rights.user ? nil : elsewhere(id)
            case .unknown: return elsewhere(id)
            case .nobody, .undetermined: return nil
            }
        case .readOwn:
            guard rights.permissions.contains(.read) else { return missing(.read, id) }
            if rights.scope == .all { return nil }
            switch owner {
            case .user(let user): return user == rights.user && user != .none ? nil : elsewhere(id)
            case .undetermined: return nil
            case .nobody:
                return .denied("\(CommandTable.spec(id).name): with scope own, name the passport's user (USER u)")
            case .unknown: return elsewhere(id)
            }
        case .readAll: return needs(.read, rights, id)
        case .writeAll: return needs(.write, rights, id)
        case .billingAll: return needs(.billing, rights, id)
        case .adminAll: return needs(.admin, rights, id)
        }
    }

    /// The part that needs no arguments: false only for what will be refused whatever is named.
    package static func mayAsk(_ id: CommandID, _ rights: Rights?) -> CommandError? {
        refusal(id, rights, owner: .undetermined)
    }

    /// The part that needs the arguments: what they name may ask for more than the command does, and a command that
    /// changes money may have to carry a KEY.
    package static func refusal(_ parsed: ParsedCommand, _ rights: Rights) -> CommandError? {
        if CommandTable.access(parsed.id) == .ofCommand {
            let inner = parsed.authorized
            return mayAsk(inner.id, rights) ?? refusal(inner, rights) ?? mayLoadThePast(parsed, rights)
        }
        if rights.requiresKeys, !parsed.hasKey, Grammar.of(parsed.id).changesMoney {
            return .invalid(
                "\(CommandTable.spec(parsed.id).name) must carry a KEY here (KEY k): a client library may send a command "
                    + "again whose answer was lost, and only with the same KEY it is booked once")
        }
        if case .server(.info(let sections)) = parsed.ask, !maySeeAll(rights),
            sections.isEmpty || !sections.allSatisfy(openSections.contains)
        {
            return .denied(
                "INFO needs a passport with permission monitor; without it, ask for the sections "
                    + openSections.joined(separator: ", "))
        }
        return nil
    }

    /// The whole ledger of then takes memory and a core: see ``CommandSpec/PastUse/ledger``.
    private static func mayLoadThePast(_ parsed: ParsedCommand, _ rights: Rights) -> CommandError? {
        guard case .ledgerAt(_, let inner, _) = parsed.ask else { return nil }
        guard !rights.permissions.contains(.admin) || rights.scope != .all else { return nil }
        return .denied(
            "AT with \(CommandTable.spec(inner.id).name) loads the whole ledger as it was: that needs a passport with "
                + "permission admin and scope all")
    }

    /// Sections of INFO that every passport may see: what clients look for before they trust a server.
    package static let openSections = ["server", "clients", "stats", "replication"]

    private static func maySeeAll(_ rights: Rights) -> Bool {
        rights.permissions.contains(.monitor) || rights.permissions.contains(.admin) && rights.scope == .all
    }

    // Names are fetched for refusals only: a spec is a large value, and this is asked for every request.

    @inline(__always)
    private static func needs(_ permission: Permissions, _ rights: Rights, _ id: CommandID) -> CommandError? {
        guard rights.permissions.contains(permission) else { return missing(permission, id) }
        return rights.scope == .all ? nil : .denied("\(CommandTable.spec(id).name) needs a passport with scope all")
    }

    private static func missing(_ permission: Permissions, _ id: CommandID) -> CommandError {
        .denied("\(CommandTable.spec(id).name) needs a passport with permission \(permission.text)")
    }

    private static func elsewhere(_ id: CommandID) -> CommandError {
        .denied("\(CommandTable.spec(id).name): a passport of scope own reads its own user only")
    }
}
