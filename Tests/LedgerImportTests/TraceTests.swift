import LedgerCore
import LedgerImport
import LedgerRules
import LedgerTestKit
import RESP
import Testing

@Suite struct TraceTests {
    /// Sums of exact fractions of 3600, kept per session and rounded half-even by a rational of our own.
    private func expected(_ rows: [GeneratedTrace.Row]) -> [String: (sessions: Int, nanos: Int64)] {
        var cells: [String: (sessions: Int, nanos: Int64)] = [:]
        for row in rows {
            let type = row.group == 2 ? "admin" : ["free", "pro", "enterprise"][row.user % 3]
            let tier = row.procs <= 4 ? "small" : row.procs <= 16 ? "medium" : row.procs <= 64 ? "large" : "gpu"
            let numerator = Int128(FakeLedger.rates[type]![tier]!) * Int128(row.run)
            // Twice the value, so that halves are integers: round to the nearest even half.
            let doubled = numerator * 2
            var nanos = doubled / 7200
            let rest = doubled - nanos * 7200
            if rest > 3600 || (rest == 3600 && nanos & 1 == 1) { nanos += 1 }
            cells["\(type)/\(tier)", default: (0, 0)].sessions += 1
            cells["\(type)/\(tier)"]!.nanos += Int64(nanos)
        }
        return cells
    }

    @Test(arguments: [1, 2, 0xF10_21A] as [UInt64])
    func `a generated log of the real shape is billed to the last digit`(seed: UInt64) async throws {
        let trace = GeneratedTrace(seed: seed)
        let rows = trace.rows()
        #expect(rows.count == 18_239)
        let file = TemporaryFile(gzip(trace.text()), suffix: ".swf.gz")
        let ledger = FakeLedger(source: sessionRule)
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "g", port: ledger).run()
        let expected = expected(rows)
        for type in UserType.allCases {
            for tier in Tier.allCases {
                let cell = expected["\(type.text)/\(tier.text)"] ?? (0, 0)
                #expect(report[type, tier].sessions == cell.sessions)
                #expect(report[type, tier].total.nanos == cell.nanos)
            }
        }
        #expect(report.sessions == 18_239)
        #expect(report.users == Set(rows.map(\.user)).count)
        #expect(report.total.nanos == expected.values.reduce(0) { $0 + $1.nanos })
        #expect(ledger.snapshot.users.values.allSatisfy { $0.debt == 0 })
    }

    @Test func `the same seed gives the same bytes, another one others`() {
        var trace = GeneratedTrace(seed: 7)
        trace.jobs = 500
        #expect(trace.text() == trace.text())
        var other = trace
        other.seed = 8
        #expect(other.text() != trace.text())
        // Known bytes: the generator may not change under those who quote its totals.
        #expect(
            trace.rows()[0...2].map { [$0.id, $0.submit, $0.run, $0.procs, $0.user, $0.group] }
                == [[1, 62076, 1, 2, 8, 1], [2, 128736, 454, 32, 23, 1], [3, 138833, 606, 4, 53, 1]])
    }

    @Test func `a generated log has the shape of the real one`() {
        let trace = GeneratedTrace(seed: 3)
        let rows = trace.rows()
        #expect(rows.contains { $0.run == 0 })
        #expect(Set(rows.map(\.procs)) == [1, 2, 4, 8, 16, 32, 64, 128])
        #expect(Set(rows.map(\.group)) == [1, 2])
        #expect(zip(rows, rows.dropFirst()).allSatisfy { $0.id < $1.id && $0.submit <= $1.submit })
        #expect((60...100).contains(rows.last!.submit / 86_400))
        #expect(rows.max { $0.run < $1.run }!.run > 20_000)
    }

    /// The figures of the README beside the real log, computed by an independent program.
    @Test(
        .enabled(
            if: RealTrace.path(beside: projectRoot)?.hasSuffix("nasa-ipsc-1993.swf.gz") == true,
            "the real log is not here"))
    func `the real log is billed to the last digit`() async throws {
        let path = try #require(RealTrace.path(beside: projectRoot))
        let ledger = FakeLedger(source: sessionRule)
        let report = try await SWFImport(file: path, map: nasaMap, port: ledger).run()
        let figures: [(UserType, [(Int, String)])] = [
            (.free, [(2169, "15.863222262"), (833, "14.915479165"), (1006, "28.086888877"), (21, "1.061180554")]),
            (.pro, [(4257, "17.057902780"), (1229, "6.997958330"), (2481, "74.833166692"), (54, "9.189513889")]),
            (.enterprise, [(945, "0.418761101"), (679, "1.462275005"), (1009, "2.769838884"), (269, "10.735611110")]),
            (.admin, [(2010, "0"), (832, "0"), (369, "0"), (76, "0")]),
        ]
        for (type, row) in figures {
            for (tier, (sessions, total)) in zip(Tier.allCases, row) {
                #expect(report[type, tier] == .init(sessions: sessions, total: Money(total)!))
            }
        }
        #expect(report.sessions == 18_239)
        #expect(report.users == 69)
        #expect(report.total == Money("183.391798649")!)
        #expect(ledger.snapshot.users.values.allSatisfy { $0.debt == 0 && $0.available < 5_000_000_000 })
    }
}
