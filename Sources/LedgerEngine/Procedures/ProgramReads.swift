internal import LedgerCore
internal import LedgerRules

/// What a program reads of the past: first what it has just decided itself, which is in no journal yet, then what was
/// recorded before its run. The answers are those that the journal's readers give once all of it is there.
extension ProgramLedger {
    /// Throws what has to be fetched before it can be answered.
    package func read(
        _ request: HistoryRequest, _ journal: JournalRecords
    ) throws(MissingRecord) -> HistoryResult {
        switch request {
        case .event(let lsn): return try recorded(lsn, journal)
        case .replayed(let lsn): return try replayed(lsn, journal)
        case .recorded(let lsn, let arguments):
            guard let event = event(at: lsn) else { return try journal.result(of: request) }
            return event.recorded(arguments)
        case .history(let user, let from, let to, let label, let page):
            return try history(user, from, to, label, page, journal)
        case .summary(let user, let from, let to, let key, _): return try summary(user, from, to, by: key, journal)
        case .explain(let charge): return try explain(charge, journal)
        case .refund(let charge):
            guard isRecorded(charge) else { return .rejected(.notFound(.charge)) }
            guard let event = event(at: charge.lsn) else { return try journal.result(of: request) }
            return try refund([event], journal)
        case .refundSession(let lsn): return try refund(session: lsn, journal)
        case .hold(let hold, _): return try self.hold(hold, journal)
        case .several(let requests):
            var results: [HistoryResult] = []
            for request in requests { results.append(try read(request, journal)) }
            return .several(results)
        case .past, .difference: preconditionFailure("a program was given what no program may use")
        }
    }

    /// Examines a rule where that takes no longer than to ask it; nil: a thread of its own is needed for it.
    package func examine(_ request: RuleRequest) -> RuleVerdict? {
        guard case .price(let name, let version, let questions) = request else { return nil }
        return withWriter { $0.prices(name, version, questions) }
    }

    // MARK: Events

    private func recorded(_ lsn: LSN, _ journal: JournalRecords) throws(MissingRecord) -> HistoryResult {
        if let event = event(at: lsn) { return .event(event) }
        // What is still to come would be another event in the next run.
        guard lsn < first, !lsn.isNone else { return .rejected(.notFound(.event)) }
        return try journal.result(of: .event(lsn))
    }

    private func replayed(_ lsn: LSN, _ journal: JournalRecords) throws(MissingRecord) -> HistoryResult {
        guard let event = event(at: lsn) else { return try journal.result(of: .replayed(lsn)) }
        switch event.firstAnswer {
        case .receipt: return .event(event)
        case .refusal(let rejection): return .remembered(rejection, since: event.time)
        case .earlier(let lsn, let arguments):
            return try read(arguments.map { .recorded(lsn, arguments: $0) } ?? .event(lsn), journal)
        }
    }

    private enum Events {
        case found([LSN: Event])
        /// What the journal said instead of one.
        case instead(HistoryResult)
    }

    /// Several at once: what is not at hand is fetched in one go.
    private func events(_ numbers: [LSN], _ journal: JournalRecords) throws(MissingRecord) -> Events {
        var found: [LSN: Event] = [:]
        var missing: [HistoryRequest] = []
        for lsn in numbers where found[lsn] == nil {
            do throws(MissingRecord) {
                let result = try recorded(lsn, journal)
                guard case .event(let event) = result else { return .instead(result) }
                found[lsn] = event
            } catch {
                if !missing.contains(error.request) { missing.append(error.request) }
            }
        }
        guard missing.isEmpty else { throw MissingRecord(request: .several(missing)) }
        return .found(found)
    }

    // MARK: Statements

    private func history(
        _ name: Hash128, _ from: Timestamp?, _ to: Timestamp?, _ label: LabelFilter?, _ page: Page,
        _ journal: JournalRecords
    ) throws(MissingRecord) -> HistoryResult {
        guard let user = row(name) else { return .rejected(.notFound(.user)) }
        var lsn = user.lastEvent
        if page.cursor != 0 {
            lsn = LSN(page.cursor / 2)
            guard lsn <= user.lastEvent, event(at: lsn).map({ $0.user == user.ordinal }) ?? true else {
                return .rejected(StatementPage.otherCursor)
            }
        }
        var statement = StatementPage(from, to, label, page)
        var rest = page
        while let event = event(at: lsn) {
            guard statement.take(event, rows: { rows(of: $0) }) else { return statement.result }
            lsn = event.previous
            rest.cursor = 0
        }
        guard !lsn.isNone else { return statement.result }
        if rest.cursor == 0 { rest.cursor = lsn.value * 2 }
        let result = try journal.result(of: .history(user: name, from: from, to: to, label: label, rest))
        guard case .history(let rows, let next) = result else { return result }
        statement.take(older: rows.map { told($0, deleted: user.state == .deleted) }, next: next)
        return statement.result
    }

    private func rows(of event: Event) -> [HistoryRow] {
        event.rows(shard: shard) { text, user in
            String(decoding: clearText(text, of: user) ?? [], as: UTF8.self)
        }
    }

    /// A row that a reader of the journal has made, which opened its text.
    private func told(_ row: HistoryRow, deleted: Bool) -> HistoryRow {
        guard row.isPersonal else { return row }
        var row = row
        if deleted { row.description = "" } else { tell(Array(row.description.utf8)) }
        return row
    }

    private func summary(
        _ name: Hash128, _ from: Timestamp?, _ to: Timestamp?, by key: ShortText?, _ journal: JournalRecords
    ) throws(MissingRecord) -> HistoryResult {
        guard let user = row(name) else { return .rejected(.notFound(.user)) }
        if let from, let to, to < from { return .rejected(Summary.wrongOrder) }
        var summary = Summary(user: user.ordinal, from, to, by: key, user.account, user.storage)
        var lsn = user.lastEvent
        while let event = event(at: lsn) {
            guard summary.take(event) else { return summary.result }
            lsn = event.previous
        }
        guard !lsn.isNone else { return summary.result }
        let result = try journal.result(of: .summary(user: name, from: from, to: to, by: key, through: lsn))
        guard case .summary(let older) = result else { return result }
        summary.add(older: older)
        return summary.result
    }

    // MARK: Charges

    private func isRecorded(_ id: BirthID) -> Bool { id.shard == shard && !id.lsn.isNone && id.lsn <= last }

    private func explain(_ charge: ChargeID, _ journal: JournalRecords) throws(MissingRecord) -> HistoryResult {
        guard isRecorded(charge) else { return .rejected(.notFound(.charge)) }
        guard let event = event(at: charge.lsn) else { return try journal.result(of: .explain(charge)) }
        guard let facts = event.facts.explained else { return .rejected(.notFound(.charge)) }
        switch try origins(of: [facts.settlement], journal) {
        case .instead(let result): return result
        case .found(let lots):
            let burned = facts.settlement.lots.compactMap { lots[$0] }
            return .explanation(
                ChargeExplanation(event, facts, burned: burned) { pricing in
                    withWriter { $0.explanation(pricing) }
                })
        }
    }

    /// All charges of a closed session, the last posted first.
    private func refund(session lsn: LSN, _ journal: JournalRecords) throws(MissingRecord) -> HistoryResult {
        guard let end = event(at: lsn) else { return try journal.result(of: .refundSession(lsn)) }
        let before = end.facts.sessionCharges
        switch try events(before, journal) {
        case .instead(let result): return result
        case .found(let events): return try refund([end] + before.reversed().compactMap { events[$0] }, journal)
        }
    }

    /// What CREDIT REFUND needs to know of these charges.
    private func refund(_ events: [Event], _ journal: JournalRecords) throws(MissingRecord) -> HistoryResult {
        var charges: [(event: Event, facts: Facts.Charge)] = []
        for event in events where event.user != .none {
            if let facts = event.facts.charge { charges.append((event, facts)) }
        }
        guard !charges.isEmpty else { return .rejected(.notFound(.charge)) }
        switch try origins(of: charges.map { $0.facts.settlement }, journal) {
        case .instead(let result): return result
        case .found(let lots):
            return .refund(
                charges.map { event, facts in
                    CreditRefund.Charge(
                        lsn: event.lsn, user: event.user, facts: facts,
                        lots: facts.settlement.lots.compactMap { lots[$0] }, labels: event.labels)
                })
        }
    }

    private enum Origins {
        case found([LotID: LotOrigin])
        case instead(HistoryResult)
    }

    /// What the lots are that were burned.
    private func origins(of settlements: [Settlement], _ journal: JournalRecords) throws(MissingRecord) -> Origins {
        let ids = settlements.flatMap(\.lots)
        switch try events(ids.map(\.lsn), journal) {
        case .instead(let result): return .instead(result)
        case .found(let events):
            var lots: [LotID: LotOrigin] = [:]
            for id in ids where lots[id] == nil {
                guard let event = events[id.lsn], let lot = event.facts.bornLot(id, of: event.header) else {
                    return .instead(.fault("LSN \(id.lsn.value) made no lot"))
                }
                lots[id] = lot
            }
            return .found(lots)
        }
    }

    // MARK: Holds

    /// A hold that is closed: what was recorded of it before the run, and what the run has done to it.
    private func hold(_ hold: HoldID, _ journal: JournalRecords) throws(MissingRecord) -> HistoryResult {
        guard isRecorded(hold) else { return .rejected(.notFound(.hold)) }
        var changes: [Event] = []
        var lsn = max(first, hold.lsn)
        while let event = event(at: lsn) {
            if event.facts.hold?.hold == hold { changes.append(event) }
            lsn = lsn.next
        }
        var closed: ClosedHold
        if hold.lsn >= first {
            guard let placed = event(at: hold.lsn).flatMap({ ClosedHold(placed: $0) }) else {
                return .rejected(.notFound(.hold))
            }
            closed = placed
        } else {
            let result = try journal.result(of: .hold(hold, through: changes.first.map { lastBefore($0) }))
            guard case .hold(let found) = result else { return result }
            closed = found
        }
        for event in changes { closed.add(event, of: hold) }
        return .hold(closed)
    }

    /// The last event before the run about the user of one of its events.
    private func lastBefore(_ event: Event) -> LSN {
        var lsn = event.previous
        while let before = self.event(at: lsn) { lsn = before.previous }
        return lsn
    }
}
