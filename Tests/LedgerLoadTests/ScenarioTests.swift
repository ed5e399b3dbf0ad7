import Glibc
import Testing

@testable import LedgerLoad

struct ScenarioTests {
    private func read(_ source: String, _ parameters: [String: Parameter] = [:]) throws -> Scenario {
        try ScenarioReader.read(name: "test.lua", source: source, parameters: parameters)
    }

    private func refusal(_ source: String) -> String? {
        do {
            _ = try read(source)
            return nil
        } catch {
            return (error as? LoadError)?.description
        }
    }

    @Test func `A scenario is plain data with parameters`() throws {
        let scenario = try read(
            """
            return function(p)
              local user = { pick = "zipf", theta = 1.5, from = p.users, as = "u%03d" }
              local job = { unique = "job" }
              return {
                about = "two kinds", pipeline = 4, rate = 100, arrivals = "constant", duration = "5s", warmup = "500ms",
                think = { mean = "10ms" }, thresholds = { "p99 < 20ms", "verify errors < 0.1%" },
                stages = { { rate = 10, over = "1s" } },
                setup = { { times = p.users, keep = { secret = "secrets" }, "PASSPORT", "CREATE", user, "n", 1 } },
                mix = {
                  { name = "verify", weight = 9, "PASSPORT", "VERIFY", { of = "secrets", at = user } },
                  { name = "session", steps = {
                    { "SESSION", "ADMIT", { of = "secrets", at = user }, job },
                    { "SESSION", "STOP", job, charge = "s" } } },
                },
              }
            end
            """, ["users": .integer(7)])
        #expect(scenario.setup[0].times == 7)
        #expect(scenario.mix.map(\.name) == ["verify", "session"])
        // The same table is the same variable in both steps.
        #expect(scenario.mix[1].variables == [.key(.zipf(Zipf(count: 7, theta: 1.5))), .unique])
        #expect(scenario.mix[1].steps[1].words[2] == .unique(variable: 1, prefix: Array("job".utf8)))
        #expect(scenario.think == .exponential(mean: 10_000_000))
        #expect(scenario.stages == [Stage(rate: 10, nanoseconds: 1_000_000_000)])
        #expect(scenario.defaults.warmup == 500_000_000)
        #expect(scenario.thresholds.count == 2)
    }

    @Test func `A function makes commands ahead`() throws {
        let scenario = try read(
            """
            return function(p)
              return { mix = { { name = "set", times = 3, ahead = function(n)
                return { "SET", string.format("k%02d", n), n * n } end } } }
            end
            """)
        let texts = scenario.mix[0].steps[0].ahead.map { $0.map { String(decoding: $0, as: UTF8.self) } }
        #expect(texts == [["SET", "k01", "1"], ["SET", "k02", "4"], ["SET", "k03", "9"]])
    }

    @Test(
        arguments: [
            ("return 1", "test.lua: the source must end with 'return function(...) ... end'; it returned number"),
            ("return function(p)\n  return { mix = nothing.x }\nend", "test.lua:2: "),
            ("return function(p", "test.lua:1: "),
            ("return function(p) return 5 end", "test.lua: the function returned 5 instead of a table { mix = { … } }"),
            ("return function(p) return {} end", "test.lua: the mix is empty: mix = { { name = …, COMMAND … } }"),
            ("return function(p) return { mx = {} } end", "test.lua: the scenario has a field 'mx'; known are about, "),
            ("return function(p) return { mix = { { \"PING\" } } } end", "test.lua: mix[1] has no name"),
            (
                "return function(p) return { mix = { { name = \"a\", \"GET\", { pick = \"zip\", from = 5 } } } } end",
                "test.lua: mix[1], word 2: pick = \"zip\"; there are uniform, zipf, hot and sequential"
            ),
            (
                "return function(p) return { mix = { { name = \"a\", \"GET\", { of = \"x\", at = {} } } } } end",
                "test.lua: mix[1], word 2: nothing keeps a list 'x'"
            ),
            (
                "return function(p) return { mix = { { name = \"a\", 1, { pick = \"uniform\", from = 5, as = \"%s\" } } } } "
                    + "end",
                "test.lua: mix[1], word 2: as = \"%s\" must have one %d"
            ),
            (
                "return function(p) return { mix = { { name = \"a\", \"PING\" } }, think = \"long\" } end",
                "test.lua: think is the text \"long\"; it must be a duration"
            ),
            (
                "return function(p) return { mix = { { name = \"a\", \"PING\" } }, thresholds = { \"p99\" } } end",
                "test.lua: \"p99\" is no threshold"
            ),
            ("return function(p) local t = {} t.t = t return t end", "test.lua: what the scenario returned is nested"),
            (
                "return function(p) return { mix = { [2] = 5 } } end",
                "test.lua: mix has a key that nothing reads: 2, where 1"
            ),
        ])
    func `Each mistake is one sentence`(source: String, sentence: String) {
        let text = refusal(source)
        #expect(text?.hasPrefix(sentence) == true, "\(text ?? "accepted")")
        #expect(text?.contains("\n") == false)
    }

    @Test func `A script that does not end is ended`() throws {
        let script = try ScenarioScript(
            name: "test.lua", source: "return function(p) while true do end end", milliseconds: 50)
        do {
            _ = try script.describe([:])
            Issue.record("it ended")
        } catch {
            #expect(error.description.hasPrefix("test.lua:1: still running after"))
        }
    }

    @Test func `Parameters are numbers where they look like it`() {
        #expect(Parameter("12") == .integer(12))
        #expect(Parameter("1.5") == .number(1.5))
        #expect(Parameter("true") == .boolean(true))
        #expect(Parameter("medium") == .text("medium"))
    }

    private static let folder = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/Scripts/load/"

    private func file(_ name: String) throws -> String {
        let file = try #require(fopen(Self.folder + name, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test(arguments: ["charge", "verify", "admit-stop", "mixed", "hot-user", "flash-crowd"])
    func `The ready scenarios are valid`(name: String) throws {
        let source = try file(name + ".lua")
        _ = try LoadSession.scenario(name: name, source: source, parameters: [:], server: "florin")
        guard name == "charge" || name == "verify" else { return }
        let redis = try LoadSession.scenario(name: name, source: source, parameters: [:], server: "redis")
        #expect(redis.scripts.count == 1)
    }

    @Test func `The built-in scenario is that of the file`() throws {
        #expect(try file("charge.lua") == CanonicalScenario.source + "\n")
    }
}
