import LedgerCore
import LedgerRules
import LedgerStorage
import LedgerTestKit
import Logging

@testable import LedgerEngine

/// Asks any engine for one item, and waits; `.none`: it takes nothing any more.
func work(_ engine: Engine, _ item: WorkItem) -> WorkResult {
    let done = Latch()
    let batch = WorkBatch(capacity: 1) { _ in done.open() }
    batch.append(item)
    guard engine.submit(batch) else { return .none }
    done.wait()
    return batch.results[0]
}

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
    func work(_ items: [Asked]) -> [WorkResult] { worked(items)?.results ?? items.map { _ in .unknownOutcome } }

    private func worked(_ items: [Asked]) -> WorkBatch? {
        let done = Latch()
        let batch = WorkBatch { _ in done.open() }
        for asked in items { batch.append(asked) }
        while !engine.submit(batch) { if fatal.get() != nil { return nil } }
        done.wait()
        return batch
    }

    /// As `work` for commands alone, with the events that answer.
    func decided(_ items: [Asked]) -> [Decided] {
        guard let batch = worked(items) else { return items.map { _ in .rejected(.busy("the outcome is unknown")) } }
        return batch.results.map { result in
            guard case .outcome(let outcome) = result else { return .rejected(.busy("the outcome is unknown")) }
            switch outcome {
            case .accepted(let reference): return .accepted(batch.event(reference))
            case .replayed(let lsn): return .replayed(lsn)
            case .recorded(let lsn, let arguments): return .recorded(lsn, arguments: arguments)
            case .rejected(let rejection): return .rejected(rejection)
            }
        }
    }

    @discardableResult
    func run(_ command: Command, key: IdempotencyKey? = nil, actor: PassportOrdinal? = nil) -> Decided {
        decided([command.item(actor ?? adminOrdinal, key)])[0]
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

    func load(_ name: RuleName, _ source: String, key: IdempotencyKey? = nil) -> Decided {
        let source = Array(source.utf8)
        let verdict = examine(.load(name, source: source))
        return decide(.ruleLoad(actor: adminOrdinal, key: key, name: name, source: source, verdict: verdict))
    }

    func activate(
        _ name: RuleName, _ version: UInt32, at: Timestamp? = nil, key: IdempotencyKey? = nil
    ) -> Decided {
        let verdict = examine(.version(name, version))
        return decide(
            .ruleActivate(actor: adminOrdinal, key: key, name: name, version: version, at: at, verdict: verdict))
    }

    func decide(_ item: Asked) -> Decided { decided([item])[0] }

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

    func event(_ lsn: LSN) throws -> Event {
        guard case .event(let event) = history(.event(lsn)) else { throw Unexpected("no event \(lsn)") }
        return event
    }

    /// SNAPSHOT: waits for it, and for nothing that comes behind it.
    func snapshot() -> Result<LSN, EngineError> {
        let result = Box<Result<LSN, EngineError>?>(nil)
        let done = Latch()
        engine.snapshot {
            result.set($0)
            done.open()
        }
        done.wait()
        return result.get()!
    }

    func info() throws -> EngineInfo {
        guard case .info(let info) = work([.info])[0] else { throw Unexpected("no info") }
        return info
    }

    // MARK: Commands in short

    func hash(_ user: String) -> Hash128 { engine.names.user(ShortText(user)!) }

    func createUser(_ id: String, _ type: UserType = .pro, email: String? = nil) -> Command {
        let email = Array((email ?? "\(id)@example.org").utf8)
        return .userCreate(
            UserCreate(
                id: ShortText(id)!, emailHash: email.withUnsafeBytes { try! engine.emailHash($0) },
                email: .clear(email),
                name: .clear(Array("Name of \(id)".utf8)), type: type))
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
    func item(_ actor: PassportOrdinal, _ key: IdempotencyKey? = nil) -> Asked {
        Asked(item: .command(self), actor: actor, key: key)
    }
}

/// A work item, who asks, and under which key.
struct Asked: Sendable {
    var item: WorkItem
    var actor = PassportOrdinal.none
    var key: IdempotencyKey?
    var labels = Labels.none

    static let barrier = Asked(item: .barrier)
    static let info = Asked(item: .info)
    static let clock = Asked(item: .clock)
    static func query(_ query: Query) -> Asked { Asked(item: .query(query)) }
    static func verify(_ proof: PassportProof) -> Asked { Asked(item: .verify(proof)) }
    static func quote(user: Hash128, tier: Tier, duration: TimeSpan) -> Asked {
        Asked(item: .quote(user: user, tier: tier, duration: duration))
    }
    static func storageSizes(of users: Range<Int>) -> Asked { Asked(item: .storageSizes(of: users)) }
    static func ruleMaterial(_ name: RuleName, version: UInt32?) -> Asked {
        Asked(item: .ruleMaterial(name, version: version))
    }
    static func admit(
        _ start: SessionStart, by actor: PassportOrdinal, key: IdempotencyKey? = nil, _ proof: PassportProof
    ) -> Asked { Asked(item: .admit(start, proof), actor: actor, key: key) }
    static func ruleLoad(
        actor: PassportOrdinal, key: IdempotencyKey?, name: RuleName, source: [UInt8], verdict: RuleVerdict
    ) -> Asked { Asked(item: .ruleLoad(name: name, source: source, verdict: verdict), actor: actor, key: key) }
    static func ruleActivate(
        actor: PassportOrdinal, key: IdempotencyKey?, name: RuleName, version: UInt32, at: Timestamp?,
        verdict: RuleVerdict
    ) -> Asked {
        Asked(
            item: .ruleActivate(name: name, version: version, at: at, verdict: verdict), actor: actor, key: key)
    }
}

extension WorkBatch {
    func append(_ asked: Asked) { append(asked.item, by: asked.actor, key: asked.key, labels: asked.labels) }
}

/// A value that threads share.
final class Box<Value: Sendable>: Sendable {
    private let value: Lock<Value>
    init(_ value: Value) { self.value = Lock(value) }
    /// An array with storage of its own: that a reader has let go of one, which then is written in place, is known to
    /// its reference count, and to nothing that ThreadSanitizer sees.
    func get() -> Value {
        value.withLock { value in
            guard let shared = value as? any SharingStorage, let own = shared.copied() as? Value else { return value }
            return own
        }
    }
    func set(_ new: Value) { value.withLock { $0 = new } }
    func update<R: Sendable>(_ body: @Sendable (inout Value) -> R) -> R { value.withLock { body(&$0) } }
}

private protocol SharingStorage {
    func copied() -> Self
}
extension Array: SharingStorage {
    fileprivate func copied() -> Self { map { $0 } }
}
