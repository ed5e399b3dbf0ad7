import Glibc
import LedgerClient
import LedgerCore
import RESP
import Testing

extension EndToEnd {
    /// Prices tried out on the log of real usage, where it is at hand.
    @Suite struct PriceTrialTests {
        let workspace = Workspace()

        /// Half of what pro users pay, and the others as before.
        private let half = """
            local rates = { small = usd"0.0125", medium = usd"0.01875", large = usd"0.025", gpu = usd"0.0625" }
            local others = {
              free = { small = usd"0.05", medium = usd"0.075", large = usd"0.10", gpu = usd"0.25" },
              enterprise = { small = usd"0.01", medium = usd"0.015", large = usd"0.02", gpu = usd"0.05" },
              admin = { small = 0, medium = 0, large = 0, gpu = 0 },
            }
            return function(type, tier) return (others[type] or rates)[tier] end
            """

        @Test func `a log's back-test gives its books, and another price what its shadow found`() async throws {
            let trace = try Trace(in: workspace)
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            func ask(_ words: String...) async throws -> RESPValue {
                let answer = try await client.call(words.map { Array($0.utf8) })
                #expect(answer.error == nil, "\(words): \(answer)")
                return answer
            }
            _ = try await ask("RULE", "LOAD", "session_runtime", half)
            _ = try await ask("RULE", "SHADOW", "session_runtime", "2")
            let run = try await workspace.run(
                Workspace.binary, trace.importArguments(server), environment: ["FLORIN_PASSPORT": server.passport])
            #expect(run.end == .exit(0), "\(run.errors)")
            func test(_ text: String) async throws -> RESPValue {
                try await ask(
                    "RULE", "BACKTEST", "session_runtime", text, "FROM", "1990-01-01", "TO", "2100-01-01", "BY", "type")
            }
            let books = try await client.must("INFO books").string ?? ""
            let revenue = books.split(whereSeparator: \.isNewline).first { $0.contains("session_runtime:") }
            let same = try await test("1")
            #expect(same["parts"]?.integer == Int64(trace.sessions) && same["unaffected"] == same["parts"])
            #expect(same.text("revenue_new") == revenue?.split(separator: ":").last.map(String.init))
            if trace.isReal { #expect(same.text("revenue_new") == Trace.realTotal) }

            let other = try await test("2")
            let groups = other["groups"]?.elements ?? []
            #expect(Set(groups.compactMap { $0.text("group") }) == ["free", "pro", "enterprise", "admin"])
            for group in groups where group.text("group") != "pro" { #expect(group.text("difference") == "0.00") }
            // Each session is rounded for itself: half of the whole to within half a nano-dollar each.
            let pro = try #require(groups.first { $0.text("group") == "pro" })
            let (old, new) = (
                try #require(Money(pro.text("revenue_old") ?? "")), try #require(Money(pro.text("revenue_new") ?? ""))
            )
            #expect(abs(old.nanos - 2 * new.nanos) <= 2 * Int64(trace.sessions))

            var diff = try await ask("RULE", "DIFF", "session_runtime")
            for _ in 0..<600 where diff["parts"] != other["parts"] {
                usleep(100_000)
                diff = try await ask("RULE", "DIFF", "session_runtime")
            }
            for field in ["parts", "unaffected", "higher", "lower", "revenue_old", "revenue_new", "difference"] {
                #expect(diff[field] == other[field], "\(field)")
            }
            #expect(diff["failed"]?.integer == 0 && diff["higher"]?.integer == 0)
            await client.close()
            await server.crash()
        }

        /// The log billed at another price from the beginning, and what back-tests of that price say of the log billed
        /// at the old one: re-pricing what was recorded, and deciding the import's commands anew.
        @Test func `a log billed at another price is what its back-tests say, to the nano`() async throws {
            let trace = try Trace(in: workspace)
            func imported(_ server: ServerProcess) async throws -> String {
                let run = try await workspace.run(
                    Workspace.binary, trace.importArguments(server) + ["--json"],
                    environment: ["FLORIN_PASSPORT": server.passport])
                #expect(run.end == .exit(0), "\(run.errors)")
                return run.output
            }
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await trace.expect(try await imported(server))

            // Another world: the same log, at the other price.
            let elsewhere = Workspace()
            let other = try await ServerProcess.start(elsewhere)
            let there = try await other.connect()
            for words in [
                ["RULE", "LOAD", "session_runtime", half], ["RULE", "ACTIVATE", "session_runtime", "2"],
            ] {
                #expect(try await there.call(words.map { Array($0.utf8) }).error == nil)
            }
            let report = try await imported(other)
            let billed = try Self.sums(report)
            await there.close()
            await other.crash()

            func test(_ options: String) async throws -> RESPValue {
                let words = ["RULE", "BACKTEST", "session_runtime", half, "FROM", "1990-01-01", "TO", "2100-01-01"]
                let answer = try await client.call(
                    (words + options.split(separator: " ").map(String.init)).map { Array($0.utf8) })
                #expect(answer.error == nil, "\(answer)")
                return answer
            }
            for grouping in ["type", "tier"] {
                let tested = try await test("BY \(grouping)")
                #expect(tested.text("revenue_new") == billed["total"]?.description)
                #expect(tested["parts"]?.integer == Int64(trace.sessions) && tested["failed"]?.integer == 0)
                for group in tested["groups"]?.elements ?? [] {
                    let name = group.text("group") ?? ""
                    #expect(group.text("revenue_new") == billed[name]?.description, "\(name)")
                }
            }
            // What is whole, and one charge of the log, by itself.
            let check = try await client.call(["RULE", "CHECK", "session_runtime", half].map { Array($0.utf8) })
            #expect(check["passes"]?.integer == 1 && check["findings"]?.elements == [])
            var stepped = 0
            for user in try await client.must("USER LIST COUNT 1000").elements?[1].elements ?? [] {
                guard user.text("type") == "pro", let id = user.text("user") else { continue }
                let history = try await client.must("CREDIT HISTORY \(id) COUNT 20").elements?[1].elements ?? []
                guard let charge = history.first(where: { $0.text("source") == "session_runtime" })?.text("id") else {
                    continue
                }
                let step = try await client.must("RULE STEP \(charge)")
                #expect(step.text("amount") == step.text("billed"))
                let other = try await client.call(["RULE", "STEP", charge, half].map { Array($0.utf8) })
                let (billed, amount) = (Money(other.text("billed") ?? ""), Money(other.text("amount") ?? ""))
                #expect(abs((billed?.nanos ?? 0) - 2 * (amount?.nanos ?? -9)) <= 1)
                stepped += 1
            }
            #expect(stepped > 5)
            // Nobody is refused: usage that is recorded never is, and what the import gave for it was the old price.
            let admit = try #require(try await test("ADMIT")["admit"])
            #expect(admit.text("revenue_new") == billed["total"]?.description)
            #expect(admit["refused"]?.elements == [] && admit["moot"]?.integer == 0)
            #expect(admit["commands"]?.integer ?? 0 >= Int64(trace.sessions))
            if trace.isReal { #expect(admit.text("revenue_old") == Trace.realTotal) }

            // With the price that it had, every receipt of the import is the same.
            let same = try await client.must(
                "RULE BACKTEST session_runtime 1 FROM 1990-01-01 TO 2100-01-01 ADMIT")["admit"]
            #expect(same?["same"]?.integer == 1 && same?["alike"] == same?["commands"])
            #expect(same?["differences"]?.elements == [] && same?["timers_unlike"]?.integer == 0)
            let rate = same?["events_a_second"]?.integer ?? 0
            print("decided anew: \(same?["events"]?.integer ?? 0) events, \(rate) a second")
            await client.close()
            await server.crash()
        }

        /// What an import's report comes to: all of it, and by type and by tier.
        private static func sums(_ json: String) throws -> [String: Money] {
            var sums: [String: Money] = [:]
            for type in UserType.allCases {
                for tier in Tier.allCases {
                    let cell = "\"\(type.text)/\(tier.text)\":{"
                    guard let start = json.firstRange(of: cell)?.upperBound,
                        let total = json[start...].firstRange(of: "\"total\":\"")?.upperBound
                    else { continue }
                    let amount = try #require(Money(String(json[total...].prefix { $0 != "\"" })))
                    for name in ["total", type.text, tier.text] { sums[name, default: .zero] += amount }
                }
            }
            return sums
        }
    }
}
