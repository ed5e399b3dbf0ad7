import CountedMemory
import Glibc
import LedgerCore
import LedgerEngine
import Logging

/// What is counted.
enum Operation: String, CaseIterable {
    case charge = "a charge"
    case keyedCharge = "a charge with a KEY"
    case record = "SESSION RECORD"
    case admission = "SESSION ADMIT and STOP"
    case verification = "PASSPORT VERIFY"

    /// So many of one between two marks.
    static let counted = 300

    struct Cost {
        let allocations: Double
        let copiedBytes: Double
        let instructions: Double
    }

    /// Processors differ in how their instructions hash and seal, so those of a build for debugging have some room.
    ///
    /// A build for debugging copies every value that it passes on, and keeps some in boxes: there the counts hold the
    /// line where it is; the others say what is true of the program that people run.
    var most: Cost {
        #if DEBUG
        switch self {
        case .charge: Cost(allocations: 55, copiedBytes: 30_000, instructions: 340_000)
        case .keyedCharge: Cost(allocations: 55, copiedBytes: 32_000, instructions: 370_000)
        case .record: Cost(allocations: 42, copiedBytes: 22_000, instructions: 380_000)
        case .admission: Cost(allocations: 158, copiedBytes: 90_000, instructions: 1_000_000)
        case .verification: Cost(allocations: 2.2, copiedBytes: 4500, instructions: 60_000)
        }
        #else
        switch self {
        case .charge: Cost(allocations: 0.05, copiedBytes: 420, instructions: 14_800)
        case .keyedCharge: Cost(allocations: 0.05, copiedBytes: 420, instructions: 16_700)
        case .record: Cost(allocations: 3.1, copiedBytes: 1260, instructions: 24_000)
        case .admission: Cost(allocations: 8.5, copiedBytes: 5300, instructions: 64_500)
        case .verification: Cost(allocations: 2, copiedBytes: 100, instructions: 12_000)
        }
        #endif
    }
}

/// A ledger of one user with credit and a passport, in a directory of its own.
final class Ledger: @unchecked Sendable {  // one thread at a time, by the semaphore
    private let directory = temporaryDirectory()
    private let engine: Engine
    private let user: Hash128
    private let secret = PassportSecret.mint()
    private var done = sem_t()
    private var counts = counted_memory()
    /// Numbers for what must have a name of its own.
    private var named = 0

    init() {
        var configuration = EngineConfiguration(.directory(directory))
        configuration.checkpoints = .never
        configuration.segmentBytes = 4 << 20
        do {
            engine = try Engine.open(configuration, logger: Logger(label: "cost") { _ in SwiftLogNoOpLogHandler() })
                .engine
        } catch {
            fatalError("\(error)")
        }
        user = engine.names.user("ada")
        sem_init(&done, 0, 0)
        let proof = engine.reads.proof(of: secret)
        let purchase = CreditPurchase(user: user, amount: Money("1000")!, method: "card", reference: "r")
        let passport = PassportCreate(
            user: user, id: proof.id, digest: proof.digest, lastFour: 0, name: .clear(Array("cost".utf8)),
            permissions: .all, scope: .own)
        run { batch in
            batch.append(.command(.userCreate(UserCreate(id: "ada", emailHash: .zero, email: .none, type: .admin))))
            batch.append(.command(.creditPurchase(purchase)))
            batch.append(.issue(.passportCreate(passport), secret))
        }
    }

    func close() {
        engine.stop()
        _ = system("rm -r '\(directory)'")
    }

    /// What the thread that does it had counted when it was done with as many: the writer's, and of what needs no
    /// writer the calling one.
    func run(_ operation: Operation, times: Int) -> counted_memory {
        if operation == .verification {
            for _ in 0..<times {
                guard case .valid = engine.reads.verify(engine.reads.proof(of: secret), at: engine.now()) else {
                    fatalError("a passport was refused")
                }
            }
            return counted_memory()
        }
        return run { batch in
            for _ in 0..<times { append(operation, to: batch) }
        }
    }

    private func append(_ operation: Operation, to batch: WorkBatch) {
        named += 1
        let charge = Command.creditCharge(CreditCharge(user: user, amount: Money(nanos: 1), source: "api"))
        let session = ShortText("s-\(named)")!
        switch operation {
        case .charge: batch.append(.command(charge))
        case .keyedCharge:
            let key = IdempotencyKey(scope: engine.names.hash(.key, session), arguments: 1)
            batch.append(.command(charge), key: key)
        case .record:
            let now = engine.now()
            batch.append(
                .command(
                    .sessionRecord(
                        SessionRecord(
                            session: session, user: user, tier: .small, from: now - .seconds(1), to: now,
                            arguments: .zero))))
        case .admission:
            batch.append(
                .admit(
                    SessionStart(user: user, session: session, tier: .small, timeToLive: .minutes(5)),
                    engine.reads.proof(of: secret)))
            batch.append(.command(.sessionStop(SessionStop(session: engine.names.session(session)))))
        case .verification: preconditionFailure("not for the writer")
        }
    }

    /// Runs what `fill` appends.
    @discardableResult
    private func run(_ fill: (WorkBatch) -> Void) -> counted_memory {
        let batch = WorkBatch { batch in
            for result in batch.results {
                guard case .outcome(.accepted) = result else { fatalError("refused: \(result)") }
            }
            self.counts = counted_memory()
            sem_post(&self.done)
        }
        fill(batch)
        guard engine.submit(batch) else { fatalError("not taken") }
        sem_wait(&done)
        return counts
    }
}
