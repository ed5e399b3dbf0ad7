package import LedgerCore
internal import LedgerRules
internal import Synchronization

/// What an event loop asks of the writer, in the order in which it is to happen.
///
/// Personal texts of commands arrive here in the clear; the writer seals them under the user's key just before the
/// command is decided. What comes back in events and rows is sealed; ``Engine/clearText(_:of:)`` opens it.
///
/// At most 128 bytes: what is larger and rarer lies beside it.
package enum WorkItem: Sendable {
    /// Nothing: completes when everything before it is durable.
    case barrier
    case command(Command)
    /// PASSPORT CREATE or ROTATE with what was minted for it: the engine only carries it, so that the receipt (unless
    /// replayed) can show it once.
    indirect case issue(Command, PassportSecret)
    /// SESSION ADMIT: a start whose `user` and `admitted` the writer fills in from the proof, once it has checked
    /// secret, permission, state and rate, in one step with the admission.
    indirect case admit(SessionStart, PassportProof)
    /// PASSPORT VERIFY in its place among the writes, for a connection with unanswered ones; else use
    /// ``ReadPath/verify(_:at:)``.
    case verify(PassportProof)
    case query(Query)
    /// SESSION QUOTE.
    indirect case quote(user: Hash128, tier: Tier, duration: TimeSpan)
    /// USAGE QUOTE.
    indirect case usageQuote(user: Hash128, meter: ShortText, billionths: Int64)
    /// RULE LOAD: journals a source whose verdict ``RuleRequest/load(_:source:)`` gave.
    indirect case ruleLoad(name: RuleName, source: [UInt8], verdict: RuleVerdict)
    /// RULE ACTIVATE: activates a version whose verdict ``RuleRequest/version(_:_:)`` gave, now or at `at`, with the
    /// price book of its check.
    indirect case ruleActivate(name: RuleName, version: UInt32, at: Timestamp?, verdict: RuleVerdict)
    /// DRYRUN: what another item would give that changes the ledger; nothing of it stays.
    indirect case dryRun(WorkItem, key: IdempotencyKey?, labels: Labels)
    /// What the check of a rule needs of the ledger, with the source of a version (nil: the active one).
    case ruleMaterial(RuleName, version: UInt32?)
    /// The distinct sizes of what these users store.
    case storageSizes(of: Range<Int>)
    /// INFO.
    case info
    /// CLOCK. Looks at every lot, hold and session.
    case clock
    /// CLOCK SET: what was asked before has its own time; what is due by then happens before what is asked behind.
    /// `downFrom`: since then nobody could be heard or told. Answered by a barrier's result.
    case clockSet(Timestamp, downFrom: Timestamp?)
    /// A script or a transaction, with the key that it came with. Not inside another one.
    case program(any Program)
}

extension WorkItem {
    /// The user it is about, where it says so itself.
    fileprivate var user: Hash128? {
        guard case .command(let command) = self, case .user(let name) = command.subject else { return nil }
        return name
    }
}

extension WorkItem {
    /// What of all that is due must have happened before it.
    var dueBefore: [DueBefore] {
        switch self {
        case .command(let command), .issue(let command, _): [command.dueBefore]
        case .admit(_, let proof), .verify(let proof): [.own(.passport(proof.id))]
        case .query(let query): [query.dueBefore]
        case .quote(let user, _, _), .usageQuote(let user, _, _): [.own(.user(user))]
        case .program(let program): program.dueBefore
        case .info, .storageSizes: [.nothing]
        case .barrier, .ruleLoad, .ruleActivate, .dryRun, .ruleMaterial, .clock, .clockSet: [.everything]
        }
    }
}

/// The answer to the ``WorkItem`` at the same index. At most 64 bytes: a committed event is a reference into the batch
/// that it was written into, see ``WorkBatch/event(_:)``.
package enum WorkResult: Sendable {
    /// Not answered yet.
    case none
    /// The LSN through which everything before a barrier is durable.
    case barrier(LSN)
    /// `.replayed` and `.recorded` are finished by the reader: ``HistoryRequest/replayed(_:)`` and
    /// ``HistoryRequest/recorded(_:arguments:)`` fetch the event from the journal.
    case outcome(Outcome)
    indirect case verified(VerifyResult)
    indirect case query(QueryResult)
    indirect case quote(SessionQuote, user: UserRow)
    indirect case usageQuote(Pricing, user: UserRow)
    /// ``Engine/finish(_:_:)`` says what it comes to.
    indirect case dryRun(Tried)
    indirect case ruleMaterial(RuleMaterial)
    case storageSizes(Set<StorageSize>)
    indirect case info(EngineInfo)
    indirect case clock(ClockReport)
    /// A program ran; it knows what came of it. (What was refused as a whole is an ``outcome(_:)``.)
    case program
    /// Not looked at: the passport that asked was revoked, or its user banned, before the writer came to it.
    case refused
    /// The journal failed before this was durable: nobody knows whether it is. Never to be told as a failure.
    case unknownOutcome
}

/// A recyclable load of work of one event loop: its items and, once completed, one result for each.
///
/// Ownership moves: the event loop fills it; `Engine.submit` hands it to the writer; `complete`, called on an engine
/// thread after everything the results rest on is durable, hands it back (the closure hops to the loop). Only the owner
/// touches it, and the hand-overs are synchronising, which is what makes it safe to pass between threads.
package final class WorkBatch: @unchecked Sendable {
    /// One item.
    struct Entry {
        let item: WorkItem
        /// The passport that asks for it; `.none` may ask anything.
        let actor: PassportOrdinal
        let key: IdempotencyKey?
        let labels: Labels
        /// Whose rows the writer will look at, if that is known.
        let user: Hash128?
    }
    private(set) var entries: [Entry] = []
    /// By the index of the item.
    package internal(set) var results: [WorkResult] = []
    /// The memory in which committed events lie: of one unit, or of two where the batch did not fit into the first.
    private var pins: [Pin] = []
    /// Grows with each `recycle`: who remembers a batch remembers its generation too.
    package private(set) var generation: UInt64 = 0
    let complete: @Sendable (WorkBatch) -> Void

    /// `complete` is called exactly once for each successful submit, on a thread of the engine; it must not block.
    package init(capacity: Int = 256, complete: @escaping @Sendable (WorkBatch) -> Void) {
        self.complete = complete
        entries.reserveCapacity(capacity)
        results.reserveCapacity(capacity)
    }

    package var isEmpty: Bool { entries.isEmpty }
    package var count: Int { entries.count }
    package func item(_ index: Int) -> WorkItem { entries[index].item }
    /// What was minted for the item.
    package func secret(_ index: Int) -> PassportSecret? {
        if case .issue(_, let secret) = entries[index].item { return secret }
        return nil
    }

    /// The name of the passport that the item asks for, in the clear, as it came; nil where it brings none.
    package func passportName(_ index: Int) -> [UInt8]? {
        guard case .issue(.passportCreate(let create), _) = entries[index].item, case .clear(let name) = create.name
        else { return nil }
        return name
    }

    /// Appends an item; its index is where its result will be. `actor` is who asks: the writer refuses if the passport
    /// is good no more by then.
    @discardableResult
    package func append(
        _ item: WorkItem, by actor: PassportOrdinal = .none, key: IdempotencyKey? = nil, labels: Labels = .none
    ) -> Int {
        entries.append(Entry(item: item, actor: actor, key: key, labels: labels, user: item.user))
        return entries.count - 1
    }

    /// What became of its items, to be looked at one after the other: taken once, it costs less than as many looks at
    /// the batch.
    package struct Answers {
        fileprivate let entries: [Entry]
        fileprivate let results: [WorkResult]
        fileprivate let pins: [Pin]

        /// Where the event lies that answers the item, if it was accepted and its receipt says all.
        package func receipt(_ index: Int) -> EventReference? {
            guard case .outcome(.accepted(let event)) = results[index] else { return nil }
            if case .issue = entries[index].item { return nil }
            return event
        }

        /// A committed event, read from the bytes as they were journaled.
        package func event(_ reference: EventReference) -> Event {
            guard let pin = pins.last(where: { $0.first <= reference.lsn }) else {
                preconditionFailure("an event of a unit that was not kept")
            }
            return Event(reference, in: pin.memory, first: pin.first, base: pin.base)
        }
    }
    package var answers: Answers { Answers(entries: entries, results: results, pins: pins) }

    fileprivate struct Pin {
        let memory: BatchMemory
        let first: LSN
        let base: Timestamp
    }

    /// Keeps the memory of a unit that decided items of this batch.
    func pin(_ memory: BatchMemory, first: LSN, base: Timestamp) {
        if pins.last?.first == first { pins.removeLast() }
        pins.append(Pin(memory: memory, first: first, base: base))
    }

    package func event(_ reference: EventReference) -> Event { answers.event(reference) }

    private static let recycled = Atomic<UInt64>(0)

    /// Called before memory that batches had pinned is written again. That nobody looks at it any more is known by its
    /// reference count; that what they saw came before, by this (and ThreadSanitizer knows it by nothing else).
    static func seeRecycled() { _ = recycled.load(ordering: .acquiring) }

    /// Empties it for the next load and keeps its memory.
    package func recycle() {
        if !pins.isEmpty { Self.recycled.add(1, ordering: .releasing) }
        entries.removeAll(keepingCapacity: true)
        pins.removeAll(keepingCapacity: true)
        results.removeAll(keepingCapacity: true)
        generation &+= 1
    }
}

extension Event {
    /// Reads an event of ours from the batch whose first event and time these are.
    init(_ reference: EventReference, in memory: BatchMemory, first: LSN, base: Timestamp) {
        let time = Timestamp(nanoseconds: base.nanoseconds + Int64(reference.lsn.value - first.value))
        do throws(StateError) {
            self = try memory.withBytes(of: reference) { (bytes) throws(StateError) in
                try Event(decoding: bytes, lsn: reference.lsn, time: time)
            }
        } catch {
            preconditionFailure("an event of our own cannot be read: \(error)")
        }
    }
}
