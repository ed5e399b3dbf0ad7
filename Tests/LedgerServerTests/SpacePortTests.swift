import LedgerClient
import LedgerCore
import LedgerEngine
import RESP
import Testing

@testable import LedgerServer

/// Spaces through the port: who sees and buys what, what it costs, what is owned and earned.
struct SpacePortTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    private func names(_ page: RESPValue, _ field: String = "space") -> [String] {
        page.elements?[1].elements?.compactMap { $0[field]?.string } ?? []
    }

    @Test func `what is not public is seen with its own eyes only, in lists, prices and purchases`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            var own: [String: RemoteLedger] = [:]
            for user in ["u_ada", "u_bob"] {
                try await ask(client, "USER CREATE \(user)@example.com ID \(user) TYPE pro").mustBeAnswer()
                let passport = try await ask(client, "PASSPORT CREATE \(user) key read SCOPE own")
                own[user] = try await serving.connect(try #require(passport["secret"]?.string))
            }
            try await ask(client, "CREDIT PURCHASE u_bob 100 card").mustBeAnswer()
            let added = try await ask(
                client, "SPACE ADD lab COST 10 SIZE 3 PUBLIC no CREATOR u_ada SHARE 12.5 KEY k")
            #expect(added["creator"]?.string == "u_ada" && added["share"]?.string == "12.5")
            let again = try await ask(
                client, "SPACE ADD lab COST 10 SIZE 3 PUBLIC no CREATOR u_ada SHARE 12.50 KEY k")
            #expect(again["replayed"] == .integer(1))

            func sees(_ user: String) async throws -> [Bool] {
                let reader = try #require(own[user])
                let prices = try await ask(reader, "PRICE INFO")["space_purchase"]?["prices"]?["pro"]
                return [
                    names(try await ask(reader, "SPACE LIST")).contains("lab"),
                    names(try await ask(client, "SPACE LIST FOR \(user)")).contains("lab"),
                    prices?["lab"]?.string == "10.00",
                ]
            }
            #expect(try await sees("u_ada") == [true, true, true])
            #expect(try await sees("u_bob") == [false, false, false])
            #expect(names(try await ask(client, "SPACE LIST")).contains("lab"))
            #expect(
                try await ask(client, "PRICE INFO")["space_purchase"]?["prices"]?["free"]?["lab"]?.string == "10.00")
            let foreign = try await ask(try #require(own["u_bob"]), "SPACE LIST FOR u_ada")
            #expect(foreign.error?.code == "NOPERM")
            #expect(try await ask(try #require(own["u_bob"]), "SPACE LIST FOR u_bob").error == nil)
            #expect(try await ask(client, "SPACE LIST FOR nobody").error?.code == "NOTFOUND")

            #expect(try await ask(client, "SPACE PURCHASE u_bob lab w i").error?.text == "NOTFOUND no such space")
            try await ask(client, "SPACE GRANT lab u_bob").mustBeAnswer()
            #expect(try await ask(client, "SPACE GRANT lab u_bob").error?.text == "EXISTS this grant exists already")
            #expect(try await sees("u_bob") == [true, true, true])
            let bought = try await ask(client, "SPACE PURCHASE u_bob lab w i")
            #expect(bought["author_share"]?.string == "1.25" && bought["available"]?.string == "90.00")
            try await ask(client, "SPACE REVOKE lab u_bob").mustBeAnswer()
            #expect(try await sees("u_bob") == [false, false, false])
            for reader in own.values { await reader.close() }
            await client.close()
        }
    }

    @Test func `the creator earns, it is explained, and a refund ends what was bought`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            for user in ["u_ada", "u_bob"] {
                try await ask(client, "USER CREATE \(user)@example.com ID \(user) TYPE pro").mustBeAnswer()
            }
            try await ask(client, "CREDIT PURCHASE u_bob 100 card").mustBeAnswer()
            try await ask(client, "SPACE ADD lab COST 10 SIZE 3 CREATOR u_ada SHARE 30").mustBeAnswer()
            let bought = try await ask(client, "SPACE PURCHASE u_bob lab w i")
            let charge = try #require(bought["charge"]?.string)
            let owned = try await ask(client, "SPACE OWNED u_bob").elements?[1].elements?.first
            #expect(owned?["charge"]?.string == charge && owned?["instance"]?.string == "i")

            func history() async throws -> [[String?]] {
                let rows = try await ask(client, "CREDIT HISTORY u_ada").elements?[1].elements ?? []
                return rows.map { row in ["type", "amount", "source", "description"].map { row[$0]?.string } }
            }
            #expect(try await history() == [["credit", "3.00", "earning", "share of lab"]])
            let lot = try await ask(client, "CREDIT LOTS u_ada").elements?[1].elements?.first
            #expect(lot?["kind"]?.string == "earning" && lot?["source"]?.string == "earning")
            let explained = try await ask(client, "EXPLAIN \(charge)")
            #expect(explained["arithmetic"]?.elements?.last?.string == "of it 3.00 to the space's creator")

            try await ask(client, "CREDIT REFUND \(charge) 5 REASON half").mustBeAnswer()
            #expect(try await ask(client, "SPACE PURCHASE u_bob lab w i").error?.code == "EXISTS")
            try await ask(client, "CREDIT REFUND \(charge) REASON rest").mustBeAnswer()
            #expect(names(try await ask(client, "SPACE OWNED u_bob")).isEmpty)
            #expect(try await history().first == ["debit", "1.50", "earning", "share of lab, returned"])
            let rows = try await ask(client, "CREDIT HISTORY u_ada").elements?[1].elements ?? []
            for row in rows {
                let entry = try await ask(client, "EXPLAIN \(try #require(row["id"]?.string))")
                #expect(entry["recomputed"] == entry["amount"] && entry["amount"] == row["amount"])
            }
            let summary = try await ask(client, "USER SUMMARY u_ada")
            #expect(summary["total_earned"]?.string == "0.00" && summary["current_balance"]?.string == "0.00")
            try await ask(client, "SPACE PURCHASE u_bob lab w i").mustBeAnswer()
            #expect(try await ask(client, "USER SUMMARY u_ada")["total_earned"]?.string == "3.00")
            await client.close()
        }
    }

    @Test func `PRICE INFO knows spaces that came after the rule, whichever version is active`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            func price(_ space: String, _ type: String = "pro") async throws -> String? {
                try await ask(client, "PRICE INFO")["space_purchase"]?["prices"]?[type]?[space]?.string
            }
            try await ask(client, "SPACE ADD one COST 10 SIZE 3").mustBeAnswer()
            #expect(try await price("one") == "10.00")
            #expect(try await price("ml-ready") == "5.00")
            let source = "return function(t, space, price) if space == 'bad' then error('no') end return price // 2 end"
            try await client.call(["RULE", "LOAD", "space_purchase", source].map { Array($0.utf8) }).mustBeAnswer()
            try await ask(client, "RULE ACTIVATE space_purchase 2").mustBeAnswer()
            try await ask(client, "SPACE ADD two COST 8 SIZE 3").mustBeAnswer()
            #expect(try await price("one") == "5.00")
            #expect(try await price("two", "free") == "4.00")
            // Where the rule fails there is no price, as there is no purchase.
            try await ask(client, "SPACE ADD bad COST 8 SIZE 3").mustBeAnswer()
            #expect(try await price("bad") == nil)
            #expect(try await price("two") == "4.00")
            try await ask(client, "RULE ROLLBACK space_purchase").mustBeAnswer()
            #expect(try await price("one") == "10.00")
            #expect(try await price("two") == "8.00")
            #expect(try await price("bad") == "8.00")
            await client.close()
        }
    }
}
