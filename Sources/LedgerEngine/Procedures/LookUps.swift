package import LedgerCore

/// The tables forget what has ended; the journal knows what became of it.
extension Engine {
    /// HOLD GET, from what the tables said (nil: that is the answer):
    ///
    /// 1. an open hold: what was held first is in the event that its id names;
    /// 2. one that the tables no longer have: its placing, and what followed in its user's past.
    package func lookUp(_ hold: HoldID, _ result: QueryResult) -> Step? {
        if case .hold(let row) = result {
            return .read(event: row.id.lsn) { .answer(.openHold(row, placed: $0)) }
        }
        guard case .rejected(.closed(.hold)) = result else { return nil }
        return .read(.hold(hold)) { result in
            guard case .hold(let closed) = result else { return .end(result) }
            return .answer(.closedHold(closed))
        }
    }

    /// Why a command about a hold was refused: the tables call every id of the past closed, the journal knows which of
    /// them were holds.
    package func whyRefused(_ hold: HoldID) -> Step {
        .read(.event(hold.lsn)) { result in
            if case .event(let event) = result, case .holdPlaced = event.body {
                return .answer(.rejected(.closed(.hold)))
            }
            if case .fault = result { return .end(result) }
            // Something else, or an id that no event has had so far.
            return .answer(.rejected(.notFound(.hold)))
        }
    }

    /// SESSION GET of one that ended or was recorded: the receipt of its end.
    package func lookUp(closedSession lsn: LSN) -> Step {
        .read(event: lsn) { .answer(.closedSession($0)) }
    }

    /// What a command was answered under its key before.
    package func lookUp(replayed lsn: LSN) -> Step { .read(.replayed(lsn)) { self.replay($0, nil) } }

    /// What a command about a hold was answered under its key before.
    package func lookUp(replayed lsn: LSN, hold: HoldID) -> Step {
        .read(.replayed(lsn)) { self.replay($0, hold) }
    }

    /// What SESSION RECORD was answered before, if its arguments were these.
    package func lookUp(recorded lsn: LSN, arguments: Hash128) -> Step {
        .read(.recorded(lsn, arguments: arguments)) { self.replay($0, nil) }
    }

    private func replay(_ result: HistoryResult, _ hold: HoldID?) -> Step {
        if case .remembered(.closed(.hold), _) = result, let hold { return whyRefused(hold) }
        guard case .event(let event) = result else { return .end(result) }
        return .answer(.replay(event))
    }
}
