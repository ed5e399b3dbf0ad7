internal import LedgerCommands
internal import LedgerCore

extension Engine {
    /// AT: a read about one user, from the user's events up to a moment. The table's parser lets in what is here.
    func past(_ asked: ParsedCommand, at moment: Moment, known: Bool) -> Step {
        if case .balance(let user) = asked.ask {
            if known { return .read(.past(user: user, moment, .knownBalance)) { .end($0) } }
            return past(user, moment, .balance) { .pastBalance($0) }
        }
        if case .query(.user(let user)) = asked.ask { return past(user, moment, .user) { .pastUser($0) } }
        if case .history(let it) = asked.ask {
            let question = PastQuestion.history(from: it.from, to: it.to, label: it.label, it.page, known: known)
            return .read(.past(user: it.user, moment, question)) { .end($0) }
        }
        if case .summary(let user, let from, let to, let key) = asked.ask {
            return .read(.past(user: user, moment, .summary(from: from, to: to, by: key))) { .end($0) }
        }
        preconditionFailure("something else was asked about the past")
    }

    private func past(
        _ user: Hash128, _ moment: Moment, _ question: PastQuestion, _ answer: @escaping (PastAccount) -> Answer
    ) -> Step {
        .read(.past(user: user, moment, question)) { result in
            guard case .past(let account) = result else { return .end(result) }
            return .answer(answer(account))
        }
    }
}
