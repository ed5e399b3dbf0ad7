package import LedgerCore
package import LedgerRules

/// What is next for a command that takes more than one step. A procedure says the steps, in order, and knows no thread:
/// the event loop that performs it takes each to where it belongs, keeps the command's place among the others of its
/// connection meanwhile, and comes back with the result.
package enum Step {
    /// The writer decides or answers, and that is the end.
    case ask(WorkItem)
    /// The same for what takes the writer long: between the loads of others.
    case aside(WorkItem)
    /// The tables are asked first.
    case query(Query, then: (QueryResult) -> Step)
    /// A reader of the journal is asked first.
    case read(HistoryRequest, then: (HistoryResult) -> Step)
    /// A rule is examined first.
    case examine(RuleRequest, then: (RuleVerdict) -> Step)
    /// It is known.
    case answer(Answer)
}

/// What a command is answered when its procedure does not end with the writer.
package enum Answer: Sendable {
    /// The receipt of what was done before.
    case replay(Event)
    case openHold(HoldRow, placed: Event)
    case closedHold(ClosedHold)
    /// SESSION GET of one that ended or was recorded.
    case closedSession(Event)
    case ruleCheck(RuleCheck)
    indirect case backtest(BacktestReport)
    indirect case ruleSteps(RuleSteps)
    /// `begins`: to RULE SHADOW, which says more.
    indirect case shadow(ShadowReport, begins: Bool)
    case priceBooks([PriceBookRow])
    case history([HistoryRow], next: UInt64)
    case summary(Summary)
    case explanation(ChargeExplanation)
    case dryRun(DryRun)
    /// CREDIT BALANCE and USER GET of the past.
    case pastBalance(PastAccount)
    case pastUser(PastAccount)
    case worth(KnownWorth)
    indirect case difference(Difference)
    case rejected(Rejection)
    /// A refusal that its KEY had before.
    case remembered(Rejection, since: Timestamp)
    /// The journal could not be read.
    case fault(String)
}

extension Answer {
    /// Whose row it shows.
    package enum Owner: Hashable, Sendable {
        case user(UserOrdinal)
        /// There is none that could be told.
        case unknown
        /// It is nobody's.
        case nobody
    }

    package var owner: Owner {
        switch self {
        case .replay(let event), .closedSession(let event): .user(event.user)
        case .openHold(_, let placed): .user(placed.user)
        case .closedHold(let hold): .user(hold.placed.user)
        case .explanation(let it): .user(it.event.user)
        case .rejected, .remembered: .unknown
        case .ruleCheck, .backtest, .ruleSteps, .shadow, .priceBooks, .history, .summary, .dryRun, .pastBalance,
            .pastUser,
            .worth, .difference, .fault:
            .nobody
        }
    }
}

extension Step {
    /// Reads one event, then goes on with it; whatever else is found is the answer.
    static func read(event lsn: LSN, then: @escaping (Event) -> Step) -> Step {
        .read(.event(lsn)) { result in
            guard case .event(let event) = result else { return .end(result) }
            return then(event)
        }
    }

    /// What the journal gave is the answer.
    static func end(_ result: HistoryResult) -> Step {
        switch result {
        case .rejected(let rejection): .answer(.rejected(rejection))
        case .remembered(let rejection, let since): .answer(.remembered(rejection, since: since))
        case .fault(let text): .answer(.fault(text))
        case .history(let rows, let next): .answer(.history(rows, next: next))
        case .summary(let summary): .answer(.summary(summary))
        case .explanation(let explanation): .answer(.explanation(explanation))
        case .worth(let worth): .answer(.worth(worth))
        case .difference(let difference): .answer(.difference(difference))
        case .event, .refund, .hold, .past, .several:
            preconditionFailure("the journal answered another question")
        }
    }
}
