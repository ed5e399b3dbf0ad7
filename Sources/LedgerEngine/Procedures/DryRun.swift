internal import LedgerCommands
package import LedgerCore

/// What the writer found when it tried a command.
package struct Tried: Sendable {
    /// An event that is named here is `answer`, and in no journal.
    package var outcome = Outcome.rejected(.notFound(.event))
    package var answer: Given?
    /// What it would record, in order, and how many more than are shown.
    package private(set) var events: [Given] = []
    package var others = 0
    /// What it would change in the books, in their own order.
    package var books: [Change] = []
    /// What the command says in the clear: its events have it sealed, and these have it not at all.
    package var email: [UInt8]?
    package var name: [UInt8]?

    package struct Given: Sendable {
        package var event: Event
        /// The id of the event's user; empty where it has none.
        package var user: ShortText
    }

    package struct Change: Sendable {
        package var account: String
        /// In nano-USD, with the sign that INFO shows.
        package var amount: Int128
    }

    mutating func add(_ given: Given) { events.append(given) }
}

/// DRYRUN: what a command would be answered, and what it would do.
package struct DryRun: Sendable {
    package enum Verdict: Sendable {
        case receipt(Event, replayed: Bool)
        case refused(Rejection)
        /// What its KEY was refused before.
        case remembered(Rejection, since: Timestamp)
    }
    package var verdict: Verdict
    /// Nil where it did not come to the writer.
    package var tried: Tried?

    package init(_ verdict: Verdict, _ tried: Tried? = nil) {
        self.verdict = verdict
        self.tried = tried
    }

    /// The event that would answer, or else the first one.
    package var lsn: LSN {
        if case .receipt(let event, _) = verdict { return event.lsn }
        return tried?.events.first?.event.lsn ?? .none
    }
}

extension Engine {
    /// The steps of a command, of which the last is only tried.
    func dry(_ step: Step, _ asked: ParsedCommand) -> Step {
        switch step {
        case .ask(let item), .aside(let item): .aside(.dryRun(item, key: asked.key, labels: asked.labels))
        case .query(let query, let then): .query(query) { self.dry(then($0), asked) }
        case .read(let request, let then): .read(request) { self.dry(then($0), asked) }
        case .examine(let request, let then): .examine(request) { self.dry(then($0), asked) }
        case .answer(let answer): .answer(dry(answer, nil))
        }
    }

    private func dry(_ answer: Answer, _ tried: Tried?) -> Answer {
        switch answer {
        case .rejected(let rejection): .dryRun(DryRun(.refused(rejection), tried))
        case .remembered(let rejection, let since): .dryRun(DryRun(.remembered(rejection, since: since), tried))
        case .replay(let event): .dryRun(DryRun(.receipt(event, replayed: true), tried))
        case .openHold, .closedHold, .closedSession, .ruleCheck, .backtest, .shadow, .ruleSteps, .priceBooks, .history,
            .summary, .explanation, .dryRun,
            .pastBalance, .pastUser, .worth, .difference, .fault:
            answer
        }
    }

    /// What it comes to: where the real command would look into the journal for its answer, so does this.
    package func finish(_ tried: Tried, _ hold: HoldID?) -> Step {
        switch tried.outcome {
        case .accepted:
            guard let answer = tried.answer else {
                preconditionFailure("an accepted command has no event that answers")
            }
            return .answer(.dryRun(DryRun(.receipt(answer.event, replayed: false), tried)))
        case .rejected(.closed(.hold)):
            guard let hold else { preconditionFailure("a hold was refused to a command about none") }
            return finish(whyRefused(hold), tried)
        case .rejected(let rejection): return .answer(.dryRun(DryRun(.refused(rejection), tried)))
        case .replayed(let lsn): return finish(.read(.replayed(lsn)) { self.replay($0, hold) }, tried)
        case .recorded(let lsn, let arguments): return finish(lookUp(recorded: lsn, arguments: arguments), tried)
        }
    }

    private func finish(_ step: Step, _ tried: Tried) -> Step {
        switch step {
        case .read(let request, let then): .read(request) { self.finish(then($0), tried) }
        case .answer(let answer): .answer(dry(answer, tried))
        case .ask, .aside, .query, .examine: preconditionFailure("what was answered before is looked up, and no more")
        }
    }
}
