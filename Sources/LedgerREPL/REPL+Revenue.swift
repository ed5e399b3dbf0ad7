internal import LedgerCore
internal import RESP

/// `revenue("7d")`: what the whole ledger has booked as revenue, over a time.
extension REPL {
    private static let mostParts = 100

    /// Rows of `time`, `amount` (booked since the row before) and `total` (since the first row), from so long ago, or
    /// the ledger's first event, until now. What is used and not posted yet is in none.
    ///
    /// Each instant but the last is the ledger as it was then, loaded for it (`AT`): that many loads, and no more than
    /// one at a time. An error where the connection may not read that.
    mutating func revenue(_ span: String, _ parts: String) async -> RESPValue {
        func refused(_ text: String) -> RESPValue { .error(RESPError(code: "", message: text)) }
        guard let length = TimeSpan(span), length > .zero else {
            return refused("revenue takes a time like 7d or 12h, not \(DisplayText.sanitized(span))")
        }
        guard let count = Int64(parts), 1...Int64(Self.mostParts) ~= count else {
            return refused("revenue takes 1 to \(Self.mostParts) parts, not \(DisplayText.sanitized(parts))")
        }
        guard options.moment == nil, !isInTransaction else {
            return refused("revenue is about the time until now: not of a ledger as it was, nor between MULTI and EXEC")
        }
        do {
            let asked = [["INFO", "ledger"], ["INFO", "books"], ["TAIL", "FROM", "1", "COUNT", "1", "BLOCK", "0"]]
            let answers = try await send(asked.map { $0.map { Array($0.utf8) } })
            if let error = answers.first(where: { $0.error != nil }) { return error }
            let first = answers[2].elements?.last?.elements?.first?["time"]?.string.flatMap { Timestamp($0) }
            guard let now = Self.line("time", of: answers[0]).flatMap({ Timestamp($0) }), let first,
                let last = Self.revenue(in: answers[1])
            else { return refused("the ledger's answers to INFO and TAIL were not understood") }
            let began = max(now - length, first)
            let gap = (now - began).nanoseconds
            var rows: [RESPValue] = []
            var (start, before) = (MoneySum.zero, MoneySum.zero)
            for part in 0...count {
                var (instant, sum) = (now, last)
                if part < count {
                    instant = began + TimeSpan(nanoseconds: Int64(Int128(gap) * Int128(part) / Int128(count)))
                    let words = ["AT", "\(instant)", "INFO", "books"].map { Array($0.utf8) }
                    let books = try await send([words])[0]
                    if books.error != nil { return books }
                    guard let booked = Self.revenue(in: books) else {
                        return refused("the ledger's answer to INFO books was not understood")
                    }
                    sum = booked
                }
                if part == 0 { (start, before) = (sum, sum) }
                let (amount, total) = (MoneySum(nanos: sum.nanos - before.nanos), sum.nanos - start.nanos)
                before = sum
                rows.append(
                    .map([
                        RESPPair(.text("time"), .text("\(instant)")), RESPPair(.text("amount"), .text("\(amount)")),
                        RESPPair(.text("total"), .text("\(MoneySum(nanos: total))")),
                    ]))
            }
            return .array(rows)
        } catch {
            return refused("\(error)")
        }
    }

    /// The value of a line of INFO.
    private static func line(_ name: String, of info: RESPValue) -> String? {
        info.string?.split(whereSeparator: \.isNewline).first { $0.hasPrefix(name + ":") }
            .map { String($0.dropFirst(name.count + 1)) }
    }

    /// The sum of all revenue accounts, `revenue/api:4.50`; a source may have a colon in its name. Nil: none of it can
    /// be read.
    private static func revenue(in books: RESPValue) -> MoneySum? {
        guard let lines = books.string?.split(whereSeparator: \.isNewline) else { return nil }
        var sum = MoneySum.zero
        for line in lines where line.hasPrefix("revenue/") {
            guard let colon = line.lastIndex(of: ":"),
                let amount = Money(String(line[line.index(after: colon)...]), signed: true)
            else { return nil }
            sum += amount
        }
        return sum
    }
}
