internal import NIOCore
internal import NIOPosix
package import RESP

/// A scenario and a server: set up once, then run as often as it takes, and reconciled at the end.
package final class LoadSession {
    package let scenario: Scenario
    package let target: LoadTarget
    /// A connection aside from the load: set-up, books, events.
    package let control: any CommandPort
    /// `florin`, `redis`, `valkey`, …, as the greeting says.
    package let server: String
    private let group: MultiThreadedEventLoopGroup
    private let runTag: String
    private var runs = 0
    private var context = CommandTemplate.Context()
    /// Of all runs so far.
    private(set) var acknowledged: [String: Acknowledged] = [:]
    private(set) var samples: [String: ReceiptSample] = [:]
    private var booksBefore: Books?

    /// `threads`: event loops that drive the load. Reads the scenario: its mistakes are thrown here.
    package init(
        scenario: Scenario, target: LoadTarget, control: any CommandPort, server: String, threads: Int
    ) {
        self.scenario = scenario
        self.target = target
        self.control = control
        self.server = server
        group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        runTag = String(MonotonicClock.wall() / 1_000_000, radix: 36)
    }

    /// Reads a scenario from its source. `parameters` come from the command line; `server` is added to them.
    package static func scenario(
        name: String, source: String, parameters: [String: Parameter], server: String
    ) throws(LoadError) -> Scenario {
        var parameters = parameters
        if parameters["server"] == nil { parameters["server"] = .text(server) }
        return try ScenarioReader.read(name: name, source: source, parameters: parameters)
    }

    /// Who answers there, as the greeting says.
    package static func server(at control: any CommandPort) async throws(LoadError) -> String {
        try await ask(control, ["HELLO", "3"])["server"]?.string?.lowercased() ?? "unknown"
    }

    /// Loads the scripts and runs the set-up; then looks at the books. `progress` hears of shares of 0 to 1.
    package func setUp(_ progress: @escaping @Sendable (Double) -> Void) async throws(LoadError) {
        for (name, source) in scenario.scripts {
            context.digests[name] = try await ask(["SCRIPT", "LOAD", source]).string ?? ""
        }
        try await SetupRunner(steps: scenario.setup, control: control, tag: runTag, digests: context.digests)
            .run(into: &context.lists, progress)
        booksBefore = try await Books.read(control, server: server, scenario: scenario)
    }

    /// One run. What it was acknowledged is added to what ``reconcile()`` compares.
    package func run(_ options: LoadOptions, _ monitor: LoadMonitor) async throws(LoadError) -> RunOutcome {
        runs += 1
        var context = context
        context.runTag = "\(runTag)\(runs)"
        let plan = try LoadPlan(scenario, context)
        let outcome = try await LoadRun(plan: plan, options: options, target: target, group: group).run(monitor)
        for (source, part) in outcome.acknowledged { acknowledged[source, default: Acknowledged()].add(part) }
        for (source, part) in outcome.samples { samples[source, default: ReceiptSample()].add(part) }
        return outcome
    }

    /// Compares the books with what was acknowledged; nil where the server has no books and the scenario names none.
    package func reconcile() async throws(LoadError) -> Reconciliation? {
        guard let before = booksBefore,
            let after = try await Books.read(control, server: server, scenario: scenario)
        else { return nil }
        let looked = try await ReceiptLookup(control: control).look(server == "florin" ? samples : [:])
        return Reconciliation(before: before, after: after, acknowledged: acknowledged, receipts: looked)
    }

    package func close() async { try? await group.shutdownGracefully() }

    func ask(_ words: [String]) async throws(LoadError) -> RESPValue { try await Self.ask(control, words) }

    static func ask(_ control: any CommandPort, _ words: [String]) async throws(LoadError) -> RESPValue {
        let answer: RESPValue
        do { answer = try await control.call(words) } catch { throw LoadError("\(error)") }
        if let error = answer.error {
            throw LoadError("\(words.prefix(2).joined(separator: " ")) was refused: \(error.text)")
        }
        return answer
    }
}
