internal import LedgerCommands
internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage
internal import Logging
internal import Synchronization

/// Runs back-tests, one at a time, on a thread of its own and of low priority: each reads the journal beside everybody
/// else, and one that nobody waits for any more is given up.
final class Backtester: Sendable {
    private let queue: RequestQueue<(draft: BacktestDraft, asker: Asker), RuleVerdict>
    private let thread = Lock<NamedThread?>(nil)
    private let isStopping = Atomic<Bool>(false)
    private let history: History
    private let journal: Journal
    private let ask: @Sendable (WorkItem) -> WorkResult?

    /// `ask`: the writer, who knows the versions.
    init(
        capacity: Int, _ history: History, _ journal: Journal, ask: @escaping @Sendable (WorkItem) -> WorkResult?
    ) {
        queue = RequestQueue(capacity: capacity)
        (self.history, self.journal, self.ask) = (history, journal, ask)
    }

    func start() {
        thread.withLock {
            $0 = NamedThread.start("backtest", nice: 5) { [self] in
                while let (request, completion) = queue.next() { completion(run(request.draft, for: request.asker)) }
            }
        }
    }

    /// Gives up what is under way, then ends the thread. The writer must still answer, or say no, when this is called.
    func stop() {
        isStopping.store(true, ordering: .relaxed)
        queue.close()
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    func submit(_ draft: BacktestDraft, for asker: Asker, _ completion: @escaping @Sendable (RuleVerdict) -> Void)
        -> Bool
    {
        queue.push((draft, asker), completion)
    }

    private func isWanted(by asker: Asker) -> Bool { !asker.isGone && !isStopping.load(ordering: .relaxed) }

    private func run(_ draft: BacktestDraft, for asker: Asker) -> RuleVerdict {
        let source = draft.text.lua { version in
            guard case .ruleMaterial(let material) = ask(.ruleMaterial(draft.rule, version: version)) else {
                return nil
            }
            return material
        }
        do throws(RuleError) {
            let (text, rule): (String, CompiledRule)
            switch source {
            case .success(let lua): (text, rule) = (lua, try CompiledRule(draft.rule, source: lua))
            case .failure(let rejection): return .refused(rejection)
            }
            do throws(Redecision.Failure) {
                return try run(draft, rule, source: text, for: asker)
            } catch {
                switch error {
                case .refused(let rejection): return .refused(rejection)
                case .journal(let fault):
                    history.logger.error("the journal cannot be read", metadata: ["fault": "\(fault)"])
                    return .refused(.invalid("the journal could not be read; see the server's log"))
                }
            }
        } catch {
            return .refused(.rule(error.text))
        }
    }

    private func run(
        _ draft: BacktestDraft, _ rule: CompiledRule, source: String, for asker: Asker
    ) throws(Redecision.Failure) -> RuleVerdict {
        let began = MonotonicTime.now
        let reader = history.reader
        let last = reader.durableLSN
        var test = Backtest(draft, rule, reader: reader, shard: history.shard)
        do throws(StorageError) {
            let first = try first(from: draft.from, through: last)
            let isDone = try slices(from: first, through: last, for: asker) { (slice) throws(StorageError) in
                try test.take(slice)
                return true
            }
            guard isDone else { return Self.givenUp }
        } catch {
            throw .journal(error)
        }
        var admission: RedecisionReport?
        if draft.admits {
            admission = try redecide(draft, rule, source: source, refunded: test.refunded, through: last, for: asker)
            guard admission != nil else { return Self.givenUp }
        }
        guard test.total.parts + test.failures.count + (admission?.events ?? 0) > 0 else {
            let what = draft.admits ? "nothing was recorded" : "nothing that \(draft.rule.text) priced began"
            return .refused(.invalid("\(what) between \(draft.from) and \(draft.to)"))
        }
        let reads = history.reads
        return .backtested(
            BacktestReport(
                rule: draft.rule, identity: rule.identity, from: draft.from, to: draft.to, through: last,
                total: test.total, failures: test.failures, groups: test.groups { reads.userID($0) },
                admission: admission, took: TimeSpan(nanoseconds: Int64(MonotonicTime.now - began))))
    }

    private static let givenUp = RuleVerdict.refused(.busy("the ledger is being closed"))

    /// Hands over the events of the journal until `body` returns false. False: it was given up on the way.
    private func slices(
        from first: LSN, through last: LSN, for asker: Asker, _ body: (EventSlice) throws(StorageError) -> Bool
    ) throws(StorageError) -> Bool {
        var next = first
        while let slice = try history.reader.slice(from: next, through: last, limit: .max) {
            guard isWanted(by: asker) else { return false }
            guard try body(slice) else { return true }
            next = slice.next
        }
        return true
    }

    /// ADMIT; nil: it was given up.
    private func redecide(
        _ draft: BacktestDraft, _ rule: CompiledRule, source: String, refunded: Set<UInt64>, through last: LSN,
        for asker: Asker
    ) throws(Redecision.Failure) -> RedecisionReport? {
        let began = MonotonicTime.now
        var ledger = journal.ledger(before: draft.from, logger: history.logger)
        do throws(StorageError) {
            let isDone = try slices(from: ledger.lastLSN.next, through: last, for: asker) {
                (slice) throws(StorageError) in try !ledger.replay(slice, before: draft.from)
            }
            guard isDone else { return nil }
        } catch {
            throw .journal(error)
        }
        let first = ledger.lastLSN.next
        guard first <= last else { return RedecisionReport() }
        let loaded = MonotonicTime.now
        var redecision = try Redecision(
            draft, rule.identity, source: source, from: ledger, refunded: refunded, reader: history.reader)
        var next = first
        while !redecision.isOver, let slice = try slice(from: next, through: last) {
            guard isWanted(by: asker) else { return nil }
            try redecision.take(slice)
            next = slice.next
        }
        do throws(StorageError) {
            var report = try redecision.finish()
            report.loaded = TimeSpan(nanoseconds: Int64(loaded - began))
            report.decided = TimeSpan(nanoseconds: Int64(MonotonicTime.now - loaded))
            return report
        } catch {
            throw .journal(error)
        }
    }

    private func slice(from first: LSN, through last: LSN) throws(Redecision.Failure) -> EventSlice? {
        do throws(StorageError) {
            return try history.reader.slice(from: first, through: last, limit: .max)
        } catch {
            throw .journal(error)
        }
    }

    /// The first event that was recorded at an instant or later, where usage from then on can be: none is recorded
    /// before it began. Cost: as many reads as the number of events has bits.
    private func first(from: Timestamp, through last: LSN) throws(StorageError) -> LSN {
        var (low, high) = (UInt64(1), last.value + 1)
        while low < high {
            let middle = low + (high - low) / 2
            let time = try history.reader.withEvent(at: LSN(middle)) { $0.time }
            if time < from { low = middle + 1 } else { high = middle }
        }
        return LSN(low)
    }
}
