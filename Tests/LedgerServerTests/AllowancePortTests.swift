import LedgerClient
import LedgerCore
import LedgerEngine
import RESP
import Testing

@testable import LedgerServer

/// Allowances through the port: set, given over a midnight and a restart, listed, taken away.
struct AllowancePortTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    @Test func `credit comes anew with every period, and is in statements, sums and lists`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            try await ask(client, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(client, "USER CREATE bob@example.com ID u_bob TYPE pro").mustBeAnswer()
            let line = "ALLOWANCE SET u_ada 20 EVERY week ROLLOVER 5"
            let set = try await ask(client, line + " KEY k")
            #expect(set["granted"]?.string == "20.00" && set["next"]?.string == "2026-11-30T00:00:00Z")
            let again = try await ask(client, "allowance set u_ada 20.00 every WEEK rollover 5.0 KEY k")
            #expect(again["replayed"] == .integer(1) && again["lsn"] == set["lsn"])
            #expect(try await ask(client, "ALLOWANCE SET u_ada 21 EVERY week KEY k").error?.code == "KEYREUSED")
            // Without its key it says the same once more, and gives nothing.
            #expect(try await ask(client, line)["granted"]?.string == "0.00")
            let types = try await ask(client, "ALLOWANCE SET TYPE:pro 1 EVERY day FOR session_runtime")
            #expect(types["who"]?.string == "type:pro" && types["granted"] == .null && types["next"] == .null)
            let balance = try await ask(client, "CREDIT BALANCE u_bob FOR session_runtime")
            #expect(balance["available"]?.string == "0.00" && balance["available_for"]?.string == "1.00")

            try await ask(client, "CREDIT CHARGE u_ada 17 api").mustBeAnswer()
            clock.advance(by: .days(8))
            #expect(try await ask(client, "CREDIT BALANCE u_ada")["available"]?.string == "23.00")
            let rows = try await ask(client, "CREDIT HISTORY u_ada").elements?[1].elements
            #expect(rows?.compactMap { $0["source"]?.string } == ["allowance", "api", "allowance"])
            #expect(
                rows?.first?["description"]?.string
                    == "allowance until 2026-12-07T00:00:00Z, and 3.00 of the one before"
            )
            #expect(rows?.first?["time"]?.string == "2026-11-30T00:00:00Z")
            let entry = try #require(rows?.first?["id"]?.string)
            #expect(try await ask(client, "EXPLAIN \(entry)")["amount"]?.string == "20.00")
            let summary = try await ask(client, "USER SUMMARY u_ada")
            #expect(summary["current_balance"]?.string == "23.00" && summary["total_granted"]?.string == "40.00")
            let lot = try await ask(client, "CREDIT LOTS u_ada").elements?[1].elements?.first
            #expect(lot?["source"]?.string == "allowance" && lot?["remaining"]?.string == "23.00")
            let lists = try await ask(client, "ALLOWANCE LIST").elements?[1].elements
            #expect(lists?.compactMap { $0["who"]?.string } == ["type:pro", "u_ada"])
            let own = try await ask(client, "ALLOWANCE LIST u_bob").elements?[1].elements?.first
            #expect(own?["who"]?.string == "type:pro" && own?["next"]?.string == "2026-12-02T00:00:00Z")

            #expect(try await ask(client, "ALLOWANCE REMOVE u_ada")["who"]?.string == "u_ada")
            #expect(try await ask(client, "ALLOWANCE REMOVE u_ada").error?.text == "NOTFOUND no such allowance")
            #expect(try await ask(client, "CREDIT BALANCE u_ada")["available"]?.string == "23.00")
            await client.close()
        }
    }

    @Test func `a passport of one user sees what counts for it, and sets nothing`() async throws {
        try await Serving.with { serving in
            let admin = try await serving.connect()
            try await ask(admin, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(admin, "ALLOWANCE SET type:pro 1 EVERY day").mustBeAnswer()
            let passport = try await ask(admin, "PASSPORT CREATE u_ada laptop read")
            let client = try await serving.connect(try #require(passport["secret"]?.string))
            #expect(try await ask(client, "ALLOWANCE LIST u_ada").elements?[1].elements?.count == 1)
            for line in [
                "ALLOWANCE LIST", "ALLOWANCE LIST type:pro", "ALLOWANCE LIST u_bob", "ALLOWANCE SET u_ada 9 EVERY day",
            ] {
                #expect(try await ask(client, line).error?.code == "NOPERM", "\(line)")
            }
            await client.close()
            await admin.close()
        }
    }
}
