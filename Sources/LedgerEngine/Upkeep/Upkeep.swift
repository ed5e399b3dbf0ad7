internal import LedgerCore
internal import LedgerStorage
internal import Logging

/// The housekeeper, a thread of low priority: room in front of the writer, compressed history behind it, the clock, and
/// checkpoints. Comes round once a second, and when somebody pokes.
///
/// Whatever it finds that must stop decisions goes to the ``Gate``; whatever it mends opens it again.
///
/// Unchecked Sendable: `isPoked`, `isStopping` are touched under the monitor only; the rest is the thread's own or
/// constant.
final class Upkeep: @unchecked Sendable {
    private let journal: Journal
    private let clock: any LedgerClock
    private let gate: Gate
    private let logger: Logger
    private let checkpoints: Checkpoints
    private let latencies: LatencyLog
    private let hasFailed: @Sendable () -> Bool
    private let passportUse: PassportUse
    private let isReading: Bool
    private var rounds = 0
    private let pokeWriter: @Sendable () -> Void
    private let monitor = Monitor()
    private var isPoked = false
    private var isStopping = false
    private var thread: NamedThread?
    private let status: Lock<ClockStatus>
    private var warned: (clock: String?, room: String?) = (nil, nil)

    private static let round: UInt64 = 1_000_000_000
    /// With fewer journal batches of room than this, and no prospect of more, nothing is decided any more.
    private static let scarce = 6

    /// `isReading`: nothing is written to the journal, so it needs no room.
    init(
        journal: Journal, clock: any LedgerClock, gate: Gate, checkpoints: Checkpoints, latencies: LatencyLog,
        passportUse: PassportUse, isReading: Bool, logger: Logger, hasFailed: @escaping @Sendable () -> Bool,
        pokeWriter: @escaping @Sendable () -> Void
    ) {
        self.journal = journal
        self.clock = clock
        self.gate = gate
        self.checkpoints = checkpoints
        self.latencies = latencies
        self.passportUse = passportUse
        self.isReading = isReading
        self.logger = logger
        self.hasFailed = hasFailed
        self.pokeWriter = pokeWriter
        status = Lock(ClockStatus())
    }

    var clockStatus: ClockStatus { status.withLock { $0 } }

    func start() {
        thread = NamedThread.start("upkeep", nice: 5) { [self] in
            while !monitor.withLock({
                monitor.wait(nanoseconds: Self.round) { isPoked || isStopping }
                isPoked = false
                return isStopping
            }) { goRound() }
        }
    }

    func poke() {
        monitor.withLock {
            isPoked = true
            monitor.wake()
        }
    }

    func stop() {
        monitor.withLock {
            isStopping = true
            monitor.wake()
        }
        thread?.join()
        thread = nil
        passportUse.save()
    }

    /// Also called once before the threads start.
    func goRound() {
        lookAtClock()
        // After a failure nothing is written any more: the next start looks at the disk itself.
        if hasFailed() || isReading { return }
        makeRoom()
        checkpoints.consider()
        rounds += 1
        if rounds % 60 == 0 { passportUse.save() }
    }

    private func lookAtClock() {
        let status = clock.discipline()
        self.status.withLock { $0 = status }
        let words = status.refusal ?? status.warning
        if (words == nil) != (warned.clock == nil) {
            if let words {
                // What makes the ledger read-only is the gate's to say.
                if status.refusal == nil { logger.warning("the clock is off", metadata: ["clock": "\(words)"]) }
            } else {
                logger.info("the clock is good again")
            }
        }
        warned.clock = words
        if gate.setClock(status.refusal) { pokeWriter() }
    }

    private func makeRoom() {
        var trouble: String?
        if journal.needsMaintenance {
            let began = MonotonicTime.now
            do throws(StorageError) {
                // At once, and whatever was used up meanwhile: the writer may be asleep for want of it.
                try journal.maintain(onRoom: pokeWriter)
                latencies.record(.seal, since: began)
            } catch {
                trouble = error.description
                if warned.room == nil { logger.error("the journal's upkeep failed", metadata: ["fault": "\(error)"]) }
            }
        }
        if warned.room != nil, trouble == nil { logger.info("the journal's upkeep works again") }
        warned.room = trouble
        let isShort = journal.roomFault != nil && journal.batchesOfRoom < Self.scarce
        let refusal =
            isShort ? "no room for the journal's next segment: \(journal.roomFault?.description ?? trouble ?? "")" : nil
        if gate.setRoom(refusal) { pokeWriter() }
    }
}
