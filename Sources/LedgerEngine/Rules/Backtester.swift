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
    private let ask: @Sendable (WorkItem) -> WorkResult?

    /// `ask`: the writer, who knows the versions.
    init(capacity: Int, history: History, ask: @escaping @Sendable (WorkItem) -> WorkResult?) {
        queue = RequestQueue(capacity: capacity)
        self.history = history
        self.ask = ask
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
            let rule: CompiledRule
            switch source {
            case .success(let text): rule = try CompiledRule(draft.rule, source: text)
            case .failure(let rejection): return .refused(rejection)
            }
            do throws(StorageError) {
                return try run(draft, rule, for: asker)
            } catch {
                history.logger.error("the journal cannot be read", metadata: ["fault": "\(error)"])
                return .refused(.invalid("the journal could not be read; see the server's log"))
            }
        } catch {
            return .refused(.rule(error.text))
        }
    }

    private func run(_ draft: BacktestDraft, _ rule: CompiledRule, for asker: Asker) throws(StorageError) -> RuleVerdict
    {
        let began = MonotonicTime.now
        let reader = history.reader
        let last = reader.durableLSN
        var test = Backtest(draft, rule, reader: reader, shard: history.shard)
        var next = try first(from: draft.from, through: last)
        while let slice = try reader.slice(from: next, through: last, limit: .max) {
            guard isWanted(by: asker) else { return .refused(.busy("the ledger is being closed")) }
            try test.take(slice)
            next = slice.next
        }
        guard test.total.parts + test.failures.count > 0 else {
            return .refused(
                .invalid("nothing that \(draft.rule.text) priced began between \(draft.from) and \(draft.to)"))
        }
        let reads = history.reads
        return .backtested(
            BacktestReport(
                rule: draft.rule, identity: rule.identity, from: draft.from, to: draft.to, through: last,
                total: test.total, failures: test.failures, groups: test.groups { reads.userID($0) },
                took: TimeSpan(nanoseconds: Int64(MonotonicTime.now - began))))
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
