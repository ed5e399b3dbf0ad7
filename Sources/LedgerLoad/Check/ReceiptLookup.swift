internal import RESP

/// Looks up again what receipts promised.
struct ReceiptLookup {
    let control: any CommandPort
    private let window = 256
    /// Receipts whose user's history is looked at, too.
    private let histories = 200

    init(control: any CommandPort) { self.control = control }

    private struct Receipt {
        var charge: String
        var amount: String
        var user: String
        var time: String
        /// The amount is that of one charge: not of a session with more postings.
        var isSingle: Bool
    }

    func look(_ samples: [String: ReceiptSample]) async throws(LoadError) -> ReceiptFindings {
        var findings = ReceiptFindings()
        var receipts: [Receipt] = []
        for sample in samples.values {
            for reply in sample.replies {
                guard let receipt = Self.parse(reply) else {
                    findings.unreadable += 1
                    continue
                }
                receipts.append(receipt)
            }
        }
        var first = 0
        while first < receipts.count {
            let part = receipts[first..<min(first + window, receipts.count)]
            first = part.endIndex
            for (receipt, answer) in zip(part, try await send(part.map { ["EXPLAIN", $0.charge] })) {
                if findings.addRefusal(answer) { continue }
                findings.looked += 1
                if answer["charge"]?.string != receipt.charge {
                    findings.lost += 1
                } else if receipt.isSingle, Self.nanos(answer["amount"]) != Units.nanos(receipt.amount) {
                    findings.different += 1
                }
            }
        }
        try await lookAtHistories(receipts, &findings)
        return findings
    }

    /// A receipt must be in its user's history once.
    private func lookAtHistories(_ receipts: [Receipt], _ findings: inout ReceiptFindings) async throws(LoadError) {
        let step = max(1, receipts.count / histories)
        for index in stride(from: 0, to: receipts.count, by: step) {
            let receipt = receipts[index]
            guard let next = Self.justAfter(receipt.time) else { continue }
            let words = ["CREDIT", "HISTORY", receipt.user, "FROM", receipt.time, "TO", next, "COUNT", "1000"]
            let answer = try await send([words])[0]
            if findings.addRefusal(answer) { continue }
            findings.histories += 1
            let rows = answer.elements?.last?.elements ?? []
            switch rows.count(where: { $0["id"]?.string == receipt.charge }) {
            case 1: break
            case 0: findings.lost += 1
            default: findings.twice += 1
            }
        }
    }

    private func send(_ commands: [[String]]) async throws(LoadError) -> [RESPValue] {
        do {
            return try await control.send(commands.map { $0.map { Array($0.utf8) } })
        } catch {
            throw LoadError("\(error)")
        }
    }

    private static func parse(_ reply: [UInt8]) -> Receipt? {
        var parser = ReplyParser()
        let value: RESPValue? = reply.withUnsafeBytes { bytes in
            var used = 0
            return try? parser.next(in: bytes, consumed: &used)
        }
        guard let value, let charge = value["charge"]?.string ?? value["id"]?.string,
            let amount = value["amount"]?.string, let user = value["user"]?.string, let time = value["time"]?.string
        else { return nil }
        return Receipt(
            charge: charge, amount: amount, user: user, time: time, isSingle: value["segments"]?.integer ?? 1 == 1)
    }

    private static func nanos(_ value: RESPValue?) -> Int64? { value?.string.flatMap { Units.nanos($0) } }

    /// A nanosecond later, where the fraction of the second allows.
    static func justAfter(_ time: String) -> String? {
        guard time.hasSuffix("Z"), let point = time.lastIndex(of: ".") else { return nil }
        var digits = String(time[time.index(after: point)...].dropLast())
        digits += String(repeating: "0", count: max(0, 9 - digits.count))
        guard let nanoseconds = Int(digits), nanoseconds < 999_999_999 else { return nil }
        let next = String(nanoseconds + 1)
        return time[...point] + String(repeating: "0", count: 9 - next.count) + next + "Z"
    }
}

/// What looking up receipts found.
package struct ReceiptFindings: Hashable, Sendable {
    /// Receipts that the ledger was asked for and answered about.
    package var looked = 0
    /// Histories that were read.
    package var histories = 0
    /// The ledger does not know them.
    package var lost = 0
    /// In a history more than once.
    package var twice = 0
    /// Another amount than the receipt said.
    package var different = 0
    /// Receipts that are none.
    package var unreadable = 0
    /// Questions that were refused, by the error's code: the ledger may know the receipt or not.
    package var refused: [String: Int] = [:]

    package init() {}

    /// `NOPERM 12, BUSY 3`; nil where nothing was refused.
    package var refusedText: String? {
        guard !refused.isEmpty else { return nil }
        return refused.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) \(Units.grouped($0.value))" }.joined(separator: ", ")
    }

    /// Counts an answer that does not say what the ledger knows. False for those that do: NOTFOUND says so, any other
    /// error does not.
    mutating func addRefusal(_ answer: RESPValue) -> Bool {
        guard let error = answer.error, error.code != "NOTFOUND" else { return false }
        refused[error.code.isEmpty ? "ERR" : error.code, default: 0] += 1
        return true
    }
}
