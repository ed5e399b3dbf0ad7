@testable import LedgerLoad

extension RunOutcome {
    /// What a run brings home whose event loop counted this within a second; of the operations `charge` and `look`.
    static func made(
        seconds: [Second] = [], startWall: UInt64 = 0, _ change: (inout LoadOptions, inout WorkerResult) -> Void
    ) throws -> RunOutcome {
        let source = """
            return function(p)
              return { mix = { { name = "charge", charge = "api", "CHARGE" }, { name = "look", "GET" } } }
            end
            """
        let scenario = try ScenarioReader.read(name: "s", source: source, parameters: [:])
        var options = LoadOptions()
        var result = WorkerResult(operations: 2, sources: 1)
        result.measuredNanoseconds = 1_000_000_000
        change(&options, &result)
        return RunOutcome(try LoadPlan(scenario, .init()), options, result, seconds, startWall: startWall)
    }
}

extension WorkerResult {
    /// So many charges were answered, each after so long.
    mutating func answer(_ count: Int, after nanoseconds: UInt64) {
        for _ in 0..<count {
            all.record(response: nanoseconds, service: nanoseconds)
            operations[0].record(response: nanoseconds, service: nanoseconds)
        }
        completedInTime += count
    }

    /// So many charges were answered by this error.
    mutating func refuse(_ count: Int, _ code: String) {
        all.errors[code, default: 0] += count
        operations[0].errors[code, default: 0] += count
    }
}
