import LedgerClient
import LedgerCore
import LedgerEngine
import RESP
import Testing

@testable import LedgerServer

/// CREDIT GRANT … FOR: credit that pays for some things only, through the port.
struct ScopeTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    @Test func `what is granted for sessions pays for sessions, is shown apart, and stays so`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            func balance(_ user: String) async throws -> [String?] {
                let all = try await ask(client, "CREDIT BALANCE \(user)")
                let sessions = try await ask(client, "CREDIT BALANCE \(user) FOR session_runtime")
                #expect(all["available_for"] == nil && sessions["available"] == all["available"])
                let api = try await ask(client, "CREDIT BALANCE \(user) FOR api")
                return [all["available"], sessions["available_for"], api["available_for"]].map { $0?.string }
            }
            for user in ["u_ada", "u_bob"] {
                try await ask(client, "USER CREATE \(user)@example.com ID \(user) TYPE pro").mustBeAnswer()
            }
            let granted = try await ask(client, "CREDIT GRANT u_ada 2 FOR session_runtime REASON try KEY once")
            #expect(granted["scope"]?.string == "session_runtime" && granted["available"]?.string == "0.00")
            let again = try await ask(client, "CREDIT GRANT u_ada 2 FOR session_runtime REASON try KEY once")
            #expect(again["replayed"] == .integer(1) && again["scope"] == granted["scope"])
            let other = try await ask(client, "CREDIT GRANT u_ada 2 FOR api REASON try KEY once")
            #expect(other.error?.code == "KEYREUSED")
            #expect(try await balance("u_ada") == ["0.00", "2.00", "0.00"])
            #expect(try await ask(client, "CREDIT CHARGE u_ada 0.01 api").error?.code == "INSUFFICIENT")
            #expect(try await ask(client, "HOLD PLACE u_ada 0.01").error?.code == "INSUFFICIENT")

            try await ask(client, "SESSION START job u_ada gpu").mustBeAnswer()
            clock.advance(by: .minutes(48))
            #expect(try await balance("u_ada")[0] == "0.00")
            let stopped = try await ask(client, "SESSION STOP job")
            #expect(stopped["amount"]?.string == "0.10" && stopped["debt"]?.string == "0.00")
            #expect(try await balance("u_ada") == ["0.00", "1.90", "0.00"])
            let charge = try #require(stopped["charge"]?.string)
            let lots = try #require(try await ask(client, "EXPLAIN \(charge)")["lots"]?.elements)
            #expect(!lots.isEmpty && lots.allSatisfy { $0["scope"]?.string == "session_runtime" })
            try await ask(client, "CREDIT REFUND job 0.05 REASON slow").mustBeAnswer()
            #expect(try await balance("u_ada") == ["0.00", "1.95", "0.00"])

            // What is for everything goes last, and counts for all.
            try await ask(client, "CREDIT GRANT u_ada 1 REASON more").mustBeAnswer()
            #expect(try await balance("u_ada") == ["1.00", "2.95", "1.00"])
            try await ask(client, "CREDIT TRANSFER u_ada u_bob 2 REASON share").mustBeAnswer()
            #expect(try await balance("u_ada") == ["0.95", "0.95", "0.95"])
            #expect(try await balance("u_bob") == ["0.05", "2.00", "0.05"])
            let page = try await ask(client, "CREDIT LOTS u_bob")
            #expect(
                Set(page.elements?[1].elements?.compactMap { $0["scope"]?.string } ?? []) == ["*", "session_runtime"])
            let missing = try await ask(client, "CREDIT BALANCE nobody FOR api")
            #expect(missing.error?.code == "NOTFOUND")
        }
    }
}
