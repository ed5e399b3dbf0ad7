/// Makes a ``Scenario`` of what a script returned. Every mistake is one sentence that says where.
struct ScenarioReader {
    let name: String
    let script: ScenarioScript
    /// Lists that the set-up keeps.
    private var lists: Set<String> = []
    private var digests: Set<String> = []

    /// Runs the script: costs what it costs, before the load.
    static func read(name: String, source: String, parameters: [String: Parameter]) throws(LoadError) -> Scenario {
        let script = try ScenarioScript(name: name, source: source)
        let value = try script.describe(parameters)
        var reader = ScenarioReader(name: name, script: script)
        guard case .table(let table) = value else {
            throw reader.wrong("the function returned \(value.described) instead of a table { mix = { … } }")
        }
        return try reader.scenario(table)
    }

    private init(name: String, script: ScenarioScript) {
        self.name = name
        self.script = script
    }

    private mutating func scenario(_ table: LuaTable) throws(LoadError) -> Scenario {
        let known: Set = [
            "about", "connections", "pipeline", "rate", "arrivals", "duration", "warmup", "setup", "scripts", "mix",
            "think", "thresholds", "stages", "books",
        ]
        try check(table, fields: known, list: false, "the scenario")
        var scenario = Scenario(name: name, about: try text(table, "about", "the scenario") ?? "")
        scenario.defaults = try defaults(table)
        for (name, source) in try self.table(table, "scripts", "the scenario").fields.sorted(by: { $0.key < $1.key }) {
            guard case .text(let source) = source else {
                throw wrong("scripts.\(name) is \(source.described), not text")
            }
            scenario.scripts.append((name, source))
            digests.insert(name)
        }
        for (source, command) in try self.table(table, "books", "the scenario").fields.sorted(by: { $0.key < $1.key }) {
            scenario.books.append((source, try plainWords(command, "books.\(source)")))
        }
        for (position, step) in try list(table, "setup").enumerated() {
            scenario.setup.append(try setupStep(step, "setup[\(position + 1)]"))
        }
        for (position, operation) in try list(table, "mix").enumerated() {
            scenario.mix.append(try self.operation(operation, "mix[\(position + 1)]"))
        }
        guard !scenario.mix.isEmpty else { throw wrong("the mix is empty: mix = { { name = …, COMMAND … } }") }
        guard scenario.mix.contains(where: { $0.weight > 0 }) else { throw wrong("all weights of the mix are 0") }
        scenario.think = try think(table.fields["think"])
        for threshold in try list(table, "thresholds") {
            guard case .text(let text) = threshold else { throw wrong("a threshold is text, like \"p99 < 20ms\"") }
            do throws(LoadError) { scenario.thresholds.append(try Threshold(text)) } catch {
                throw wrong(error.description)
            }
        }
        scenario.stages = try stages(table)
        return scenario
    }

    private func defaults(_ table: LuaTable) throws(LoadError) -> Scenario.Defaults {
        var defaults = Scenario.Defaults()
        let whole = "the scenario"
        defaults.connections = try integer(table, "connections", 1...100_000, whole)
        defaults.pipeline = try integer(table, "pipeline", 1...100_000, whole)
        if let rate = table.fields["rate"] { defaults.rate = try positive(rate, "the rate") }
        if let arrivals = try text(table, "arrivals", whole) {
            guard let value = Arrivals(rawValue: arrivals) else {
                throw wrong("arrivals is \"\(arrivals)\"; it is \"constant\" or \"poisson\"")
            }
            defaults.arrivals = value
        }
        if let duration = table.fields["duration"] { defaults.duration = try nanoseconds(duration, "the duration") }
        if let warmup = table.fields["warmup"] { defaults.warmup = try nanoseconds(warmup, "the warmup") }
        return defaults
    }

    private func think(_ value: LuaValue?) throws(LoadError) -> ThinkTime {
        switch value {
        case nil, .nothing?: return .none
        case .table(let table)?:
            guard let mean = table.fields["mean"], table.fields.count == 1 else {
                throw wrong("think is a duration like \"10ms\", or { mean = \"10ms\" } for an exponential one")
            }
            return .exponential(mean: try nanoseconds(mean, "the mean of think"))
        case .text?, .integer?, .number?, .boolean?, .function?, .other?:
            return .constant(try nanoseconds(value!, "think"))
        }
    }

    private func stages(_ table: LuaTable) throws(LoadError) -> [Stage] {
        var stages: [Stage] = []
        for (position, value) in try list(table, "stages").enumerated() {
            let place = "stages[\(position + 1)]"
            guard case .table(let stage) = value, let rate = stage.fields["rate"], let over = stage.fields["over"]
            else {
                throw wrong("\(place) must be { rate = 1000, over = \"10s\" }")
            }
            try check(stage, fields: ["rate", "over"], list: false, place)
            stages.append(
                Stage(
                    rate: try number(rate, "\(place).rate"), nanoseconds: try nanoseconds(over, "\(place).over")))
        }
        guard stages.isEmpty || stages.contains(where: { $0.rate > 0 }) else { throw wrong("no stage has a rate") }
        return stages
    }

    // MARK: Commands

    private mutating func setupStep(_ value: LuaValue, _ place: String) throws(LoadError) -> SetupStep {
        let table = try self.table(value, place)
        try check(table, fields: ["times", "keep", "allow"], list: true, place)
        var step = SetupStep()
        step.times = try integer(table, "times", 1...100_000_000, place) ?? 1
        step.allowed = try text(table, "allow", place)
        var variables = VariableTable()
        step.words = try words(table.list, &variables, place)
        step.variables = variables.list
        for (field, list) in try self.table(table, "keep", place).fields.sorted(by: { $0.key < $1.key }) {
            guard case .text(let list) = list else { throw wrong("\(place).keep.\(field) must name a list") }
            step.keep.append((field, list))
            lists.insert(list)
        }
        return step
    }

    private func operation(_ value: LuaValue, _ place: String) throws(LoadError) -> Operation {
        let table = try self.table(value, place)
        try check(table, fields: ["name", "weight", "steps", "ahead", "times", "charge", "amount"], list: true, place)
        guard let name = try text(table, "name", place) else { throw wrong("\(place) has no name") }
        var operation = Operation(name: name, weight: 1)
        if let weight = table.fields["weight"] { operation.weight = try number(weight, "\(place).weight") }
        var variables = VariableTable()
        if table.fields["steps"] == nil {
            operation.steps = [try step(table, &variables, place)]
        } else {
            guard table.list.isEmpty else { throw wrong("\(place) has both steps and words of a command") }
            for (position, value) in try list(table, "steps").enumerated() {
                let place = "\(place).steps[\(position + 1)]"
                let table = try self.table(value, place)
                try check(table, fields: ["ahead", "times", "charge", "amount"], list: true, place)
                operation.steps.append(try step(table, &variables, place))
            }
            guard !operation.steps.isEmpty else { throw wrong("\(place).steps is empty") }
        }
        operation.variables = variables.list
        return operation
    }

    private func step(
        _ table: LuaTable, _ variables: inout VariableTable, _ place: String
    ) throws(LoadError) -> Step {
        var step = Step()
        step.charge = try text(table, "charge", place)
        if let amount = try text(table, "amount", place) {
            guard let nanos = Units.nanos(amount) else {
                throw wrong("\(place).amount is \"\(amount)\"; it must be decimal text like \"0.05\"")
            }
            step.amount = nanos
        }
        switch table.fields["ahead"] {
        case .function(let function)?:
            let times = try integer(table, "times", 1...10_000_000, place) ?? 10_000
            for number in 1...times {
                let result = try script.call(function, Int64(number))
                step.ahead.append(try plainWords(result, "\(place).ahead(\(number))").map { Array($0.utf8) })
            }
        case nil:
            step.words = try words(table.list, &variables, place)
            guard !step.words.isEmpty else { throw wrong("\(place) has no command: its words, or ahead = function(n)") }
            step.amount = step.amount ?? Self.amount(of: step)
        case let value?: throw wrong("\(place).ahead is \(value.described), not a function")
        }
        return step
    }

    /// `CREDIT CHARGE user AMOUNT`, where the amount is always the same.
    private static func amount(of step: Step) -> Int64? {
        guard step.charge != nil, step.words.count > 3, step.words[0] == .bytes(Array("CREDIT".utf8)),
            step.words[1] == .bytes(Array("CHARGE".utf8)), case .bytes(let amount) = step.words[3]
        else { return nil }
        return amount.withUnsafeBytes { Units.nanos($0) }
    }

    private func plainWords(_ value: LuaValue, _ place: String) throws(LoadError) -> [String] {
        var words: [String] = []
        for word in try table(value, place).list {
            switch word {
            case .text(let text): words.append(text)
            case .integer(let value): words.append("\(value)")
            case .number(let value): words.append("\(value)")
            case .nothing, .boolean, .table, .function, .other:
                throw wrong("\(place) has \(word.described) where a word should be")
            }
        }
        guard !words.isEmpty else { throw wrong("\(place) is an empty command") }
        return words
    }

    private func words(
        _ values: [LuaValue], _ variables: inout VariableTable, _ place: String
    ) throws(LoadError) -> [Word] {
        var words: [Word] = []
        for (position, value) in values.enumerated() {
            switch value {
            case .text(let text): words.append(.bytes(Array(text.utf8)))
            case .integer(let value): words.append(.bytes(Array("\(value)".utf8)))
            case .number(let value): words.append(.bytes(Array("\(value)".utf8)))
            case .table(let table):
                words.append(try word(table, &variables, "\(place), word \(position + 1)"))
            case .nothing, .boolean, .function, .other:
                throw wrong("\(place), word \(position + 1) is \(value.described)")
            }
        }
        return words
    }

    private func word(
        _ table: LuaTable, _ variables: inout VariableTable, _ place: String
    ) throws(LoadError) -> Word {
        if let list = try text(table, "of", place) {
            try check(table, fields: ["of", "at"], list: false, place)
            guard lists.contains(list) else {
                throw wrong(
                    "\(place): nothing keeps a list '\(list)'; keep = { field = \"\(list)\" } in the set-up does")
            }
            guard case .table(let key)? = table.fields["at"], key.fields["pick"] != nil else {
                throw wrong("\(place): { of = \"\(list)\", at = … } needs what picks the key")
            }
            return .member(list: list, variable: variables.index(of: key, try variable(key, place)))
        }
        if let digest = try text(table, "sha", place) {
            guard digests.contains(digest) else { throw wrong("\(place): there is no script '\(digest)' in scripts") }
            return .digest(script: digest)
        }
        if case .table(let choices)? = table.fields["one"] {
            let texts = try plainWords(.table(choices), place).map { Array($0.utf8) }
            return .choice(
                texts, variable: variables.index(of: table, .key(.uniform(count: UInt64(texts.count)))))
        }
        let number = variables.index(of: table, try variable(table, place))
        if let prefix = try text(table, "unique", place) {
            return .unique(variable: number, prefix: Array(prefix.utf8))
        }
        guard let format = try text(table, "as", place) else { return .number(variable: number, .plain) }
        guard let format = NumberFormat(format) else {
            throw wrong("\(place): as = \"\(format)\" must have one %d, or %012d to fill it with zeros")
        }
        return .number(variable: number, format)
    }

    private func variable(_ table: LuaTable, _ place: String) throws(LoadError) -> Variable {
        if table.fields["unique"] != nil {
            try check(table, fields: ["unique"], list: false, place)
            return .unique
        }
        if case .table(let ends)? = table.fields["between"] {
            try check(table, fields: ["between", "as"], list: false, place)
            guard ends.list.count == 2, case .integer(let low) = ends.list[0], case .integer(let high) = ends.list[1],
                low <= high, !high.subtractingReportingOverflow(low).overflow, high - low < .max
            else { throw wrong("\(place): between = { low, high } takes two whole numbers, the lower one first") }
            return .between(low, high)
        }
        guard let kind = try text(table, "pick", place) else {
            throw wrong(
                "\(place) is a table that says nothing known: pick, unique, between, one, of and sha are what there is")
        }
        guard let count = try integer(table, "from", 1...Int(Int32.max), place).map(UInt64.init) else {
            throw wrong("\(place): pick = \"\(kind)\" needs from = the number of keys")
        }
        try check(table, fields: ["pick", "from", "as", "theta", "hot", "share"], list: false, place)
        switch kind {
        case "uniform": return .key(.uniform(count: count))
        case "sequential": return .key(.sequential(count: count))
        case "zipf":
            let theta = try positive(table.fields["theta"] ?? .number(0.99), "\(place): theta")
            return .key(.zipf(Zipf(count: count, theta: theta)))
        case "hot":
            let hot = UInt64(try integer(table, "hot", 1...Int(count), place) ?? 1)
            let share = try positive(table.fields["share"] ?? .number(0.9), "\(place): share")
            guard share <= 1 else { throw wrong("\(place): share is at most 1") }
            return .key(.hotSet(count: count, hot: hot, share: share))
        default:
            throw wrong("\(place): pick = \"\(kind)\"; there are uniform, zipf, hot and sequential")
        }
    }
}

/// The variables of one operation, each table of the script once.
private struct VariableTable {
    private(set) var list: [Variable] = []
    private var known: [UInt64: Int] = [:]

    mutating func index(of table: LuaTable, _ variable: Variable) -> Int {
        if let index = known[table.identity] { return index }
        list.append(variable)
        known[table.identity] = list.count - 1
        return list.count - 1
    }
}
