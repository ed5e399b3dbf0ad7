internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// What readers see of a ledger that was opened, and its rules.
extension Opening {
    /// Fills the views, passports on a thread of their own. E-mails stay sealed there until ``EmailOpener`` comes to
    /// them.
    func publish(_ state: borrowing StateMachine, in views: Views, at now: Timestamp) {
        withUnsafePointer(to: state) { state in
            // Both threads only read, and this one does not go on before the other has ended.
            nonisolated(unsafe) let state = state
            let passports = NamedThread.start("passports") {
                for number in 0..<state.pointee.passportCount {
                    views.fill(PassportView(state.pointee.passportView(PassportOrdinal(UInt32(number)))))
                }
            }
            for number in 0..<state.pointee.userCount {
                publish(UserOrdinal(UInt32(number)), of: state.pointee, in: views, at: now)
            }
            passports.join()
        }
        views.index(users: state.userCount, passports: state.passportCount)
        views.store(state.limits)
    }

    private func publish(
        _ user: UserOrdinal, of state: borrowing StateMachine, in views: Views, at now: Timestamp
    ) {
        let id = state.userID(user)
        state.withSealedEmail(of: user) {
            views.fill(
                user, hash: state.names.user(id), id: id, sealedEmail: $0, state.accountView(user, at: now),
                lastEvent: state.lastEvent(of: user))
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
