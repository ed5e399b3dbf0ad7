internal import NIOCore
internal import RESP

/// Sends the commands of a set-up, some thousand under way at a time, and keeps what the scenario wants of the replies.
struct SetupRunner {
    let steps: [SetupStep]
    let control: any CommandPort
    let tag: String
    let digests: [String: String]
    private let window = 4096

    init(steps: [SetupStep], control: any CommandPort, tag: String, digests: [String: String]) {
        self.steps = steps
        self.control = control
        self.tag = tag
        self.digests = digests
    }

    func run(
        into lists: inout [String: [[UInt8]]], _ progress: @Sendable (Double) -> Void
    ) async throws(LoadError) {
        let total = max(1, steps.reduce(0) { $0 + $1.times })
        var done = 0
        for step in steps {
            var context = CommandTemplate.Context(lists: lists, digests: digests, runTag: tag)
            context.runTag = "\(tag)0"
            let words = try SetupWords(step, context)
            var first = 0
            while first < step.times {
                let numbers = first..<min(first + window, step.times)
                let answers: [RESPValue]
                do { answers = try await control.send(numbers.map(words.command)) } catch {
                    throw LoadError("\(error)")
                }
                for (number, answer) in zip(numbers, answers) {
                    try keep(answer, of: step, number, words, &lists)
                }
                first = numbers.upperBound
                done += numbers.count
                progress(Double(done) / Double(total))
            }
        }
    }

    private func keep(
        _ answer: RESPValue, of step: SetupStep, _ number: Int, _ words: SetupWords,
        _ lists: inout [String: [[UInt8]]]
    ) throws(LoadError) {
        if let error = answer.error {
            if error.code == step.allowed, step.keep.isEmpty { return }
            let command = words.command(number).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
            throw LoadError("the set-up was refused at '\(command.prefix(120))': \(error.text)")
        }
        for (field, list) in step.keep {
            guard let value = answer[field]?.string else {
                throw LoadError("the set-up's reply has no field '\(field)' to keep in '\(list)'")
            }
            lists[list, default: []].append(Array(value.utf8))
        }
    }
}

/// The words of a set-up command for each of its repetitions.
private struct SetupWords {
    let step: SetupStep
    let context: CommandTemplate.Context

    init(_ step: SetupStep, _ context: CommandTemplate.Context) throws(LoadError) {
        self.step = step
        self.context = context
        for case .member(let list, _) in step.words where (context.lists[list] ?? []).count < step.times {
            throw .usage("the set-up kept fewer values in '\(list)' than it needs")
        }
    }

    func command(_ number: Int) -> [[UInt8]] {
        step.words.map { word in
            switch word {
            case .bytes(let bytes): return bytes
            case .digest(let script): return Array((context.digests[script] ?? "").utf8)
            case .unique(_, let prefix): return prefix + Array("\(context.runTag)-\(number)".utf8)
            case .member(let list, _): return context.lists[list]![number]
            case .choice(let texts, _): return texts[number % texts.count]
            case .number(let variable, let format):
                let value: Int64 =
                    switch step.variables[variable] {
                    case .key, .unique: Int64(number)
                    case .between(let low, let high):
                        low &+ Int64(bitPattern: UInt64(number) % (UInt64(bitPattern: high &- low) &+ 1))
                    }
                let digits = String(value)
                let zeros = max(0, format.width - digits.utf8.count)
                return format.prefix + Array(repeating: UInt8(ascii: "0"), count: zeros) + Array(digits.utf8)
                    + format.suffix
            }
        }
    }
}
