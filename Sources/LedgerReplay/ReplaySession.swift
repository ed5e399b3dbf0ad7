package import LedgerCore
package import LedgerStorage
package import RESP

/// A recorded journal as a load: turned back into the commands that gave it, and sent to a new ledger in its order.
///
/// Where the server's time is driven, it is set to each recorded time before what was recorded then. What was due by
/// then happens as it did, and the two ledgers come to the same books, user by user; both are compared at the end.
/// Elsewhere prices, expiries and sessions go by another time: then it is load, and nothing is compared.
///
/// One connection, with as many commands under way as their answers are not needed for what comes next. Every command
/// is sent by a passport that stands for the one of the recording, so that its caps count: AUTH wherever another asks.
/// What nobody asked for by a passport (the owner at the prompt, the importer) is sent by one that is made for it.
package final class ReplaySession {
    package struct Options: Sendable {
        /// Recorded seconds to a second; nil: as fast as it goes.
        package var speed: Double?
        /// Commands in one write, or somewhat more.
        package var batch = 512
        /// The admin's secret, with which the port was opened, if that was a server.
        package var passport: String
        package init(passport: String) { self.passport = passport }
    }

    private let recording: Recording
    private let port: any CommandPort
    private let options: Options
    /// Told after each batch: how far it is.
    private let progress: (LSN, Timestamp) -> Void
    private let isWanted: () -> Bool
    private var translator: Translator
    private var report = ReplayReport()
    private var outbox: [Sent] = []
    private var underWay: (sent: [Sent], answers: Task<[RESPValue], any Error>)?
    /// Who speaks on the connection.
    private var speaker = Speaker.owner
    private var ownSecret = ""
    /// Where the server's time was set to, and when the last event before this one was recorded.
    private var clock = Timestamp.distantPast
    private var lastEnd = Timestamp.distantPast
    private var lastWasOfTimers = false
    private var began: ContinuousClock.Instant?

    private enum Speaker: Equatable {
        /// The passport that the session made for itself.
        case owner
        case passport(PassportOrdinal)
    }

    private struct Sent {
        enum Kind {
            case time
            case signIn
            /// In the place of something that is not asked again.
            case placeholder
            case command(Lesson)
        }
        let kind: Kind
        let name: String
        let words: [[UInt8]]
        /// The event of the recording that it leads to.
        let lsn: LSN
    }

    /// What the answer tells besides a number.
    private enum Lesson {
        case nothing
        case passport(PassportOrdinal)
        case rule(Translator.LoadedRule)
    }

    /// Throws when `directory` has no journal that can be replayed.
    package init(
        _ directory: String, on disk: any Disk, to port: any CommandPort, _ options: Options,
        isWanted: @escaping () -> Bool = { true }, progress: @escaping (LSN, Timestamp) -> Void = { _, _ in }
    ) throws(ReplayError) {
        recording = try Recording(directory, on: disk)
        self.port = port
        self.options = options
        self.isWanted = isWanted
        self.progress = progress
        translator = Translator(recording, isDriven: false)
        report.speed = options.speed
    }

    /// Sends all of it and compares. Throws when the ledger at the port is not new, when the connection is lost, or
    /// when the recording is damaged; what the server refuses is in the report.
    package func run() async throws(ReplayError) -> ReplayReport {
        let server = try await ReplayServer(port)
        report.isDriven = server.isDriven
        translator = Translator(recording, isDriven: server.isDriven)
        try await begin(at: server)
        while let group = try recording.group() {
            guard isWanted() else { throw ReplayError("interrupted") }
            try await play(group)
            try take(group)
        }
        try await drain()
        if let began { report.seconds = Self.seconds(since: began) }
        report.firstDeviation = translator.numbers.firstChange
        guard server.isDriven else { return report }
        try await signIn(.owner)
        try await drain()
        report.comparison = try await Comparing(recording, translator.users, port).run(at: clock)
        return report
    }

    // MARK: The beginning

    private func begin(at server: ReplayServer) async throws(ReplayError) {
        var beginning = Beginning()
        while !beginning.isWhole {
            guard let group = try recording.group() else {
                throw ReplayError("the recording ends before its ledger had begun")
            }
            try beginning.note(group)
            try take(group)
        }
        // The first passport of both is the admin's. Ten digits behind `fl_` name it.
        let admin = String(options.passport.dropFirst(3).prefix(PassportID.digits))
        translator.learn(PassportOrdinal(0), is: .known(id: admin, secret: options.passport))
        report.beginnings = try await beginning.repeatMissing(at: server, port, translator)
        let made = try await ReplayServer.ask(
            port, ["PASSPORT CREATE admin replay read,write,billing,monitor,admin SCOPE all"])[0]
        guard let secret = made["secret"]?.string, let lsn = made["lsn"]?.integer else {
            throw ReplayError("PASSPORT CREATE was answered without a secret")
        }
        ownSecret = secret
        _ = try await ReplayServer.ask(port, ["AUTH \(secret)"])
        translator.numbers.learn(beginning.lastLSN, is: LSN(UInt64(lsn)))
        // The server began at a time of its own: whatever comes first sets it.
        lastEnd = .distantPast
    }

    /// Folds a group, whether or not it was sent.
    private func take(_ group: RecordedGroup) throws(ReplayError) {
        translator.note(group)
        try recording.fold(group)
        lastEnd = group.end
        lastWasOfTimers = group.isOfTimers
        report.events += group.events.count
        report.groups += 1
    }

    // MARK: A group

    private func play(_ group: RecordedGroup) async throws(ReplayError) {
        // What was decided in one breath is sent in one, as far as that goes: what is due at once comes behind it.
        let isFull = outbox.count >= options.batch && (!follows(group) || outbox.count >= 8 * options.batch)
        if isFull { try await push() }
        try await keepPace(group.time)
        if translator.mustWait(for: group) { try await drain() }
        report.from = min(report.from, group.time)
        report.through = max(report.through, group.time)
        switch try translator.cause(of: group) {
        case .timers:
            report.timerGroups += 1
            translator.numbers.timers(through: group.lastLSN)
            try await setTime(group)
        case .start(let start):
            report.starts += 1
            try await setTime(group, away: start.downtime)
        case .remembered:
            report.remembered += 1
            guard report.isDriven else { return }
            try await setTime(group)
            send(.placeholder, CommandWords("CLOCK ACCEPT"), group.events[0].lsn)
        case .command(let words, let answer):
            try await signIn(as: answer.actor)
            try await setTime(group)
            report.commands[words.name, default: 0] += 1
            send(.command(lesson(of: answer)), words, answer.lsn)
            if case .ruleLoaded = answer.body { try await drain() }
        case .none(let why):
            report.unplayed[why, default: 0] += 1
            try await setTime(group)
        }
    }

    /// Whether a group was decided together with the one before it.
    private func follows(_ group: RecordedGroup) -> Bool { group.time == lastEnd + TimeSpan(nanoseconds: 1) }

    private func lesson(of answer: Event) -> Lesson {
        if case .passportCreated = answer.body {
            return .passport(PassportOrdinal(UInt32(translator.passports.count)))
        }
        if case .ruleLoaded(let it) = answer.body {
            return .rule(Translator.LoadedRule(name: it.name, identity: it.identity))
        }
        return .nothing
    }

    // MARK: Time

    /// Moves the server's time to that of a group. Events of one batch lie a nanosecond apart, and so do they here:
    /// only a group behind a gap needs a time of its own. So do the first of a round of timers and one that came due
    /// within it, however close: a time that is set lets fire what is due, before anything that is asked behind it.
    private func setTime(_ group: RecordedGroup, away: TimeSpan? = nil) async throws(ReplayError) {
        guard report.isDriven else { return }
        let beginsRound = group.isOfTimers && (!lastWasOfTimers || group.events[0].asOf > clock)
        guard away != nil || !follows(group) || beginsRound, group.time > clock else { return }
        // A passport that has ended since cannot say what time it is.
        if case .passport(let passport) = speaker, recording.ledger.refusal(of: passport, at: group.time) != nil {
            try await signIn(.owner)
        }
        var words = CommandWords("CLOCK SET", group.time)
        if let away { words.add("DOWN", group.time - away) }
        send(.time, words, group.events[0].lsn)
        clock = group.time
        report.timesSet += 1
    }

    /// Waits until a group's turn has come, with nothing left unsent.
    private func keepPace(_ time: Timestamp) async throws(ReplayError) {
        if began == nil { began = .now }
        guard let speed = options.speed, report.from != .never else { return }
        let recorded = Double((time - report.from).nanoseconds)
        let wait = recorded / speed - Self.seconds(since: began!) * 1e9
        guard wait > 1e6 else { return }
        try await drain()
        // In pieces, so that an interruption is not waited for.
        var rest = recorded / speed - Self.seconds(since: began!) * 1e9
        while rest > 0, isWanted() {
            try? await Task.sleep(nanoseconds: UInt64(min(rest, 200e6)))
            rest = recorded / speed - Self.seconds(since: began!) * 1e9
        }
    }

    private static func seconds(since instant: ContinuousClock.Instant) -> Double {
        let (seconds, attoseconds) = instant.duration(to: .now).components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    // MARK: Who asks

    private func signIn(as actor: PassportOrdinal) async throws(ReplayError) {
        try await signIn(translator.secret(actor) == nil ? .owner : .passport(actor))
    }

    private func signIn(_ next: Speaker) async throws(ReplayError) {
        guard next != speaker else { return }
        var secret = ownSecret
        if case .passport(let passport) = next, let known = translator.secret(passport) { secret = known }
        send(.signIn, CommandWords("AUTH", secret), .none)
        speaker = next
        report.signIns += 1
    }

    // MARK: The connection

    private func send(_ kind: Sent.Kind, _ words: CommandWords, _ lsn: LSN) {
        outbox.append(Sent(kind: kind, name: words.name, words: words.words, lsn: lsn))
    }

    /// Sends what waits, as soon as what was sent before is answered.
    private func push() async throws(ReplayError) {
        try await settle()
        guard !outbox.isEmpty else { return }
        let sent = outbox
        outbox.removeAll(keepingCapacity: true)
        let commands = sent.map(\.words)
        underWay = (sent, Task { [port] in try await port.send(commands) })
        if let last = sent.last(where: { !$0.lsn.isNone }) { progress(last.lsn, lastEnd) }
    }

    /// All that was sent is answered.
    private func drain() async throws(ReplayError) {
        try await push()
        try await settle()
    }

    private func settle() async throws(ReplayError) {
        guard let (sent, task) = underWay else { return }
        underWay = nil
        let answers: [RESPValue]
        do {
            answers = try await task.value
        } catch {
            throw ReplayError("\(error)")
        }
        for (sent, answer) in zip(sent, answers) { take(answer, to: sent) }
    }

    private func take(_ answer: RESPValue, to sent: Sent) {
        let lsn = answer["lsn"]?.integer.flatMap { UInt64(exactly: $0) }
        switch sent.kind {
        case .time, .signIn: break
        case .placeholder:
            if let lsn { translator.numbers.learn(sent.lsn, is: LSN(lsn)) }
        case .command(let lesson):
            if let lsn { translator.numbers.learn(sent.lsn, is: LSN(lsn)) }
            translator.numbers.answered(sent.lsn)
            take(lesson, answer)
        }
        guard let error = answer.error else { return }
        report.refused[error.code.isEmpty ? "ERR" : error.code, default: 0] += 1
        report.refusals.add("LSN \(sent.lsn.value), \(sent.name): \(error.text)")
    }

    private func take(_ lesson: Lesson, _ answer: RESPValue) {
        switch lesson {
        case .nothing: break
        case .passport(let passport):
            if let id = answer["passport"]?.string, let secret = answer["secret"]?.string {
                translator.learn(passport, is: .known(id: id, secret: secret))
            } else {
                translator.learn(passport, is: .missing)
            }
        case .rule(let rule):
            if let version = answer["version"]?.integer.flatMap({ UInt32(exactly: $0) }) {
                translator.learn(rule, isVersion: version)
            }
        }
    }
}
