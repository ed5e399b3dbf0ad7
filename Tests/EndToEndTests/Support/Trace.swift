import Glibc
import LedgerClient
import LedgerCore
import LedgerImport
import LedgerTestKit
import RESP
import Testing

/// The log of real usage, with what it must come to; or, where it is not at hand, a generated one of the same shape,
/// whose sums must only agree with each other.
struct Trace {
    let path: String
    let map = Workspace.project + "/Scripts/import/nasa.lua"
    let isReal: Bool
    let sessions = 18_239
    let users: Int

    /// Computed by an independent program with rational arithmetic.
    static let real: [(cell: String, sessions: Int, total: String)] = [
        ("free/small", 2169, "15.863222262"), ("free/medium", 833, "14.915479165"),
        ("free/large", 1006, "28.086888877"), ("free/gpu", 21, "1.061180554"),
        ("pro/small", 4257, "17.05790278"), ("pro/medium", 1229, "6.99795833"),
        ("pro/large", 2481, "74.833166692"), ("pro/gpu", 54, "9.189513889"),
        ("enterprise/small", 945, "0.418761101"), ("enterprise/medium", 679, "1.462275005"),
        ("enterprise/large", 1009, "2.769838884"), ("enterprise/gpu", 269, "10.73561111"),
        ("admin/small", 2010, "0.00"), ("admin/medium", 832, "0.00"), ("admin/large", 369, "0.00"),
        ("admin/gpu", 76, "0.00"),
    ]
    static let realTotal = "183.391798649"

    init(in workspace: Workspace) throws {
        if let path = RealTrace.path(beside: Workspace.project) {
            self.path = path
            isReal = true
            users = 69
            print("billing the real log, \(path.split(separator: "/").last ?? "")")
        } else {
            path = "\(workspace.path)/generated.swf"
            isReal = false
            let generated = GeneratedTrace(seed: 1)
            users = Set(generated.rows().map(\.user)).count
            try generated.write(to: path)
            print("the real log is not here (FLORIN_TRACE): billing a generated one")
        }
    }

    func importArguments(_ server: ServerProcess) -> [String] {
        ["import", "swf", path, "--map", map, "--connect", "127.0.0.1:\(server.port)"]
    }

    /// The report is right to the last digit.
    func expect(_ json: String) async throws {
        #expect(json.hasPrefix("{\"sessions\":\(sessions),\"users\":\(users),"), "\(json.prefix(100))")
        guard isReal else { return }
        #expect(json.contains("\"users\":69,\"total\":\"\(Self.realTotal)\""))
        for (cell, sessions, total) in Self.real {
            #expect(json.contains("\"\(cell)\":{\"sessions\":\(sessions),\"total\":\"\(total)\"}"), "\(cell)")
        }
    }

    /// Every user's history, every user's summary over the trace's months, and gross revenue agree.
    func expectBooks(_ server: ServerProcess, _ passport: String) async throws {
        let client = try await server.connect(passport)
        let rows = try await client.must("USER LIST COUNT 1000").elements?[1].elements ?? []
        let ids = rows.compactMap { $0.text("user") }.filter { $0 != "admin" }
        #expect(ids.count == users)

        var debits = Money.zero
        var spent = Money.zero
        var summarised = 0
        for id in ids {
            var cursor = "0"
            var own = Money.zero
            repeat {
                let page = try #require(
                    try await client.must("CREDIT HISTORY \(id) COUNT 1000 CURSOR \(cursor)").elements)
                cursor = page[0].string ?? "0"
                for row in page[1].elements ?? [] where row.text("source") == "session_runtime" {
                    #expect(row.text("type") == "debit")
                    own += try #require(Money(row.text("amount") ?? ""))
                }
            } while cursor != "0"
            debits += own
            // The months of the trace, one by one, add up to what the history says.
            var months = Money.zero
            for range in isReal ? Self.months : [("", "")] {
                let words = range.0.isEmpty ? "" : " FROM \(range.0) TO \(range.1)"
                let summary = try await client.must("USER SUMMARY \(id)\(words)")
                months += try #require(Money(summary.text("total_spent") ?? ""))
                for tier in summary["sessions_by_tier"]?.pairs ?? [] {
                    summarised += Int(try #require(tier.value["count"]?.integer))
                }
            }
            #expect(months == own, "\(id)")
            spent += months
        }
        let books = try await client.must("INFO books").string ?? ""
        let revenue = books.split(whereSeparator: \.isNewline).first { $0.contains("session_runtime:") }
        #expect(revenue?.split(separator: ":").last.map(String.init) == "\(debits)", "\(books)")
        #expect(spent == debits)
        #expect(summarised == sessions)
        let info = try await client.must("INFO ledger").string ?? ""
        #expect(info.contains("books_sum:0\r\n"))
        if isReal { #expect("\(debits)" == Self.realTotal) }
        await client.close()
    }

    /// The trace runs from October 1993 to the end of January 1994.
    private static let months = [
        ("1993-10-01", "1993-11-01"), ("1993-11-01", "1993-12-01"), ("1993-12-01", "1994-01-01"),
        ("1994-01-01", "1994-02-01"),
    ]
}
