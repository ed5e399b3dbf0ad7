// What a charge costs the writer's thread between its place in the queue and its bytes on disk, counted: an allocation
// or a copy that comes in shows here. Exit code 1 where it costs more than it may.

import CountedMemory
import Glibc
import LedgerCore
import LedgerEngine
import Logging
import Synchronization

// A build for debugging copies every value that it passes on, and keeps some in boxes: there the counts hold the line
// where it is; the others say what is true of the program that people run.
#if DEBUG
let (mostAllocations, mostCopiedBytes) = (60.0, 60_000.0)
#else
let (mostAllocations, mostCopiedBytes) = (0.05, 420.0)
#endif

/// Loads of work, one after the other; each comes back on the writer's thread when it is on disk.
final class Loads: @unchecked Sendable {  // one thread at a time, by the semaphore
    private var done = sem_t()
    private(set) var counts = counted_memory()
    let engine: Engine

    init(_ engine: Engine) {
        self.engine = engine
        sem_init(&done, 0, 0)
    }

    /// What the writer's thread had counted when it was done with as many of these.
    func run(_ command: Command, times: Int) -> counted_memory {
        let batch = WorkBatch { batch in
            for result in batch.results {
                guard case .outcome(.accepted) = result else { fatalError("refused: \(result)") }
            }
            self.counts = counted_memory()
            sem_post(&self.done)
        }
        for _ in 0..<times { batch.append(.command(command)) }
        guard engine.submit(batch) else { fatalError("not taken") }
        sem_wait(&done)
        return counts
    }
}

var template = Array("/tmp/florin-cost-XXXXXX".utf8CString)
let directory = String(cString: mkdtemp(&template))
var configuration = EngineConfiguration(.directory(directory))
configuration.checkpoints = .never
configuration.segmentBytes = 4 << 20
let engine = try Engine.open(configuration, logger: Logger(label: "cost") { _ in SwiftLogNoOpLogHandler() }).engine
let loads = Loads(engine)
let user = engine.names.user("ada")
_ = loads.run(.userCreate(UserCreate(id: "ada", emailHash: .zero, email: .none, type: .pro)), times: 1)
_ = loads.run(
    .creditPurchase(CreditPurchase(user: user, amount: Money("1000")!, method: "card", reference: "r")), times: 1)

let charge = Command.creditCharge(CreditCharge(user: user, amount: Money(nanos: 1), source: "api"))
let count = 1000
// Buffers grow at first; then what a load costs besides is the same for one charge as for a thousand.
for _ in 0..<4 { _ = loads.run(charge, times: count) }
let start = loads.run(charge, times: 1)
let one = loads.run(charge, times: 1)
let many = loads.run(charge, times: count)
engine.stop()
_ = system("rm -r '\(directory)'")

func each(_ field: (counted_memory) -> UInt64) -> Double {
    (Double(field(many) - field(one)) - Double(field(one) - field(start))) / Double(count - 1)
}
func rounded(_ number: Double) -> Double { (number * 100).rounded() / 100 }
let (allocations, copied) = (rounded(each(\.allocations)), rounded(each(\.copied_bytes)))
print(
    "a charge, on the writer's thread: \(allocations) allocations (at most \(mostAllocations)), \(copied) bytes copied")
exit(allocations <= mostAllocations && copied <= mostCopiedBytes ? 0 : 1)
