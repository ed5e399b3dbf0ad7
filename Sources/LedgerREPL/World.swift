internal import LedgerCore
internal import RESP

/// The ledger that the prompt's commands are carried out in. All that goes by it asks ``port(over:)``; all that is
/// shown of it stands in ``Whereabouts``. Another one (the past, `at:…`) is a case here, and a word there.
package enum World: Hashable, Sendable {
    case ledger
    /// A fork of the connection, by its name.
    case fork(String)

    /// Where commands of this world go, on a connection to its ledger.
    func port(over port: any CommandPort) -> any CommandPort {
        switch self {
        case .ledger: port
        case .fork(let name): ForkPort(port: port, name: name)
        }
    }

    /// The fork's name.
    var fork: String? {
        switch self {
        case .ledger: nil
        case .fork(let name): name
        }
    }
}

/// A fork as a place to send commands to, by way of the connection that holds it. FORK itself goes past it: a fork has
/// none of its own, and so `FORK ADVANCE` means the same inside and outside.
///
/// Where the fork is gone every command is refused, and none reaches the ledger.
struct ForkPort: CommandPort {
    let port: any CommandPort
    let name: String

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        let prefix = ["FORK", "RUN", name].map { Array($0.utf8) }
        return try await port.send(
            commands.map { words in
                let first = words.first.map { String(decoding: $0, as: UTF8.self).uppercased() }
                return first == "FORK" ? words : prefix + words
            })
    }
}

/// What the prompt says of where one is: ` 918302 fork:f1+20d ro`, ` 918302 at:2026-11-01T00:00:00Z ro`. The last event
/// that reads see, the world and how far its clock is ahead, or when it is looked at, and whether it takes writes; what
/// is not known is left out.
struct Whereabouts: Hashable, Sendable {
    var lsn: Int64?
    var world = World.ledger
    /// How far a fork's clock was moved on.
    var ahead = TimeSpan.zero
    /// The ledger is looked at as it was then.
    var moment: String?
    var isReadOnly = false
    /// Between MULTI and EXEC.
    var isInTransaction = false

    var text: String {
        var words = lsn.map { ["\($0)"] } ?? []
        switch world {
        case .ledger: break
        case .fork(let name):
            let span = SpanText.text(seconds: ahead.nanoseconds / 1_000_000_000).filter { $0 != " " }
            words.append("fork:" + DisplayText.sanitized(name) + (ahead.nanoseconds >= 1_000_000_000 ? "+" + span : ""))
        }
        if let moment { words.append("at:" + moment) }
        if isReadOnly { words.append("ro") }
        if isInTransaction { words.append("multi") }
        return words.map { " " + $0 }.joined()
    }
}

/// A fork of this connection, as FORK LIST tells of it.
struct ListedFork: Sendable {
    var name: String
    /// The last event that the fork and the ledger both have.
    var lsn: Int64
    /// What its clock shows, and what it showed at first.
    var time: Timestamp
    var began: Timestamp

    init?(_ row: RESPValue) {
        guard let name = row["name"]?.string, let lsn = row["lsn"]?.integer,
            let time = row["time"]?.string.flatMap({ Timestamp($0) })
        else { return nil }
        (self.name, self.lsn, self.time) = (name, lsn, time)
        began = row["began"]?.string.flatMap { Timestamp($0) } ?? time
    }

    static func list(_ answer: RESPValue?) -> [ListedFork]? {
        guard let answer, answer.error == nil, let items = answer.elements else { return nil }
        // A list of maps, or a page of one.
        let rows = Rendering.page(of: items).map { $0.rows.map { RESPValue.map($0) } } ?? items
        return rows.compactMap { ListedFork($0) }
    }
}

extension REPL {
    /// Where commands go: to the ledger, or the fork that was entered.
    var reach: any CommandPort { world.port(over: port) }

    // MARK: Going there and back

    /// `.use f`: by the fork's name, or by a variable that holds it.
    mutating func use(_ arguments: [String], _ rendering: Rendering) async -> Outcome {
        guard arguments.count == 1 else { return usage(.use) }
        // A variable may have another name than its fork.
        let names = [lua.forkName(of: arguments[0]), arguments[0]].compactMap { $0 }
        return await enter(names, rendering)
    }

    /// Enters the first of these forks that there is.
    mutating func enter(_ names: [String], _ rendering: Rendering) async -> Outcome {
        let forks: [ListedFork]
        do {
            let answer = try await send([["FORK", "LIST"].map { Array($0.utf8) }])[0]
            if let error = answer.error { return Outcome(errors: rendering.text(of: .error(error)), failed: true) }
            forks = ListedFork.list(answer) ?? []
        } catch {
            return Outcome(errors: "\(error)\n", failed: true)
        }
        guard let fork = names.lazy.compactMap({ name in forks.first { $0.name == name } }).first else {
            let known = forks.map(\.name).joined(separator: ", ")
            let hint = forks.isEmpty ? "f = fork() makes one" : "there is " + known
            let name = DisplayText.sanitized(names.last ?? "")
            return Outcome(errors: "no fork \(name): \(DisplayText.sanitized(hint))\n", failed: true)
        }
        if world == .ledger { known.branch() }
        world = .fork(fork.name)
        mustAskMode = true
        guard case .tables = rendering.layout else { return Outcome() }
        let name = DisplayText.sanitized(fork.name)
        let text = "in fork \(name), at \(fork.time): what is done here touches nobody, .leave goes back"
        return Outcome(output: DisplayText.wrapped(text, to: rendering.width, indent: 0) + "\n")
    }

    mutating func leave(_ rendering: Rendering) -> Outcome {
        guard world != .ledger else {
            return Outcome(errors: "this is the ledger itself: no fork was entered\n", failed: true)
        }
        returnToLedger()
        return Outcome()
    }

    mutating func returnToLedger() {
        world = .ledger
        known.endBranch()
        mustAskMode = true
    }

    // MARK: Where one is

    /// What stands in the prompt, see ``Whereabouts``. Nothing where the ledger does not answer at once: the prompt
    /// waits for nobody.
    ///
    /// A fork that is no more (it was dropped, or its connection ended) is left here and nowhere else, and ``notice``
    /// says so: whatever was typed for it before is refused, and nothing of that reaches the ledger.
    package mutating func place() async -> String {
        guard !isInTransaction else {
            // Whatever was asked now would be queued.
            return Whereabouts(
                world: world, moment: options.moment, isReadOnly: isReadOnly, isInTransaction: true
            ).text
        }
        var asked = [Self.whichLSN]
        if options.moment != nil { (isReadOnly, mustAskMode) = (true, false) }
        if mustAskMode { asked.append(Self.whichMode) }
        if world != .ledger { asked.append(Self.whichForks) }
        let (reach, commands) = (self.reach, asked)
        var shown = Whereabouts(world: world, moment: options.moment)
        guard let answers = await Self.within(.milliseconds(300), { try? await reach.send(commands) }) ?? nil else {
            return shown.text
        }
        if let fork = world.fork, let forks = ListedFork.list(answers.last) {
            guard let entered = forks.first(where: { $0.name == fork }) else {
                returnToLedger()
                notice = "fork \(DisplayText.sanitized(fork)) is gone: this is the ledger again"
                return await place()
            }
            shown.ahead = entered.time - entered.began
        }
        if mustAskMode, answers.count > 1 {
            let mode = answers[1].string?.split(whereSeparator: \.isNewline).first { $0.hasPrefix("read_only:") }
            isReadOnly = mode.map { $0 != "read_only:no" } ?? isReadOnly
            // Whoever may not see INFO learns it from an answer.
            mustAskMode = isReadOnly && mode != nil
        }
        (shown.lsn, shown.isReadOnly) = (answers[0].integer, isReadOnly)
        return shown.text
    }

    private static let whichLSN = ["WAIT", "0"].map { Array($0.utf8) }
    private static let whichMode = ["INFO", "ledger"].map { Array($0.utf8) }
    private static let whichForks = ["FORK", "LIST"].map { Array($0.utf8) }

    private static func within<T: Sendable>(_ limit: Duration, _ work: @escaping @Sendable () async -> T) async -> T? {
        let (ends, end) = AsyncStream.makeStream(of: T?.self)
        let task = Task { end.yield(await work()) }
        let clock = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            end.yield(nil)
        }
        defer {
            clock.cancel()
            task.cancel()
        }
        for await first in ends { return first }
        return nil
    }
}
