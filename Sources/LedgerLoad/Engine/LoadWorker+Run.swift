internal import Glibc
internal import Histogram
internal import NIOCore
internal import NIOPosix

/// From connecting to the end of a run.
extension LoadWorker {
    private var isolated: NIOIsolatedEventLoop { eventLoop.assumeIsolated() }

    private func at(_ time: UInt64, _ body: @escaping () -> Void) {
        isolated.scheduleTask(deadline: .uptimeNanoseconds(time)) { body() }
    }

    /// Opens all connections; fails with the first that is refused.
    func connect() -> EventLoopFuture<Void> {
        EventLoopFuture.andAllSucceed(connections.map { connect($0) }, on: eventLoop)
    }

    private func connect(_ connection: LoadConnection) -> EventLoopFuture<Void> {
        let greeted = eventLoop.makePromise(of: Void.self)
        let words = ["HELLO", "3"] + (target.passport.map { ["AUTH", "default", $0] } ?? [])
        let greeting = ByteBuffer(
            string: "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined())
        let handler = NIOLoopBound(connection, eventLoop: eventLoop)
        let peer = target.peer
        ClientBootstrap(group: eventLoop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            // Many replies come together when commands are pipelined.
            .channelOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 4096, initial: 16384, maximum: 262_144)
            )
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
            }
            .connect(host: target.host, port: target.port)
            .whenComplete { outcome in
                switch outcome {
                case .success: handler.value.greet(greeting, greeted)
                case .failure(let error): greeted.fail(LoadError("cannot connect to \(peer): \(error)"))
                }
            }
        return greeted.futureResult
    }

    /// Tries again until the run ends: the server may be starting anew.
    func reconnect(_ connection: LoadConnection) {
        at(MonotonicClock.now() + 200_000_000) { [self] in
            guard !isEnding else { return }
            connect(connection).assumeIsolated().whenComplete { [self] outcome in
                switch outcome {
                case .failure: reconnect(connection)
                case .success:
                    result.reconnects += 1
                    now = MonotonicClock.now()
                    let first = connection.number * options.pipeline
                    for slot in first..<first + options.pipeline where !slots[slot].isBusy { release(Int32(slot)) }
                    connection.flush()
                }
            }
        }
    }

    /// Begins at `time`, on the monotonic clock; the promise hears of the end.
    func run(at time: UInt64, _ promise: EventLoopPromise<WorkerResult>) {
        completion = promise
        started = time
        measuredFrom = time + options.measuredFrom
        end = time + options.arrivalTime
        secondBegan = time
        at(time) { [self] in
            now = MonotonicClock.now()
            if schedule == nil {
                beginAll()
            } else {
                for slot in 0..<slotCount { freeSlots.append(Int32(slot)) }
                advanceSchedule()
                pump()
            }
        }
        at(measuredFrom) { [self] in cpuAtStart = MonotonicClock.threadTime() }
        at(end) { [self] in finishArrivals() }
        tick(1)
    }

    /// Clients that think do not all begin at once.
    private func beginAll() {
        switch plan.think {
        case .none:
            for slot in 0..<slotCount { begin(Int32(slot), intended: now) }
            for connection in connections { connection.flush() }
        case .constant, .exponential:
            for slot in 0..<slotCount { release(Int32(slot)) }
        }
    }

    // MARK: Arrivals

    private func advanceSchedule() { nextArrival = nextDrawn().map { started + $0 } }

    /// Hands out what is due. The clock is not looked at again: a loop that reads does so anyway.
    func arriveDue() {
        while let intended = nextArrival, intended <= now {
            advanceSchedule()
            let isMeasured = intended >= measuredFrom
            if isMeasured { result.arrivals += 1 }
            if let slot = freeSlots.popFirst() {
                if isMeasured { result.lateness.record(min(now - intended, 3_500_000_000_000)) }
                begin(slot, intended: intended)
            } else if backlog.count < backlogLimit {
                backlog.append(intended)
            } else {
                second.dropped += 1
                if isMeasured { result.dropped += 1 }
            }
        }
    }

    /// Hands out what is due and comes again when the next is, at most every 50 µs: what is less apart goes together.
    func pump() {
        now = MonotonicClock.now()
        arriveDue()
        for connection in connections { connection.flush() }
        guard let next = nextArrival, !isPumpScheduled, !isEnding else { return }
        isPumpScheduled = true
        at(max(next, now + 50_000)) { [self] in
            isPumpScheduled = false
            pump()
        }
    }

    // MARK: The end

    private func tick(_ number: Int) {
        at(started + UInt64(number) * 1_000_000_000) { [self] in
            guard completion != nil, !isEnding else { return }
            closeSecond()
            if monitor.isStopped { return finishArrivals() }
            tick(number + 1)
        }
    }

    private func closeSecond() {
        let now = MonotonicClock.now()
        second.end = now - started
        second.nanoseconds = now - secondBegan
        second.isWarmup = second.end <= options.measuredFrom
        second.waiting = backlog.count
        let number = second.number
        monitor.publish(second)
        second = SecondPart(number: number + 1, end: 0, nanoseconds: 0)
        secondBegan = now
    }

    /// Nothing begins any more that has not arrived.
    private func finishArrivals() {
        guard !isEnding else { return }
        now = MonotonicClock.now()
        if now >= end { arriveDue() }
        isEnding = true
        nextArrival = nil
        end = min(end, now)
        result.measuredNanoseconds = end > measuredFrom ? end - measuredFrom : 0
        result.cpuNanoseconds = MonotonicClock.threadTime() - cpuAtStart
        if secondBegan + 500_000_000 < now { closeSecond() }
        for connection in connections { connection.flush() }
        drain(until: now + options.drain)
    }

    private func drain(until deadline: UInt64) {
        now = MonotonicClock.now()
        guard busy > 0 || !backlog.isEmpty, now < deadline else { return complete() }
        at(now + 2_000_000) { [self] in drain(until: deadline) }
    }

    private func complete() {
        result.unfinished = busy + backlog.count
        backlog.removeAll()
        for connection in connections {
            for slot in connection.inFlight { forget(slot) }
            connection.inFlight.removeAll()
            connection.close()
        }
        completion?.succeed(result)
        completion = nil
        // Connections and worker hold each other: what is closed by then needs the worker no more.
        at(now + 1_000_000_000) { [self] in letGo() }
    }
}

func logarithm(_ value: Double) -> Double { log(value) }
