import LedgerClient
import LedgerCore
import LedgerEngine
import RESP
import Testing

@testable import LedgerServer

/// Meters through the port: from METER ADD to a bill.
struct MeterPortTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    private static let byType = """
        local price = { free = 20, pro = 10, enterprise = 5, admin = 0 }
        return function(user_type, quantity, before)
          return quantity * price[user_type] + before
        end
        """

    private func load(_ client: RemoteLedger, _ rule: String, _ source: String) async throws -> RESPValue {
        try await client.call(["RULE", "LOAD", rule, source].map { Array($0.utf8) })
    }

    @Test func `a billing type is added, priced, recorded, explained, summed up and refunded`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            try await ask(client, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(client, "CREDIT PURCHASE u_ada 10 card").mustBeAnswer()
            #expect(try await load(client, "meter:calls", Self.byType).error?.text == "NOTFOUND no such meter")
            try await ask(client, "METER ADD calls UNIT calls SCALE 3 DESCRIPTION \"our calls\"").mustBeAnswer()
            #expect(try await ask(client, "METER ADD calls UNIT x").error?.code == "EXISTS")
            #expect(try await ask(client, "METER ADD earning UNIT x").error?.code == "ERR")
            let missing = try await ask(client, "USAGE RECORD r0 u_ada calls 1")
            #expect(missing.error?.code == "RULE" && missing.error?.text.contains("meter:calls") == true)
            #expect(try await ask(client, "METER LIST").elements?.first?["version"] == .null)

            let check = try await client.call(["RULE", "CHECK", "meter:calls", Self.byType].map { Array($0.utf8) })
            #expect(check["passes"] == .integer(1) && check["prices"]?["pro"]?["100"]?.string == "0.001")
            try await load(client, "METER:calls", Self.byType).mustBeAnswer()
            try await ask(client, "RULE ACTIVATE meter:calls 1").mustBeAnswer()
            #expect(try await ask(client, "METER LIST").elements?.first?["version"] == .integer(1))
            #expect(try await ask(client, "RULE SHOW meter:calls")["source"]?.string == Self.byType)
            let prices = try await ask(client, "PRICE INFO")["meter:calls"]?["prices"]
            #expect(prices?["free"]?["10000"]?.string == "0.20" && prices?["admin"]?["1"]?.string == "0.00")

            let quote = try await ask(client, "USAGE QUOTE u_ada calls 2.5")
            #expect(quote["amount"]?.string == "0.000025" && quote["quantity"]?.string == "2.5")
            #expect(try await ask(client, "USAGE QUOTE u_ada calls 2.5555").error?.code == "ERR")
            #expect(try await ask(client, "USAGE QUOTE u_ada none 1").error?.text == "NOTFOUND no such meter")
            let line = "USAGE RECORD r1 u_ada calls 2.5 AT 2026-11-22T00:00:00Z"
            let receipt = try await ask(client, line + " KEY k")
            #expect(receipt["amount"] == quote["amount"] && receipt["unit"]?.string == "calls")
            #expect(receipt["quantity"]?.string == "2.5" && receipt["at"]?.string == "2026-11-22T00:00:00Z")
            for again in [line + " KEY k", line, line + " KEY other", "usage record r1 u_ada calls 2.50 at 2026-11-22"]
            {
                let answer = try await ask(client, again)
                #expect(answer["replayed"] == .integer(1) && answer["lsn"] == receipt["lsn"], "\(again)")
            }
            let other = try await ask(client, "USAGE RECORD r1 u_ada calls 3")
            #expect(other.error?.text == "EXISTS this usage record exists already")

            let charge = try #require(receipt["charge"]?.string)
            let explained = try await ask(client, "EXPLAIN \(charge)")
            #expect(explained["rule"]?.string == "meter:calls" && explained["agrees"] == .integer(1))
            #expect(explained["inputs"]?["quantity"] == .integer(2_500))
            #expect(explained["inputs"]?["quantity_this_month"] == .integer(0))
            try await ask(client, "USAGE RECORD r2 u_ada calls 1").mustBeAnswer()
            let summary = try await ask(client, "USER SUMMARY u_ada")
            let used = summary["usage_by_meter"]?["calls"]
            #expect(used?["count"] == .integer(2) && used?["quantity"]?.string == "3.5")
            #expect(used?["amount"] == summary["spent_by_source"]?["calls"]?["amount"])
            let row = try await ask(client, "CREDIT HISTORY u_ada").elements?[1].elements?.first
            #expect(row?["description"]?.string == "1 calls" && row?["source"]?.string == "calls")
            try await ask(client, "CREDIT REFUND \(charge) REASON r").mustBeAnswer()
            #expect(try await ask(client, "EXPLAIN \(charge)")["agrees"] == .integer(1))
            await client.close()
        }
    }

    @Test func `credit that is for a meter pays for it alone`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await ask(client, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(client, "METER ADD calls UNIT calls").mustBeAnswer()
            try await load(client, "meter:calls", "return function(t, quantity) return quantity * 1000000 end")
                .mustBeAnswer()
            try await ask(client, "RULE ACTIVATE meter:calls 1").mustBeAnswer()
            try await ask(client, "CREDIT GRANT u_ada 1 FOR calls REASON try").mustBeAnswer()
            #expect(try await ask(client, "CREDIT CHARGE u_ada 0.5 api").error?.code == "INSUFFICIENT")
            let receipt = try await ask(client, "USAGE RECORD r u_ada calls 1500")
            #expect(receipt["owed"]?.string == "0.50" && receipt["amount"]?.string == "1.50")
            let spent = try await ask(client, "USER SUMMARY u_ada")["spent_by_source"]?["calls"]
            #expect(spent?["amount"]?.string == "1.50" && spent?["count"] == .integer(1))
            await client.close()
        }
    }
}
