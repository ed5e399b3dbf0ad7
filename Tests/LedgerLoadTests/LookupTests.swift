import RESP
import Testing

@testable import LedgerLoad

struct LookupTests {
    /// Receipts c_0, c_1, … of a user each.
    private func samples(_ count: Int, and others: [RESPValue] = []) -> [String: ReceiptSample] {
        var sample = ReceiptSample()
        let receipts = (0..<count).map { number in
            RESPValue.map([
                RESPPair(.text("charge"), .text("c_\(number)")), RESPPair(.text("amount"), .text("0.01")),
                RESPPair(.text("user"), .text("u_\(number)")),
                RESPPair(.text("time"), .text("2026-11-28T23:12:31.00000000\(number)Z")),
            ])
        }
        for receipt in receipts + others {
            var writer = RESPWriter(version: .v3)
            writer.value(receipt)
            writer.bytes.withUnsafeBytes { sample.append($0) }
        }
        return ["api": sample]
    }

    private func reconciliation(_ findings: ReceiptFindings) -> Reconciliation {
        Reconciliation(before: Books(), after: Books(), acknowledged: [:], receipts: findings)
    }

    @Test func `Receipts that the ledger knows are found, each once in a history`() async throws {
        let findings = try await ReceiptLookup(control: ToyLedger()).look(samples(9))
        var expected = ReceiptFindings()
        expected.looked = 9
        expected.histories = 9
        #expect(findings == expected)
        #expect(reconciliation(findings).isGood)
        #expect(
            reconciliation(findings).lines[0]
                == "receipts looked up again: 9, lost 0, twice 0, another amount 0 (9 histories read)")
    }

    @Test func `A charge that the ledger does not know is lost`() async throws {
        let findings = try await ReceiptLookup(control: ToyLedger(explained: ["c_3": .notFound])).look(samples(9))
        #expect(findings.lost == 1 && findings.looked == 9 && findings.refused.isEmpty)
        #expect(reconciliation(findings).finding == .disagree)
        let other = RESPValue.map([RESPPair(.text("charge"), .text("c_4")), RESPPair(.text("amount"), .text("0.01"))])
        #expect(try await ReceiptLookup(control: ToyLedger(explained: ["c_3": other])).look(samples(9)).lost == 1)
    }

    @Test func `A charge that its user's history does not have is lost, one that it has again is there twice`()
        async throws
    {
        let ledger = ToyLedger(histories: ["u_2": ["c_1", "c_3"], "u_5": ["c_5", "c_6", "c_5"], "u_7": []])
        let findings = try await ReceiptLookup(control: ledger).look(samples(9))
        #expect(findings.lost == 2 && findings.twice == 1 && findings.different == 0 && findings.histories == 9)
        #expect(reconciliation(findings).finding == .disagree)
        #expect(reconciliation(findings).lines[0].contains("lost 2, twice 1, another amount 0"))
    }

    @Test func `A charge of another amount is different`() async throws {
        let other = RESPValue.map([RESPPair(.text("charge"), .text("c_8")), RESPPair(.text("amount"), .text("0.02"))])
        let findings = try await ReceiptLookup(control: ToyLedger(explained: ["c_8": other])).look(samples(9))
        #expect(findings.different == 1 && findings.lost == 0 && findings.twice == 0)
        #expect(reconciliation(findings).finding == .disagree)
    }

    @Test func `A question that is refused says nothing about its receipt, and is no success`() async throws {
        let ledger = ToyLedger(
            explained: ["c_1": .refusal("NOPERM"), "c_2": .refusal("BUSY"), "c_3": .refusal("BUSY")],
            refusedHistories: ["u_4": "LOADING"])
        let findings = try await ReceiptLookup(control: ledger).look(samples(9))
        #expect(findings.lost == 0 && findings.twice == 0 && findings.different == 0)
        #expect(findings.looked == 6 && findings.histories == 8)
        #expect(findings.refused == ["NOPERM": 1, "BUSY": 2, "LOADING": 1])
        let reconciliation = reconciliation(findings)
        #expect(reconciliation.finding == .notAllLookedUp && !reconciliation.isGood)
        let sentence = "could not be looked up: BUSY 2, LOADING 1, NOPERM 1"
        #expect(reconciliation.lines.contains(sentence))
        var report = LoadReport(
            scenario: "s", about: "", server: "toy", peer: "", outcome: try .made { _, _ in })
        report.reconciliation = reconciliation
        let text = TerminalReport.render(report)
        #expect(text.contains("\nNOT ALL RECEIPTS COULD BE LOOKED UP, the others agree with the books:\n"))
        #expect(text.contains("  \(sentence)\n"))
        let html = HTMLReport.render(report)
        #expect(html.contains("<p class=\"bad\">Not all receipts could be looked up;"))
        #expect(html.contains("<li>\(sentence)</li>"))
        // What is wrong comes before what is not known.
        var worse = findings
        worse.lost = 1
        #expect(self.reconciliation(worse).finding == .disagree)
    }

    @Test func `A receipt that is none is counted`() async throws {
        let findings = try await ReceiptLookup(control: ToyLedger()).look(samples(2, and: [.map([])]))
        #expect(findings.unreadable == 1 && findings.looked == 2)
        #expect(reconciliation(findings).finding == .disagree)
        #expect(reconciliation(findings).lines.contains("receipts that could not be read: 1"))
    }
}

extension RESPValue {
    fileprivate static func refusal(_ code: String) -> RESPValue { .error(RESPError(code: code, message: "no")) }
    fileprivate static var notFound: RESPValue { refusal("NOTFOUND") }
}

/// A ledger in which user u_n was charged 0.01 once, by c_n, unless it is told to lie.
private struct ToyLedger: CommandPort {
    /// What it says of a charge.
    var explained: [String: RESPValue] = [:]
    /// The charges in a user's history.
    var histories: [String: [String]] = [:]
    var refusedHistories: [String: String] = [:]

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        commands.map { command in
            let words = command.map { String(decoding: $0, as: UTF8.self) }
            if words[0] == "EXPLAIN" {
                return explained[words[1]]
                    ?? .map([RESPPair(.text("charge"), .text(words[1])), RESPPair(.text("amount"), .text("0.010"))])
            }
            let user = words[2]
            if let code = refusedHistories[user] { return .refusal(code) }
            let rows = histories[user] ?? ["c_" + user.dropFirst(2)]
            return .array([
                .text("0"),
                .array(
                    rows.map { .map([RESPPair(.text("id"), .text($0)), RESPPair(.text("amount"), .text("0.01"))]) }),
            ])
        }
    }
}
