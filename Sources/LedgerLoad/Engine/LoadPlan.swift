/// Where the load goes.
package struct LoadTarget: Sendable {
    package var host: String
    package var port: Int
    package var passport: String?

    package init(host: String, port: Int, passport: String?) {
        self.host = host
        self.port = port
        self.passport = passport
    }

    package var peer: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

/// How operations begin.
package enum LoadMode: Hashable, Sendable {
    /// Each virtual client begins its next operation when the one before is answered (and its think time is over).
    case closed
    /// On a schedule of their own, as users do: operations a second.
    case open(rate: Double)
    /// The same at a rate that changes.
    case ramp([Stage])

    package var isOpen: Bool {
        switch self {
        case .closed: false
        case .open, .ramp: true
        }
    }
}

/// How one run is driven. Times in nanoseconds.
package struct LoadOptions: Sendable {
    package var mode = LoadMode.closed
    /// Of an open loop. Apart from the mode: a closed loop may be the first of several runs, and the others open.
    package var arrivals = Arrivals.poisson
    package var connections = 32
    /// Operations under way at once on each connection.
    package var pipeline = 1
    package var warmup: UInt64 = 2_000_000_000
    package var duration: UInt64 = 10_000_000_000
    package var threads = 1
    package var seed: UInt64 = 1
    /// Arrivals that may wait for a free client; further ones are dropped and counted.
    package var backlog = 100_000
    /// How long answers are waited for after the end.
    package var drain: UInt64 = 10_000_000_000

    package init() {}

    /// Arrivals of a ramp last as long as its stages say.
    var arrivalTime: UInt64 {
        switch mode {
        case .closed, .open: warmup + duration
        case .ramp(let stages): stages.reduce(0) { $0 + $1.nanoseconds }
        }
    }

    /// What is measured begins here: a ramp is measured as a whole.
    var measuredFrom: UInt64 {
        switch mode {
        case .closed, .open: warmup
        case .ramp: 0
        }
    }
}

/// An operation ready to be sent.
struct CompiledOperation: Sendable {
    struct Step: Sendable {
        var template: CommandTemplate
        /// The number of the source that it charges; -1: none.
        var source: Int
        /// What it charges, where that is known before.
        var amount: Int64?
    }
    var name: String
    var variables: [Variable]
    var steps: [Step]
}

/// All that the event loops need: made once, shared by them.
struct LoadPlan: Sendable {
    var operations: [CompiledOperation]
    /// Sums of the weights, in the order of the operations; the last is 1.
    var cumulativeWeights: [Double]
    var think: ThinkTime
    /// Names of the sources that are charged.
    var sources: [String]

    /// The most variables that one operation has.
    var variables: Int { operations.map(\.variables.count).max() ?? 0 }

    init(_ scenario: Scenario, _ context: CommandTemplate.Context) throws(LoadError) {
        operations = []
        sources = []
        think = scenario.think
        let total = scenario.mix.reduce(0) { $0 + $1.weight }
        var sum = 0.0
        cumulativeWeights = []
        for operation in scenario.mix {
            var compiled = CompiledOperation(name: operation.name, variables: operation.variables, steps: [])
            for step in operation.steps {
                var source = -1
                if let charge = step.charge {
                    source = sources.firstIndex(of: charge) ?? sources.count
                    if source == sources.count { sources.append(charge) }
                }
                let template: CommandTemplate
                if step.ahead.isEmpty {
                    template = try CommandTemplate(step.words, variables: operation.variables, context)
                } else {
                    // Every thread has its own turn, and a variable of its own counts it.
                    compiled.variables.append(.key(.sequential(count: UInt64(step.ahead.count))))
                    template = CommandTemplate(ahead: step.ahead, variable: compiled.variables.count - 1)
                }
                compiled.steps.append(.init(template: template, source: source, amount: step.amount))
            }
            operations.append(compiled)
            sum += operation.weight / total
            cumulativeWeights.append(sum)
        }
        cumulativeWeights[cumulativeWeights.count - 1] = 1
    }

    /// The operation that a number of 0 to 1, and below 1, draws: each as often as its weight says.
    func operation(at choice: Double) -> Int {
        var operation = 0
        while cumulativeWeights[operation] <= choice { operation += 1 }
        return operation
    }
}
