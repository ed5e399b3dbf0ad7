internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// What readers see of a ledger that was opened, and its rules.
extension Opening {
    /// Fills the views, in two threads. E-mails stay sealed there until ``EmailOpener`` comes to them.
    func publish(_ state: borrowing StateMachine, in views: Views, at now: Timestamp) {
        withUnsafePointer(to: state) { state in
            // Both threads only read it, and this one does not go on before the other has ended.
            nonisolated(unsafe) let state = state
            _ = NamedThread.both(
                "views", { Self.publish(.first, of: state.pointee, in: views, at: now) },
                { Self.publish(.second, of: state.pointee, in: views, at: now) })
            let (users, passports) = (state.pointee.userCount, state.pointee.passportCount)
            _ = NamedThread.both("views", { views.index(users: users) }, { views.index(passports: passports) })
        }
        views.store(state.limits)
    }

    private static func publish(
        _ half: Half, of state: borrowing StateMachine, in views: Views, at now: Timestamp
    ) {
        var cursor = Views.Cursor()
        for number in half.of(state.userCount) {
            let user = UserOrdinal(number)
            let id = state.userID(user)
            state.withSealedEmail(of: user) {
                views.fill(
                    user, hash: state.names.user(id), id: id, sealedEmail: $0, state.accountView(user, at: now),
                    lastEvent: state.lastEvent(of: user), at: &cursor)
            }
        }
        for number in half.of(state.passportCount) {
            views.fill(PassportView(state.passportView(PassportOrdinal(number))))
        }
    }

    struct Rules: ~Copyable {
        var book = RuleBook()
        var loaded: [CommitUnit.LoadedRule] = []
        /// An empty book stays, for the reason that `Recovered.takeState()` gives.
        mutating func takeBook() -> RuleBook {
            var taken = RuleBook()
            swap(&taken, &book)
            return taken
        }
    }

    func ruleBook(_ state: borrowing StateMachine) -> Rules {
        var rules = Rules()
        if case .rules(let rows) = state.read(.rules, at: state.lastTime) {
            for row in rows {
                guard let rule = state.ruleSource(row.identity) else { continue }
                rules.loaded.append(CommitUnit.LoadedRule(identity: row.identity, name: row.name, source: rule.source))
            }
        }
        for name in state.activeRules {
            guard let identity = state.activeRule(name) else { continue }
            rules.book.activate(name, identity) {
                String(decoding: state.ruleSource(identity)?.source ?? [], as: UTF8.self)
            }
        }
        return rules
    }
}
