internal import Histogram
internal import NIOCore
internal import NIOPosix

/// One event loop's part of a run: its connections, the virtual clients on them, and what it counts. All of it is
/// touched on the event loop only.
///
/// A *slot* is a virtual client: one operation at a time, on one connection. In a closed loop a slot begins its next
/// operation when the one before is over. In an open loop operations arrive on a schedule of their own and take a free
/// slot, or wait for one; their response time counts from when they were meant to begin.
final class LoadWorker {
    struct Slot {
        var operation: Int32 = 0
        var step: Int32 = 0
        /// Nanoseconds of the monotonic clock.
        var intended: UInt64 = 0
        var sent: UInt64 = 0
        var isBusy = false
        /// The step that it waits for charges something.
        var awaitsReceipt = false
    }

    let plan: LoadPlan
    let options: LoadOptions
    let target: LoadTarget
    let eventLoop: any EventLoop
    let monitor: LoadMonitor
    /// This worker, and how many there are.
    let number: Int
    let workers: Int
    private(set) var connections: [LoadConnection] = []

    // Slots lie in plain memory: they are touched several times an operation.
    let slots: UnsafeMutablePointer<Slot>
    let slotCount: Int
    private let values: UnsafeMutablePointer<UInt64>
    private let stride: Int

    var result: WorkerResult
    private var generator: SeededGenerator
    /// Draws of sequential keys, and unique numbers, by operation and variable.
    private var turns: [UInt64]
    private var uniques: UInt64 = 0

    /// As of the last look at the clock.
    var now: UInt64 = 0
    var started: UInt64 = 0
    var measuredFrom: UInt64 = 0
    var end: UInt64 = .max
    var isEnding = false
    /// Slots that are busy.
    var busy = 0

    // Of the open loop.
    var schedule: ArrivalSchedule?
    var nextArrival: UInt64?
    var freeSlots = CircularBuffer<Int32>()
    var backlog = CircularBuffer<UInt64>()
    var backlogLimit: Int
    var isPumpScheduled = false

    var second = SecondPart(number: 0, end: 0, nanoseconds: 0)
    var secondBegan: UInt64 = 0
    var cpuAtStart: UInt64 = 0
    var completion: EventLoopPromise<WorkerResult>?

    init(
        _ plan: LoadPlan, _ options: LoadOptions, _ target: LoadTarget, number: Int, workers: Int,
        eventLoop: any EventLoop, monitor: LoadMonitor
    ) {
        self.plan = plan
        self.options = options
        self.target = target
        self.number = number
        self.workers = workers
        self.eventLoop = eventLoop
        self.monitor = monitor
        let mine = options.connections / workers + (number < options.connections % workers ? 1 : 0)
        slotCount = mine * options.pipeline
        stride = max(plan.variables, 1)
        slots = .allocate(capacity: max(slotCount, 1))
        slots.initialize(repeating: Slot(), count: slotCount)
        values = .allocate(capacity: max(slotCount, 1) * stride)
        values.initialize(repeating: 0, count: max(slotCount, 1) * stride)
        result = WorkerResult(operations: plan.operations.count, sources: plan.sources.count)
        generator = SeededGenerator(seed: options.seed &* 1_000_003 &+ UInt64(number))
        turns = Array(repeating: 0, count: plan.operations.count * stride)
        backlogLimit = max(1, options.backlog / workers)
        switch options.mode {
        case .closed: break
        case .open(let rate):
            schedule = ArrivalSchedule(
                rate: rate / Double(workers), nanoseconds: options.arrivalTime, arrivals: options.arrivals)
        case .ramp(let stages):
            schedule = ArrivalSchedule(stages: stages, share: 1 / Double(workers), arrivals: options.arrivals)
        }
        connections = (0..<mine).map { LoadConnection(number: $0, worker: self) }
        // Threads walk through sequential keys in parts of their own.
        for (index, operation) in plan.operations.enumerated() {
            for (position, variable) in operation.variables.enumerated() {
                if case .key(let keys) = variable {
                    turns[index * stride + position] = keys.count * UInt64(number) / UInt64(workers)
                }
            }
        }
    }

    deinit {
        slots.deallocate()
        values.deallocate()
    }

    func letGo() { connections.removeAll() }

    // MARK: An operation's life

    /// Begins an operation that was meant to begin at `intended`.
    func begin(_ slot: Int32, intended: UInt64) {
        let index = Int(slot)
        let operation = plan.operation(at: generator.unit())
        draw(operation, index)
        slots[index].operation = Int32(operation)
        slots[index].step = 0
        slots[index].intended = intended
        slots[index].sent = now
        slots[index].isBusy = true
        busy += 1
        send(slot)
    }

    /// Nanoseconds from the start to the next arrival.
    func nextDrawn() -> UInt64? { schedule?.next(&generator) }

    private func draw(_ operation: Int, _ slot: Int) {
        let variables = plan.operations[operation].variables
        for position in variables.indices {
            let value: UInt64
            switch variables[position] {
            case .key(let keys): value = keys.draw(&generator, turn: &turns[operation * stride + position])
            case .unique:
                value = uniques * UInt64(workers) + UInt64(number)
                uniques += 1
            case .between(let low, let high):
                let width = UInt64(bitPattern: high &- low) &+ 1
                value = UInt64(bitPattern: low) &+ (width == 0 ? generator.next() : generator.below(width))
            }
            values[slot * stride + position] = value
        }
    }

    private func send(_ slot: Int32) {
        let index = Int(slot)
        let connection = connections[index / options.pipeline]
        let operation = Int(slots[index].operation)
        let step = Int(slots[index].step)
        slots[index].awaitsReceipt = plan.operations[operation].steps[step].source >= 0
        plan.operations[operation].steps[step].template.render(values + index * stride, into: &connection.out)
        connection.inFlight.append(slot)
        result.commands += 1
    }

    func awaitsReceipt(_ slot: Int32) -> Bool { slots[Int(slot)].awaitsReceipt }

    /// A reply to the command that this slot waits for.
    func receive(
        _ slot: Int32, _ reply: UnsafeRawBufferPointer, _ scanner: ReplyScanner, _ connection: LoadConnection
    ) {
        let index = Int(slot)
        if scanner.isError { return finish(slot, error: ReplyScanner.code(reply)) }
        let operation = Int(slots[index].operation)
        if slots[index].awaitsReceipt { acknowledge(operation, Int(slots[index].step), reply, scanner) }
        slots[index].step += 1
        if Int(slots[index].step) < plan.operations[operation].steps.count { return send(slot) }
        finish(slot, error: nil)
    }

    private func acknowledge(
        _ operation: Int, _ step: Int, _ reply: UnsafeRawBufferPointer, _ scanner: ReplyScanner
    ) {
        let source = plan.operations[operation].steps[step].source
        let isMap = reply.first == UInt8(ascii: "%")
        guard let amount = scanner.amount ?? (isMap ? nil : plan.operations[operation].steps[step].amount) else {
            result.acknowledged[source].unreadable += 1
            return
        }
        guard !scanner.isReplayed else {
            result.acknowledged[source].replayed += 1
            return
        }
        result.acknowledged[source].receipts += 1
        result.acknowledged[source].nanos &+= amount
        if isMap, result.samples[source].isNext() { result.samples[source].append(reply) }
    }

    /// The operation is over; an error ends it where it stands.
    func finish(_ slot: Int32, error: String?) {
        let index = Int(slot)
        let intended = slots[index].intended
        slots[index].isBusy = false
        busy -= 1
        let response = now > intended ? now - intended : 0
        if let error {
            second.errors[error, default: 0] += 1
        } else {
            second.response.record(min(response, 3_500_000_000_000))
        }
        if intended >= measuredFrom {
            let operation = Int(slots[index].operation)
            if let error {
                result.all.errors[error, default: 0] += 1
                result.operations[operation].errors[error, default: 0] += 1
            } else {
                let service = now > slots[index].sent ? now - slots[index].sent : 0
                result.all.record(response: response, service: service)
                result.operations[operation].record(response: response, service: service)
            }
        }
        if error == nil, now >= measuredFrom, now < end { result.completedInTime += 1 }
        release(slot)
    }

    /// What a free slot does next.
    func release(_ slot: Int32) {
        guard connections[Int(slot) / options.pipeline].isReady else { return }  // until it is connected again
        if schedule != nil {
            if let intended = backlog.popFirst() { begin(slot, intended: intended) } else { freeSlots.append(slot) }
            return
        }
        guard !isEnding else { return }
        let pause: UInt64
        switch plan.think {
        case .none: return begin(slot, intended: now)
        case .constant(let nanoseconds): pause = nanoseconds
        case .exponential(let mean): pause = generator.exponential(mean: mean)
        }
        eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(now + pause)) { [self] in
            now = MonotonicClock.now()
            // The slot's connection may have been lost and found again meanwhile: then it began there.
            guard !isEnding, !slots[Int(slot)].isBusy, connections[Int(slot) / options.pipeline].isReady else { return }
            begin(slot, intended: now)
            connections[Int(slot) / options.pipeline].flush()
        }
    }

    /// The connection has ended: nobody knows what became of the commands under way on it.
    func lose(_ connection: LoadConnection) {
        now = MonotonicClock.now()
        let lost = Array(connection.inFlight)
        connection.inFlight.removeAll()
        for slot in lost { forget(slot) }
        freeSlots.removeAll { Int($0) / options.pipeline == connection.number }
        if !isEnding { reconnect(connection) }
    }

    /// The answer will never come.
    func forget(_ slot: Int32) {
        let index = Int(slot)
        let step = plan.operations[Int(slots[index].operation)].steps[Int(slots[index].step)]
        if step.source >= 0 {
            result.acknowledged[step.source].unknown += 1
            if let amount = step.amount, let sum = result.acknowledged[step.source].unknownNanos {
                result.acknowledged[step.source].unknownNanos = sum + amount
            } else {
                result.acknowledged[step.source].unknownNanos = nil
            }
        }
        finish(slot, error: "LOST")
    }

    /// All replies that came together are taken in: what they let begin goes out.
    func finishRead() {
        if schedule != nil { arriveDue() }
        for connection in connections { connection.flush() }
    }
}

extension SeededGenerator {
    /// Exponentially distributed, in nanoseconds; at most a thousand times the mean.
    mutating func exponential(mean: UInt64) -> UInt64 {
        UInt64(min(-logarithm(1 - unit()), 1000) * Double(mean))
    }
}
