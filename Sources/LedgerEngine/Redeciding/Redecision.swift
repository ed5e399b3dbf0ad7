internal import LedgerCommands
internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// BACKTEST … ADMIT: the commands of a time decided anew, at another price.
///
/// It is the ledger itself that decides: a second state machine, as it was before the first of these commands, with the
/// rule on trial loaded and active. It gets the journal's commands (``CommandsBehind``) in their order and at their
/// instants; what is due by then happens as it would have. Nothing of it is kept.
///
/// With the rule that priced then, every event must come out as it was, byte for byte: numbers, times, ids, what each
/// account is left with. That is the proof of the whole, and what differs is listed. With another rule the worlds part
/// where money does: somebody is refused, a session ends earlier, and what would have followed falls away.
///
/// Time goes in the steps of the journal. Events of one unit lie a nanosecond apart, and what was due came before its
/// commands, or where that was much, what was due to their users; so what follows a gap begins a unit, and timers fire
/// at its instant.
///
/// Memory: a ledger, and what ``TwoWorlds`` and ``RefundedCharges`` keep.
struct Redecision: ~Copyable {
    enum Failure: Error {
        case journal(StorageError)
        case refused(Rejection)
    }

    let draft: BacktestDraft
    private let trial: RuleIdentity
    private let source: String
    private var book: PriceBook?
    private var activations: UInt64
    var ledger: StateMachine
    var decision = Decision()
    private var answers = RuleAnswers()
    var behind: CommandsBehind
    var worlds: TwoWorlds
    var report = RedecisionReport()
    /// Commands of scripts were met.
    private(set) var hasScripts = false

    var group = JournaledGroup()
    private var fired = DecidedEvents()
    var decided = DecidedEvents()
    /// More was due than the unit that is under way had room for.
    private var isBehind = false
    /// The instant of the unit that is under way.
    private var clock = Timestamp.distantPast
    private var lastEnd = Timestamp.distantPast
    /// The time is over.
    private(set) var isOver = false

    /// `ledger`: as it was before the first event that ``take(_:)`` gets. `refunded`: the charges that refunds of the
    /// time name. Throws why the rule cannot be put in force.
    init(
        _ draft: BacktestDraft, _ trial: RuleIdentity, source: String, from ledger: consuming StateMachine,
        refunded: Set<UInt64>, reader: JournalReader
    ) throws(Failure) {
        (self.draft, self.trial, self.source) = (draft, trial, source)
        let charges = RefundedCharges(refunded, begun: ledger.lastLSN, reader: reader)
        behind = CommandsBehind(draft.rule, refunded: charges, reader: reader)
        worlds = TwoWorlds(draft.rule, count: draft.count)
        activations = ledger.activations
        self.ledger = ledger
        report.isSame = self.ledger.activeRule(draft.rule) == trial
        if !report.isSame { try putInForce() }
    }

    /// The events behind the last that it got, in order.
    mutating func take(_ slice: EventSlice) throws(Failure) {
        try slice.visit { (journaled) throws(Failure) in
            let event: Event
            do throws(StateError) {
                event = try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time)
            } catch {
                throw .journal(.init(.refusedByState, "journal", "LSN \(journaled.lsn.value): \(error.reason)"))
            }
            isOver = group.events.isEmpty && event.time >= draft.to
            guard !isOver else { return false }
            group.append(event, journaled.bytes)
            if group.isWhole {
                do throws(StorageError) { try play() } catch { throw .journal(error) }
                group.removeAll()
            }
            return true
        }
    }

    // MARK: The rule

    /// Loads and activates the rule on trial, right behind the last event.
    private mutating func putInForce() throws(Failure) {
        // As late as it may be: what was due before is priced as it was.
        let soon = ledger.lastTime + TimeSpan(nanoseconds: 1)
        let now = draft.from > soon + .seconds(1) ? draft.from - TimeSpan(nanoseconds: 2) : soon
        if book == nil {
            let check = RuleCheck(
                draft.rule, source: source,
                catalogue: draft.rule == .spacePurchase ? ledger.spacesOnSale(at: now) : [],
                sizes: draft.rule == .storage ? ledger.storageSizes(limit: RuleCheck.maximumSizes) : [],
                scale: ledger.scale(of: draft.rule))
            if let finding = check.findings.first { throw .refused(.rule(finding.text)) }
            book = check.book
            // Where it is loaded already, that is refused, and as good.
            _ = decide(
                .ruleLoad(RuleLoad(name: draft.rule, identity: trial, source: Array(source.utf8))), at: now)
        }
        let activate = RuleActivate(name: draft.rule, identity: trial, at: nil, book: book ?? PriceBook())
        if case .rejected(let rejection) = decide(.ruleActivate(activate), at: now) { throw .refused(rejection) }
        activations = ledger.activations
    }

    /// What had been scheduled before would have another version price from now on: not here.
    private mutating func stayInForce() {
        guard ledger.activations != activations else { return }
        activations = ledger.activations
        guard ledger.activeRule(draft.rule) != trial else { return }
        report.isSame = false
        do throws(Failure) { try putInForce() } catch {
            differ(group.first, "the version on trial could not be kept in force: \(error)")
        }
    }

    // MARK: A group

    private mutating func play() throws(StorageError) {
        report.events += group.events.count
        report.through = group.events[group.events.count - 1].lsn
        let beginsUnit = group.time != lastEnd + TimeSpan(nanoseconds: 1)
        lastEnd = group.end
        if group.isOfTimers {
            report.timers += group.events.count
            if report.isSame {
                if fired.isEmpty { try fireNext() }
            } else {
                if beginsUnit || fired.isEmpty && !group.isAhead {
                    clock = group.time
                    try fire(all: false)
                }
                if fired.isEmpty, group.isAhead { _ = try fireAhead(.own(.ordinal(group.first.user)), .none) }
            }
            return try pairTimers()
        }
        let (ask, event) = try behind.ask(behind: group, ledger)
        if case .start(let start) = ask {
            // It comes before what was due.
            clock = group.time
            return try command(.engineStart(start), event, isAsked: false)
        }
        if beginsUnit {
            clock = group.time
            if !report.isSame { try fire(all: false) }
        }
        try drain()
        switch ask {
        case .command(let command):
            report.commands += 1
            if !report.isSame, isBehind, try !fireAhead(command.dueBefore, event.actor) { try fire(all: true) }
            try drain()
            try self.command(command, event)
        case .again: try again(event)
        case .putsOutOfForce:
            report.skipped += 1
            report.isSame = false
            passOver()
        case .moot:
            report.commands += 1
            report.moot += 1
            passOver()
        case .follows: passOver()
        case .start: break
        }
    }

    /// The group happens in the journal's world only.
    private mutating func passOver() {
        for event in group.events { worlds.recorded(event) }
    }

    // MARK: Timers

    /// Fires the timer that the journal's group says is next: how many the writer took at once, only it knew.
    private mutating func fireNext() throws(StorageError) {
        decision.batch.removeAll()
        var isThere = true
        // Some give nothing, and stand nowhere.
        while decision.batch.count == 0, isThere {
            if group.isAhead {
                let subject = Subject.ordinal(group.first.user)
                isThere =
                    ledger.fireTimers(ahead: .own(subject), by: .none, at: group.time, limit: 1, into: &decision)
                    .fired > 0
            } else {
                isThere = ledger.fireTimers(at: group.time, limit: 1, into: &decision).fired > 0
            }
        }
        fired.fill(from: decision.batch)
        stayInForce()
    }

    /// In a world of its own, fires what is due, about as the writer does: as much as one unit takes; `all`: before a
    /// command that waits for it.
    private mutating func fire(all: Bool) throws(StorageError) {
        try drain()
        isBehind = false
        while let due = ledger.nextTimer, due <= clock {
            decision.batch.removeAll()
            var (count, isDone) = (0, false)
            while !isDone, count < Writer.timersPerDrain, decision.batch.byteCount < CommitUnit.target {
                let step = ledger.fireTimers(at: clock, limit: Writer.timersPerGroup, into: &decision)
                (count, isDone) = (count + step.cost, step.isDone)
            }
            fired.fill(from: decision.batch)
            if !report.isSame { try drain() }
            stayInForce()
            isBehind = !isDone
            guard all, !isDone else { return }
            try drain()
        }
    }

    /// The same for what is due to one user, ahead of others. Returns whether that was all.
    private mutating func fireAhead(_ due: DueBefore, _ actor: PassportOrdinal) throws(StorageError) -> Bool {
        try drain()
        decision.batch.removeAll()
        let ahead = ledger.fireTimers(
            ahead: due, by: actor, at: clock, limit: Writer.timersPerGroup, into: &decision)
        fired.fill(from: decision.batch)
        return ahead.isReady
    }

    /// What timers gave that the journal does not have, or has elsewhere.
    mutating func drain() throws(StorageError) {
        while !fired.isEmpty { try here(fired.takeNext(), byTimer: true) }
    }

    private mutating func pairTimers() throws(StorageError) {
        for index in group.events.indices {
            let event = group.events[index]
            if group.withBytes(of: index, { fired.isNext($0) }) {
                if behind.refunded.isEmpty {
                    fired.skip()
                    worlds.both(event)
                } else {
                    let here = fired.takeNext()
                    worlds.both(event)
                    try behind.refunded.note(here, shard: ledger.shard)
                    try behind.refunded.match(event, here)
                }
                continue
            }
            if report.isSame {
                report.timersUnlike += 1
                differ(event, "\(event.body.code), of a timer: not as it was")
            }
            if !fired.isEmpty { try here(fired.takeNext(), byTimer: true) }
            worlds.recorded(event)
            behind.refunded.match(timer: event)
        }
    }

    /// An event that happened here; `byTimer`: without a counterpart so far.
    mutating func here(_ event: Event, byTimer: Bool = false) throws(StorageError) {
        worlds.decided(event)
        try behind.refunded.note(event, shard: ledger.shard, byTimer: byTimer)
    }

    // MARK: Commands

    private mutating func decide(_ command: Command, at now: Timestamp) -> Outcome {
        decide(Request(actor: .none, command: command), at: now)
    }

    mutating func decide(_ request: Request, at now: Timestamp) -> Outcome {
        decision.batch.removeAll()
        let price = answers.price(ledger.prepare(request, at: now), in: ledger)
        return ledger.decide(request, price: price, at: now, into: &decision)
    }

    /// `isAsked`: by somebody, so that it counts.
    private mutating func command(_ command: Command, _ event: Event, isAsked: Bool = true) throws(StorageError) {
        guard event.actor == .none || Int(event.actor.value) < ledger.passportCount else {
            report.moot += 1
            return passOver()
        }
        if event.origin == .script { hasScripts = true }
        var request = Request(
            actor: event.actor, key: group.events.lazy.compactMap(\.key).first, labels: event.labels,
            origin: event.origin, command: command)
        // What is accepted without OVER is the same with it.
        if report.isSame { request.command = command.saidOver ?? command }
        var outcome = decide(request, at: group.time)
        if case .rejected(.frozen) = outcome, let over = request.command.saidOver {
            // What a user may is no question of prices: it was said.
            request.command = over
            outcome = decide(request, at: group.time)
        }
        decided.fill(from: decision.batch)
        stayInForce()
        switch outcome {
        case .accepted: try pair(event, isAsked: isAsked)
        case .replayed, .recorded: try refused(request.command, nil, event)
        case .rejected(let rejection): try refused(request.command, rejection, event)
        }
    }

    private mutating func refused(_ command: Command, _ rejection: Rejection?, _ event: Event) throws(StorageError) {
        while !decided.isEmpty { try here(decided.takeNext()) }
        var isMoot = rejection == nil
        if case .closed = rejection { isMoot = true }
        if case .notFound = rejection { isMoot = true }
        if case .ruleExists = rejection { isMoot = true }
        if let rejection, !isMoot {
            worlds.refuse("\(command.name)", rejection.code, group.events)
            differ(event, "\(command.name) is refused: \(rejection.code) \(rejection.text)")
        } else {
            report.moot += 1
            if report.isSame { differ(event, "\(command.name) is about something that is not there") }
        }
        for event in group.events {
            if case .holdPlaced = event.body { behind.note(hold: event.id(shard: ledger.shard), is: nil) }
        }
        passOver()
    }

    /// The command was accepted in both worlds.
    private mutating func pair(_ event: Event, isAsked: Bool) throws(StorageError) {
        let isEqual =
            decided.count == group.events.count
            && group.events.indices.allSatisfy { index in
                group.withBytes(of: index) { decided.isEqual(index, to: $0) }
            }
        var others: [Event] = []
        for recorded in group.events {
            if isEqual, recorded.lsn == decided.nextLSN, behind.refunded.isEmpty {
                decided.skip()
                worlds.both(recorded)
                continue
            }
            if isEqual { worlds.both(recorded) } else { worlds.recorded(recorded) }
            guard !decided.isEmpty else { continue }
            let other = decided.takeNext()
            if isEqual {
                try behind.refunded.note(other, shard: ledger.shard)
            } else {
                try here(other)
            }
            if case .holdPlaced = recorded.body {
                behind.note(hold: recorded.id(shard: ledger.shard), is: other.id(shard: ledger.shard))
            }
            try behind.refunded.match(recorded, other)
            others.append(other)
        }
        while !decided.isEmpty {
            others.append(decided.takeNext())
            try here(others[others.count - 1])
        }
        if isAsked { compare(event, others, isEqual: isEqual) }
    }
}

extension Command {
    /// The same with OVER; nil: it is no charge, or has it.
    fileprivate var saidOver: Command? {
        guard case .creditCharge(var charge) = self, !charge.over else { return nil }
        charge.over = true
        return .creditCharge(charge)
    }
}
