internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// The readers of the journal: threads that answer what neither the views nor the writer's tables hold. Bounded: a full
/// queue says no.
///
/// A user's history is a thread through the journal: every event names the user's event before it, the view names the
/// last.
final class History: Sendable {
    let reader: JournalReader
    let reads: ReadPath
    let keys: KeyStore
    let clock: any LedgerClock
    let logger: Logger
    let shard: UInt16
    private let queue: ReadQueue
    private let isStopping = Atomic<Bool>(false)
    private let threads: Lock<[NamedThread]>
    /// Asks the writer and waits for the answer; nil when the ledger is being closed.
    private let writer = Lock<(@Sendable (Query) -> QueryResult?)?>(nil)
    /// Every rule version that is durable: what EXPLAIN runs again.
    private let rules = Lock<[RuleIdentity: String]>([:])

    init(
        reader: JournalReader, reads: ReadPath, keys: KeyStore, clock: any LedgerClock, logger: Logger, shard: UInt16,
        capacity: Int
    ) {
        self.shard = shard
        self.reader = reader
        self.reads = reads
        self.keys = keys
        self.clock = clock
        self.logger = logger
        queue = ReadQueue(capacity: capacity)
        threads = Lock([])
    }

    func start(threads count: Int) {
        threads.withLock { threads in
            for number in 0..<max(1, count) {
                // One of several keeps out of long walks, so that no number of them holds up a receipt.
                let shortOnly = number == 0 && count > 1
                threads.append(
                    NamedThread.start("history-\(number)") { [self] in
                        while let entry = queue.next(shortOnly: shortOnly) {
                            entry.completion(answer(entry.request, for: entry.asker))
                        }
                    })
            }
        }
    }

    /// Answers nobody any more: who waits is told so, walks under way are given up. Then ends the threads.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        queue.close()
        let threads = threads.withLock { threads in
            defer { threads.removeAll() }
            return threads
        }
        for thread in threads { thread.join() }
    }

    func submit(
        _ request: HistoryRequest, for asker: Asker, _ completion: @escaping @Sendable (HistoryResult) -> Void
    ) -> Bool {
        queue.push(ReadQueue.Entry(request: request, asker: asker, completion: completion))
    }

    private func isWanted(by asker: Asker) -> Bool { !asker.isGone && !isStopping.load(ordering: .relaxed) }

    /// What is answered when nobody wants to know any more, or there is no time.
    static let givenUp = HistoryResult.rejected(.busy("the ledger is being closed"))

    /// Set once, before the threads start.
    func askWriter(_ ask: @escaping @Sendable (Query) -> QueryResult?) { writer.withLock { $0 = ask } }

    func ask(_ query: Query) -> QueryResult? { writer.withLock { $0 }?(query) }

    func remember(_ loaded: [CommitUnit.LoadedRule]) {
        rules.withLock { rules in
            for rule in loaded { rules[rule.identity] = String(decoding: rule.source, as: UTF8.self) }
        }
    }

    func ruleSource(_ identity: RuleIdentity) -> String? { rules.withLock { $0[identity] } }

    // MARK: - Answers

    private func answer(_ request: HistoryRequest, for asker: Asker) -> HistoryResult {
        guard isWanted(by: asker) else { return Self.givenUp }
        do throws(StorageError) {
            switch request {
            case .event(let lsn): return .event(try event(at: lsn))
            case .replayed(let lsn): return try replayed(lsn)
            case .recorded(let lsn, let arguments): return try event(at: lsn).recorded(arguments)
            case .history(let user, let from, let to, let label, let page):
                return try history(user, from, to, label, page, for: asker)
            case .summary(let user, let from, let to, let key, let last):
                return try summary(user, from, to, by: key, through: last, for: asker)
            case .past(let user, let moment, let question): return try past(user, moment, question, for: asker)
            case .difference(let user, let first, let second):
                return try difference(user, first, second, for: asker)
            case .explain(let charge): return try explain(charge)
            case .refund(let charge): return try refund(charge)
            case .refundSession(let closed): return try refund(session: closed)
            case .hold(let hold, let last): return try self.hold(hold, through: last, for: asker)
            case .several(let requests): return .several(requests.map { answer($0, for: asker) })
            }
        } catch {
            if error.reason == .noSuchEvent { return .rejected(.notFound(.event)) }
            logger.error("the journal cannot be read", metadata: ["fault": "\(error)"])
            return .fault(error.description)
        }
    }

    func event(at lsn: LSN) throws(StorageError) -> Event { try reader.event(at: lsn) }

    /// A user's events, newest first, from `start` on, until `visit` returns false. False: it was given up on the way,
    /// for nobody waits for it any more.
    func walk(from start: LSN, for asker: Asker, _ visit: (Event) -> Bool) throws(StorageError) -> Bool {
        var lsn = start
        while !lsn.isNone {
            guard isWanted(by: asker) else { return false }
            let event = try event(at: lsn)
            guard visit(event) else { return true }
            lsn = event.previous
        }
        return true
    }

    func clear(_ text: PersonalText, _ user: UserOrdinal) -> String {
        guard !text.isEmpty, user != .none else { return "" }
        do throws(StorageError) {
            return String(decoding: try keys.open(text.sealedBytes, user), as: UTF8.self)
        } catch {
            return ""  // the key was destroyed with the user
        }
    }

    // MARK: Receipts of before

    private func replayed(_ lsn: LSN) throws(StorageError) -> HistoryResult {
        let event = try event(at: lsn)
        switch event.firstAnswer {
        case .receipt: return .event(event)
        case .refusal(let rejection): return .remembered(rejection, since: event.time)
        case .earlier(let lsn, let arguments):
            let first = try self.event(at: lsn)
            return arguments.map { first.recorded($0) } ?? .event(first)
        }
    }

    // MARK: Charges

    private func explain(_ charge: ChargeID) throws(StorageError) -> HistoryResult {
        guard let event = try chargeEvent(charge), let facts = event.facts.explained else {
            return .rejected(.notFound(.charge))
        }
        let source = facts.pricing.flatMap { ruleSource($0.priced.rule) }
        return .explanation(
            ChargeExplanation(event, facts, burned: try reader.origins(of: facts.settlement)) {
                Explanation($0.query, priced: $0.priced, source: source)
            })
    }

    private func refund(_ charge: ChargeID) throws(StorageError) -> HistoryResult {
        guard let event = try chargeEvent(charge), let refundable = try reader.refundable(event) else {
            return .rejected(.notFound(.charge))
        }
        return .refund([refundable])
    }

    /// All charges of a closed session, the last posted first.
    private func refund(session lsn: LSN) throws(StorageError) -> HistoryResult {
        let end = try event(at: lsn)
        var charges: [CreditRefund.Charge] = []
        if let charge = try reader.refundable(end) { charges.append(charge) }
        for lsn in end.facts.sessionCharges.reversed() {
            if let charge = try reader.refundable(try event(at: lsn)) { charges.append(charge) }
        }
        return charges.isEmpty ? .rejected(.notFound(.charge)) : .refund(charges)
    }

    private func chargeEvent(_ charge: ChargeID) throws(StorageError) -> Event? {
        guard charge.shard == shard, !charge.lsn.isNone, charge.lsn <= reader.durableLSN else { return nil }
        return try event(at: charge.lsn)
    }

    // MARK: Holds

    private func hold(_ hold: HoldID, through last: LSN?, for asker: Asker) throws(StorageError) -> HistoryResult {
        guard hold.shard == shard, !hold.lsn.isNone, hold.lsn <= reader.durableLSN else {
            return .rejected(.notFound(.hold))
        }
        let placed = try event(at: hold.lsn)
        guard var result = ClosedHold(placed: placed), let last = last ?? reads.views.lastEvent(placed.user) else {
            return .rejected(.notFound(.hold))
        }
        let isWhole = try walk(from: last, for: asker) { event in
            result.add(event, of: hold)
            return event.lsn > hold.lsn
        }
        return isWhole ? .hold(result) : Self.givenUp
    }
}
