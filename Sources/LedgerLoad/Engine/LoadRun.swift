internal import Histogram
internal import NIOCore
internal import NIOPosix

/// One run of a load: connects, drives, drains, and puts together what the event loops counted.
struct LoadRun: Sendable {
    let plan: LoadPlan
    let options: LoadOptions
    let target: LoadTarget
    let group: MultiThreadedEventLoopGroup

    /// Takes as long as warm-up, duration and draining do. The monitor hears of every second.
    func run(_ monitor: LoadMonitor) async throws(LoadError) -> RunOutcome {
        guard options.connections >= options.threads else {
            throw .usage(
                "\(options.threads) threads need at least as many connections; there are \(options.connections)")
        }
        let loops = Array(group.makeIterator().prefix(options.threads))
        do {
            var workers: [NIOLoopBound<LoadWorker>] = []
            for (number, loop) in loops.enumerated() {
                let worker = try await loop.submit {
                    NIOLoopBound(
                        LoadWorker(
                            plan, options, target, number: number, workers: loops.count, eventLoop: loop,
                            monitor: monitor),
                        eventLoop: loop)
                }.get()
                workers.append(worker)
            }
            for (worker, loop) in zip(workers, loops) {
                try await loop.flatSubmit { worker.value.connect() }.get()
            }
            let start = MonotonicClock.now() + 20_000_000
            let startWall = MonotonicClock.wall() + 20_000_000
            let ends = zip(workers, loops).map { worker, loop in
                loop.flatSubmit { () -> EventLoopFuture<WorkerResult> in
                    let promise = loop.makePromise(of: WorkerResult.self)
                    worker.value.run(at: start, promise)
                    return promise.futureResult
                }
            }
            var result = WorkerResult(operations: plan.operations.count, sources: plan.sources.count)
            for end in ends { result.add(try await end.get()) }
            return RunOutcome(plan, options, result, monitor.seconds, startWall: startWall)
        } catch {
            throw error as? LoadError ?? LoadError("\(error)")
        }
    }
}

/// What a run measured.
package struct RunOutcome: Sendable {
    package var options: LoadOptions
    /// All operations together.
    package var all: Measured
    /// By kind, in the scenario's order.
    package var operations: [(name: String, measured: Measured)]
    package var seconds: [Second]
    /// By source.
    package var acknowledged: [String: Acknowledged]
    var samples: [String: ReceiptSample]
    package var arrivals: Int
    package var dropped: Int
    /// Had no answer when draining ended.
    package var unfinished: Int
    package var commands: Int
    package var reconnects: Int
    /// Nanoseconds that were measured.
    package var nanoseconds: UInt64
    /// Completed within what was measured, a second.
    package var rate: Double
    package var lateness: LatencyHistogram
    /// Of its core, by the busiest event loop: 0 to 1.
    package var clientLoad: Double
    /// When it began: unix nanoseconds by this machine's clock.
    package var startWall: UInt64

    init(
        _ plan: LoadPlan, _ options: LoadOptions, _ result: WorkerResult, _ seconds: [Second], startWall: UInt64
    ) {
        self.options = options
        all = result.all
        operations = zip(plan.operations, result.operations).map { ($0.name, $1) }
        self.seconds = seconds
        acknowledged = Dictionary(uniqueKeysWithValues: zip(plan.sources, result.acknowledged))
        samples = Dictionary(uniqueKeysWithValues: zip(plan.sources, result.samples))
        arrivals = result.arrivals
        dropped = result.dropped
        unfinished = result.unfinished
        commands = result.commands
        reconnects = result.reconnects
        nanoseconds = result.measuredNanoseconds
        let time = max(Double(result.measuredNanoseconds), 1)
        rate = Double(result.completedInTime) * 1e9 / time
        lateness = result.lateness
        clientLoad = Double(result.cpuNanoseconds) / time
        self.startWall = startWall
    }

    /// Operations a second that were asked for; nil in a closed loop.
    package var offered: Double? {
        options.mode.isOpen ? Double(arrivals) * 1e9 / max(Double(nanoseconds), 1) : nil
    }

    /// Of what was answered or lost, the share that was not answered well.
    package var errorShare: Double {
        let total = all.completed + all.failed
        return total == 0 ? 0 : Double(all.failed) / Double(total)
    }

    /// Of the rates of the measured seconds.
    package var rateDeviation: Double {
        let rates = seconds.filter { !$0.isWarmup && $0.nanoseconds > 900_000_000 }.map(\.rate)
        guard rates.count > 1 else { return 0 }
        let mean = rates.reduce(0, +) / Double(rates.count)
        return (rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count - 1)).squareRoot()
    }

    /// Why what was measured is about this client rather than the server; empty where it is not.
    package var clientLimits: [String] {
        var limits: [String] = []
        if clientLoad > 0.9 {
            limits.append(
                "its event loop was busy for \(Units.fixed(clientLoad * 100, digits: 0)) % of the time: "
                    + "--threads gives it more, another machine is better")
        }
        let late = lateness.valueAtPercentile(99)
        if lateness.totalCount > 0, late > 1_000_000 {
            limits.append(
                "1 % of the arrivals that found a free client were handed out \(Units.duration(late)) late or "
                    + "more; this is part of the response times")
        }
        return limits
    }

    package func value(of metric: Threshold.Metric, operation: String?) -> Double? {
        let measured: Measured
        if let operation {
            guard let found = operations.first(where: { $0.name == operation }) else { return nil }
            measured = found.measured
        } else {
            measured = all
        }
        switch metric {
        case .percentile(let percent): return Double(measured.response.valueAtPercentile(percent))
        case .maximum: return Double(measured.response.max)
        case .mean: return measured.response.mean
        case .errors:
            let total = measured.completed + measured.failed
            return total == 0 ? 0 : Double(measured.failed) / Double(total)
        case .rate:
            return operation == nil ? rate : Double(measured.completed) * 1e9 / max(Double(nanoseconds), 1)
        case .dropped: return Double(dropped)
        }
    }

    /// Throws where a threshold names an operation that there is not.
    package func verdicts(_ thresholds: [Threshold]) throws(LoadError) -> [Verdict] {
        var verdicts: [Verdict] = []
        for threshold in thresholds {
            guard let value = value(of: threshold.metric, operation: threshold.operation) else {
                throw .usage(
                    "\"\(threshold.text)\": there is no operation '\(threshold.operation ?? "")'; there are "
                        + operations.map(\.name).joined(separator: ", "))
            }
            let answered = operations.first { $0.name == threshold.operation }?.measured ?? all
            let isMeasured = !threshold.isLatency || answered.completed > 0
            verdicts.append(Verdict(threshold, measured: isMeasured ? value : nil))
        }
        return verdicts
    }

    /// Of the canonical workload, whose closed loop this is: rates are judged by it, latencies and dropped arrivals by
    /// `half`, the open loop behind it, and errors by the one that had more of them. Where there was no open loop,
    /// because nothing was answered or it was ended before, what it should have measured was not.
    package func verdicts(_ thresholds: [Threshold], half: RunOutcome?) throws(LoadError) -> [Verdict] {
        let here = try verdicts(thresholds)
        let there = try half?.verdicts(thresholds)
        return here.indices.map { index -> Verdict in
            switch thresholds[index].metric {
            case .rate: return here[index]
            case .percentile, .maximum, .mean, .dropped:
                return there?[index] ?? Verdict(thresholds[index], measured: nil)
            case .errors:
                guard let there, there[index].measured ?? 0 > here[index].measured ?? 0 else { return here[index] }
                return there[index]
            }
        }
    }
}
