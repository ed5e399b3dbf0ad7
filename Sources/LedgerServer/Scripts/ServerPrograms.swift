internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerScript
internal import LedgerStorage
internal import RESP

/// A program as the dispatcher hands it over and gets it back.
///
/// Unchecked Sendable: it belongs to its event loop, to the thread that decides while it runs, and to the loop again
/// behind that; batches pass it on, and order memory.
class ServerProgram: Program, @unchecked Sendable {
    enum Stage {
        case ready
        /// With the room that its answer takes.
        case done((inout RESPWriter) -> Void, ProgramAnswers.Claim? = nil)
        case failed(String)
        /// It was taken back: to be run again when this is at hand.
        case needs(HistoryRequest)
        /// It did not run: others of its connection come first.
        case early
    }

    /// Its place among the programs of its connection.
    struct Turn {
        let order: ProgramOrder
        let number: UInt64
    }

    let origin: EventOrigin
    let script: [UInt8]?
    let key: IdempotencyKey?
    let name: StaticString
    /// Nobody knows what a script will ask for.
    var dueBefore: [DueBefore] { [.everything] }
    var runner: CommandRunner
    var stage = Stage.ready
    var turn: Turn?
    private let random: FixedRandom

    /// Records of the journal that one program may need.
    static let mostFetched = 64

    init(
        _ name: StaticString, _ origin: EventOrigin, script: [UInt8]? = nil, key: IdempotencyKey? = nil,
        _ runner: CommandRunner
    ) {
        (self.name, self.origin, self.script, self.key) = (name, origin, script, key)
        self.runner = runner
        let random = FixedRandom()
        self.random = random
        self.runner.context.random = { random.next() }
    }

    func run(_ ledger: ProgramLedger) -> ProgramEnd {
        guard turn.map({ $0.order.isTurn(of: $0.number) }) ?? true else {
            stage = .early
            return .takeBack
        }
        let began = MonotonicTime.now
        random.begin()
        let end = work(ledger)
        turn?.order.spend(MonotonicTime.now &- began)
        if isOver { wasAnswered() }
        return end
    }

    var isOver: Bool {
        switch stage {
        case .done, .failed: true
        case .ready, .needs, .early: false
        }
    }

    func wasAnswered() {
        if let turn { turn.order.advance(past: turn.number) }
    }

    /// Decides, and says in ``stage`` what came of it.
    func work(_ ledger: ProgramLedger) -> ProgramEnd { preconditionFailure("a program without work") }

    func needs(_ request: HistoryRequest) -> ProgramEnd {
        stage =
            runner.journal.fetches < Self.mostFetched
            ? .needs(request)
            : .failed(
                "ERR a program may need \(Self.mostFetched) records of the journal, and those of a user who changes "
                    + "meanwhile anew: read them outside of it (with redis-py: pipeline(transaction=False))")
        return .takeBack
    }
}

/// The same values in every run of a program, so that a second run goes the way of the first. (SplitMix64.)
private final class FixedRandom: @unchecked Sendable {
    private let seed = UInt64.random(in: .min ... .max)
    private var state: UInt64 = 0

    func begin() { state = seed }

    func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed &>> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed &>> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed &>> 31
    }
}

/// EVAL.
final class ScriptProgram: ServerProgram, @unchecked Sendable {
    private let compiled: Script
    private let evaluation: Evaluation
    private let host: ScriptHost

    init(
        _ compiled: Script, _ evaluation: Evaluation, key: IdempotencyKey?, _ host: ScriptHost,
        _ runner: CommandRunner
    ) {
        (self.compiled, self.evaluation, self.host) = (compiled, evaluation, host)
        super.init("EVAL", .script, script: compiled.identity, key: key, runner)
    }

    override func work(_ ledger: ProgramLedger) -> ProgramEnd {
        var missing: HistoryRequest?
        let outcome = host.run(compiled, keys: evaluation.keys, arguments: evaluation.arguments) { words in
            do throws(MissingRecord) {
                return .value(try self.call(words, ledger))
            } catch {
                missing = error.request
                return .abandon
            }
        }
        switch outcome {
        case .abandoned:
            guard let missing else {
                stage = .failed("ERR the script ran out of memory between two calls")
                return .takeBack
            }
            return needs(missing)
        case .failed(let error):
            stage = .failed(error.kind == .refusal ? error.text : "ERR \(error.text)")
            return .takeBack
        case .values(let values):
            let value = RESPValue(returned: values)
            var writer = RESPWriter(version: .v3)
            writer.value(value)
            guard !writer.bytes.withUnsafeBytes({ Echo.looksSecret($0) }) else {
                stage = .failed("ERR the script returned a text with fl_ in it, as passports have: nothing was done")
                return .takeBack
            }
            // One that is too long to be kept is refused anyway.
            let isShort = writer.bytes.count <= ScriptRun.mostValue
            guard key == nil || !isShort || !ledger.hasPersonalText(writer.bytes) else {
                stage = .failed(
                    "ERR the script returned an e-mail, a name or another text about a person, and what a script with "
                        + "a key returns is kept in the journal: return ids instead; nothing was done")
                return .takeBack
            }
            guard let claim = host.answers.claim(writer.bytes.count) else {
                stage = .failed(ProgramAnswers.full)
                return .takeBack
            }
            stage = .done({ $0.scriptValue(value) }, claim)
            // Without a key nobody will ever ask for it again.
            return .keep(value: key == nil ? [] : writer.bytes)
        }
    }

    private func call(
        _ words: [[UInt8]], _ ledger: ProgramLedger
    ) throws(MissingRecord) -> RESPValue {
        let parsed: ParsedCommand
        do throws(CommandError) {
            parsed = try runner.parse(words)
        } catch {
            return .error(RESPError(code: error.code, message: error.text))
        }
        var writer = RESPWriter(version: .v3)
        try runner.perform(parsed, in: ledger, to: &writer)
        guard let value = RESPValue(decoding: writer.bytes) else {
            preconditionFailure("an answer of our own cannot be read")
        }
        return value
    }
}

/// EXEC.
final class TransactionProgram: ServerProgram, @unchecked Sendable {
    private let commands: [ParsedCommand]
    private let watched: [(user: Hash128, event: LSN)]
    private let version: RESPVersion
    private let answers: ProgramAnswers
    /// Milliseconds that it may take the thread that decides.
    private let limit: Int

    /// Bytes of answers.
    private static let most = 64 << 20

    /// A thousand charges are a few milliseconds; a thousand long lists are seconds, for which everybody would wait. It
    /// is taken back after ten times what a script may take.
    init(
        _ commands: [ParsedCommand], watched: [(user: Hash128, event: LSN)], _ version: RESPVersion,
        _ host: ScriptHost, _ runner: CommandRunner
    ) {
        (self.commands, self.watched, self.version) = (commands, watched, version)
        answers = host.answers
        limit = host.budget.milliseconds * 10
        super.init("EXEC", .transaction, runner)
    }

    override var dueBefore: [DueBefore] { watched.map { .own(.user($0.user)) } + commands.map(\.dueBefore) }

    override func work(_ ledger: ProgramLedger) -> ProgramEnd {
        guard watched.allSatisfy({ ledger.lastEvent(of: $0.user) == $0.event }) else {
            stage = .done({ $0.nullArray() })
            return .takeBack
        }
        var writer = RESPWriter(version: version)
        writer.array(commands.count)
        let end = MonotonicTime.now + UInt64(limit) * 1_000_000
        for command in commands {
            guard MonotonicTime.now < end, writer.bytes.count < Self.most else {
                stage = .failed(
                    "ERR the transaction took more than \(limit) ms, or its answers more than \(Self.most >> 20) MB: "
                        + "nothing was done; ask for less in one (with redis-py: pipeline(transaction=False))")
                return .takeBack
            }
            do throws(MissingRecord) {
                try runner.perform(command, in: ledger, to: &writer)
            } catch {
                return needs(error.request)
            }
        }
        let bytes = writer.bytes
        guard let claim = answers.claim(bytes.count) else {
            stage = .failed(ProgramAnswers.full)
            return .takeBack
        }
        stage = .done({ $0.bytes.append(contentsOf: bytes) }, claim)
        return .keep(value: [])
    }
}

/// WATCH: notes which event about each user was the last, behind everything that the connection asked before.
final class WatchProgram: ServerProgram, @unchecked Sendable {
    private let users: [Hash128]
    private(set) var watched: [(user: Hash128, event: LSN)] = []

    init(_ users: [Hash128], _ runner: CommandRunner) {
        self.users = users
        super.init("WATCH", .transaction, runner)
    }

    override var dueBefore: [DueBefore] { users.map { .own(.user($0)) } }

    override func work(_ ledger: ProgramLedger) -> ProgramEnd {
        watched = users.map { ($0, ledger.lastEvent(of: $0)) }
        stage = .done({ $0.ok() })
        return .keep(value: [])
    }
}
