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
    }
}
