import LedgerClient
import LedgerServer
import RESP
import Testing

/// What a platform's own tools ask of a server, and what protects it from its clients' repetitions.
struct MonitoringTests {
    private func secret(_ admin: RemoteLedger, _ permissions: String) async throws -> String {
        let words = ["PASSPORT", "CREATE", "u_a", "tool", permissions, "SCOPE", "own"]
        return try #require(try await admin.call(words)["secret"]?.string)
    }

    @Test func `a passport that monitors sees how the server is, and nobody's account`() async throws {
        try await Serving.with { serving in
            let admin = try await serving.connect()
            _ = try await admin.call("USER", "CREATE", "a@x.example", "ID", "u_a")
            let (monitor, reader) = (try await secret(admin, "monitor"), try await secret(admin, "read"))
            let client = try await serving.connect()
            #expect(try await client.call("AUTH", "", monitor).string == "OK")
            let info = try await client.call("INFO").string ?? ""
            for section in ["Server", "Clients", "Memory", "Persistence", "Stats", "Replication", "Commandstats"] {
                #expect(info.contains("# \(section)\r\n"), "\(section)")
            }
            #expect(info.contains("\r\nrole:master\r\n") && info.contains("\r\ncmdstat_passport|create:calls=2,"))
            #expect(try await client.call("DBSIZE").integer == 2)
            #expect(try await client.call("SLOWLOG", "LEN").integer != nil)
            #expect(try await client.call("LATENCY", "LATEST").elements != nil)
            #expect(try await client.call("LATENCY", "RECENT", "5").elements.map { $0.count <= 5 } == true)
            for line in [["SLOWLOG", "GET"], ["USER", "LIST"], ["CREDIT", "BALANCE", "u_a"], ["SNAPSHOT"]] {
                #expect(try await client.call(line).error?.code == "NOPERM", "\(line)")
            }

            #expect(try await client.call("AUTH", reader).string == "OK")
            #expect(try await client.call("INFO", "replication").string?.contains("role:master") == true)
            for line in [["INFO"], ["INFO", "memory"], ["DBSIZE"]] {
                #expect(try await client.call(line).error?.code == "NOPERM", "\(line)")
            }
            // What was refused before the ledger saw it is counted, too.
            let stats = try await admin.call("INFO", "commandstats").string ?? ""
            #expect(stats.contains("\r\ncmdstat_dbsize:calls=0,usec=0,usec_per_call=0.000,rejected_calls=1,"))
            await client.close()
            await admin.close()
        }
    }

    @Test func `where keys are required, what changes money is refused without one`() async throws {
        try await Serving.with {
            $0.requiresKeys = true
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.call("USER", "CREATE", "a@x.example", "ID", "u_a")
            let refused = try await client.call("CREDIT", "PURCHASE", "u_a", "100", "card").error
            #expect(refused?.code == "ERR" && refused?.text.contains("must carry a KEY") == true)
            #expect(try await client.call("CREDIT", "PURCHASE", "u_a", "100", "card", "KEY", "p").error == nil)
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "105.00")
            await client.close()
        }
    }

    @Test func `a refusal that is remembered says so, and since when`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            _ = try await client.call("USER", "CREATE", "a@x.example", "ID", "u_a")
            let first = try await client.call("CREDIT", "CHARGE", "u_a", "7", "api", "KEY", "k").error
            #expect(first?.text.hasSuffix("available 5.00, needed 7.00") == true)
            _ = try await client.call("CREDIT", "PURCHASE", "u_a", "100", "card")
            let again = try await client.call("CREDIT", "CHARGE", "u_a", "7", "api", "KEY", "k").error?.text ?? ""
            #expect(again.contains("available 5.00, needed 7.00 (remembered with this KEY since 20"))
            #expect(again.hasSuffix("; use another KEY to ask again)"))
            await client.close()
        }
    }
}
