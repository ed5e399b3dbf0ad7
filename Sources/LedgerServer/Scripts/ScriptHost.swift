internal import LedgerScript
internal import Synchronization

/// The scripts that a server knows, and the states that run them. One for all event loops.
final class ScriptHost: Sendable {
    let budget: ScriptBudget
    let answers: ProgramAnswers
    private let known = Mutex(Known())
    private let states = Mutex<[String: ScriptVM]>([:])
    private let killSwitch = KillSwitch()

    /// Scripts that are kept, and bytes that they take, compiled; those that were not asked for longest make room.
    private static let mostKnown = 500
    static let mostKnownBytes = 16 << 20
    private static let mostStates = 32
    /// A state that keeps more than this behind a run is not kept itself.
    private static let mostMemory = 1 << 20

    private struct Known {
        var scripts: [String: (script: Script, use: UInt64)] = [:]
        var uses: UInt64 = 0
        var bytes = 0

        mutating func use(_ sha: String) -> Script? {
            guard let entry = scripts[sha] else { return nil }
            uses += 1
            scripts[sha] = (entry.script, uses)
            return entry.script
        }

        mutating func add(_ script: Script) {
            uses += 1
            if let other = scripts.updateValue((script, uses), forKey: script.sha) { bytes -= other.script.weight }
            bytes += script.weight
            while scripts.count > ScriptHost.mostKnown || bytes > ScriptHost.mostKnownBytes,
                let oldest = scripts.min(by: { $0.value.use < $1.value.use })
            {
                scripts[oldest.key] = nil
                bytes -= oldest.value.script.weight
            }
        }
    }

    /// `answerLimit`: bytes that answers of all clients may take; those of programs that were not handed out yet may
    /// take half as much besides. Without one in a process that answers only itself.
    init(budget: ScriptBudget, answerLimit: Int = .max) {
        self.budget = budget
        answers = ProgramAnswers(limit: answerLimit / 2)
    }

    /// Nil: NOSCRIPT.
    func script(sha: String) -> Script? { known.withLock { $0.use(sha) } }

    /// The script of a source, compiled if it was not known.
    func script(source: [UInt8]) throws(ScriptError) -> Script {
        if let script = script(sha: Script.name(of: source).sha) { return script }
        let script = try Script(source)
        known.withLock { $0.add(script) }
        return script
    }

    func knows(_ sha: String) -> Bool { known.withLock { $0.scripts[sha] != nil } }

    var count: Int { known.withLock { $0.scripts.count } }

    func flush() {
        known.withLock { ($0.scripts, $0.bytes) = ([:], 0) }
        states.withLock { $0 = [:] }
    }

    /// Ends the run that is under way. False: there is none.
    func kill() -> Bool { killSwitch.kill() }

    /// Runs a script on the calling thread.
    func run(
        _ script: Script, keys: [[UInt8]], arguments: [[UInt8]], _ host: @escaping ScriptVM.Host
    ) -> ScriptVM.Outcome {
        let vm: ScriptVM
        do throws(ScriptError) {
            let kept = states.withLock { $0.removeValue(forKey: script.sha) }
            if let kept { vm = kept } else { vm = try ScriptVM(script, .server, budget) }
        } catch {
            return .failed(error)
        }
        let outcome = killSwitch.run(vm) { vm.run(lists: (keys, arguments), host) }
        if case .values = outcome, vm.memory < Self.mostMemory {
            states.withLock { states in
                if states.count >= Self.mostStates { states = [:] }
                states[script.sha] = vm
            }
        }
        return outcome
    }
}
