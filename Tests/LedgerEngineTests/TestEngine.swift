import LedgerCore
import LedgerRules
import LedgerStorage
import LedgerTestKit
import Logging

@testable import LedgerEngine

/// An engine whose tests speak to it like one event loop that waits for every answer.
final class TestEngine: Sendable {
    static var silence: SwiftLogNoOpLogHandler { SwiftLogNoOpLogHandler() }
    static let noon = Timestamp("2026-03-01T12:00:00Z")!

    let engine: Engine
    let clock: ManualClock
    let admin: PassportSecret?
    let adminOrdinal: PassportOrdinal
    let fatal = Box<EngineError?>(nil)

    init(
        disk: any Disk = MemoryDisk(), at now: Timestamp = noon, path: String = "/ledger",
        _ change: (inout EngineConfiguration) -> Void = { _ in }
    ) throws {
        clock = ManualClock(now)
        var configuration = EngineConfiguration(.directory(path))
        configuration.disk = disk
        configuration.clock = clock
        configuration.segmentBytes = 4 << 20
        configuration.closingDelay = nil
        configuration.checkpoints = .never
        let fatal = fatal
        configuration.onFatal = { fatal.set($0) }
        change(&configuration)
        let opened = try Engine.open(configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        engine = opened.engine
        admin = opened.adminSecret
        adminOrdinal = PassportOrdinal(0)
    }

    func stop() { engine.stop() }

    /// Submits the items as one batch and waits for it.
    func work(_ items: [WorkItem]) -> [WorkResult] {
        let done = Latch()
        let batch = WorkBatch { _ in done.open() }
        for item in items { batch.append(item) }
        while !engine.submit(batch) {
            if fatal.get() != nil { return items.map { _ in .unknownOutcome } }
        }
        done.wait()
        return batch.results
    }

    @discardableResult
    func run(_ command: Command, key: IdempotencyKey? = nil, actor: PassportOrdinal? = nil) -> Outcome {
        guard case .outcome(let outcome) = work([command.item(actor ?? adminOrdinal, key)])[0] else {
            return .rejected(.busy("the outcome is unknown"))
        }
        return outcome
    }

    /// Fails the test with words when the command is refused.
    @discardableResult
    func accept(_ command: Command, key: IdempotencyKey? = nil) throws -> Event {
        switch run(command, key: key) {
        case .accepted(let event): return event
        case let other: throw Unexpected("\(other)")
        }
    }

    func read(_ query: Query) -> QueryResult {
        guard case .query(let result) = work([.query(query)])[0] else { return .rejected(.busy("no answer")) }
        return result
    }

    func examine(_ request: RuleRequest) -> RuleVerdict {
        let done = Latch()
        let verdict = Box<RuleVerdict?>(nil)
        let accepted = engine.examine(request) {
            verdict.set($0)
            done.open()
        }
        guard accepted else { return .refused(.busy("the queue is full")) }
        done.wait()
        return verdict.get()!
    }

    func load(_ name: RuleName, _ source: String, key: IdempotencyKey? = nil) -> Outcome {
        let source = Array(source.utf8)
        let verdict = examine(.load(name, source: source))
        return decide(.ruleLoad(actor: adminOrdinal, key: key, name: name, source: source, verdict: verdict))
    }

    func activate(
        _ name: RuleName, _ version: UInt32, at: Timestamp? = nil, key: IdempotencyKey? = nil
    ) -> Outcome {
        let verdict = examine(.version(name, version))
        return decide(
            .ruleActivate(actor: adminOrdinal, key: key, name: name, version: version, at: at, verdict: verdict))
    }

    func decide(_ item: WorkItem) -> Outcome {
        guard case .outcome(let outcome) = work([item])[0] else {
            return .rejected(.busy("the outcome is unknown"))
        }
        return outcome
    }

    func history(_ request: HistoryRequest) -> HistoryResult {
        let done = Latch()
        let result = Box<HistoryResult?>(nil)
        guard
            engine.read(
                request, for: Asker(),
                completion: {
                    result.set($0)
                    done.open()
                })
        else { return .fault("the queue is full") }
        done.wait()
        return result.get()!
    }

    // MARK: Commands in short

    func hash(_ user: String) -> Hash128 { engine.names.user(ShortText(user)!) }

    func createUser(_ id: String, _ type: UserType = .pro, email: String? = nil) -> Command {
        let email = Array((email ?? "\(id)@example.org").utf8)
        return .userCreate(
            UserCreate(
                id: ShortText(id)!, emailHash: email.withUnsafeBytes { engine.emailHash($0) }, email: email,
                name: Array("Name of \(id)".utf8), type: type))
    }

    func purchase(_ user: String, _ amount: String) -> Command {
        .creditPurchase(CreditPurchase(user: hash(user), amount: Money(amount)!, method: "stripe"))
    }

    func charge(_ user: String, _ amount: String, source: ShortText = "api", over: Bool = false) -> Command {
        .creditCharge(CreditCharge(user: hash(user), amount: Money(amount)!, source: source, over: over))
    }

    func user(_ id: String) throws -> UserRow {
        guard case .user(let row) = read(.user(hash(id))) else { throw Unexpected("no user \(id)") }
        return row
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Command {
    func item(_ actor: PassportOrdinal, _ key: IdempotencyKey? = nil) -> WorkItem {
        .command(Request(actor: actor, key: key, command: self))
    }
}

/// A value that threads share.
final class Box<Value: Sendable>: Sendable {
    private let value: Lock<Value>
    init(_ value: Value) { self.value = Lock(value) }
    func get() -> Value { value.withLock { $0 } }
    func set(_ new: Value) { value.withLock { $0 = new } }
    func update<R: Sendable>(_ body: @Sendable (inout Value) -> R) -> R { value.withLock { body(&$0) } }
}
