/// The books after a load beside what was acknowledged during it.
package struct Reconciliation: Hashable, Sendable {
    package struct Source: Hashable, Sendable {
        package var name: String
        package var acknowledged: Acknowledged
        /// How much more there is in the books than before: nano-dollars.
        package var booked: Int64

        /// Acknowledged and not in the books: nano-dollars.
        package var lost: Int64 { max(0, acknowledged.nanos - booked) }

        /// In the books beyond what was acknowledged and what may be of commands without an answer; nil where these are
        /// of unknown amount.
        package var excess: Int64? {
            guard let unknown = acknowledged.unknownNanos else { return nil }
            return max(0, booked - acknowledged.nanos - unknown)
        }

        package var isGood: Bool { lost == 0 && excess ?? 0 == 0 && acknowledged.unreadable == 0 }
    }

    package var sources: [Source]
    /// Revenue that moved though nothing of this load charges it: somebody else uses the server.
    package var others: [String]
    /// Of all accounts; nil where the server has no double entry.
    package var sum: Int128?
    package var receipts: ReceiptFindings

    init(before: Books, after: Books, acknowledged: [String: Acknowledged], receipts: ReceiptFindings) {
        func moved(_ source: String) -> Int64 { (after.revenue[source] ?? 0) &- (before.revenue[source] ?? 0) }
        sources = acknowledged.keys.sorted().map { name in
            Source(name: name, acknowledged: acknowledged[name]!, booked: moved(name))
        }
        others = after.revenue.keys.sorted().filter { acknowledged[$0] == nil && moved($0) != 0 }
        sum = after.sum
        self.receipts = receipts
    }

    package enum Finding: Hashable, Sendable {
        case agree
        /// Something is lost, twice, different or cannot be read.
        case disagree
        /// Nothing of what was seen disagrees, and not all was seen.
        case notAllLookedUp
    }

    package var finding: Finding {
        let isWhole = sources.allSatisfy(\.isGood) && sum ?? 0 == 0
        guard isWhole, receipts.lost == 0, receipts.twice == 0, receipts.different == 0, receipts.unreadable == 0 else {
            return .disagree
        }
        return receipts.refused.isEmpty ? .agree : .notAllLookedUp
    }

    package var isGood: Bool { finding == .agree }

    /// For people, a line each.
    package var lines: [String] {
        var lines: [String] = []
        for source in sources {
            let part = source.acknowledged
            var line = "\(source.name): \(Units.grouped(part.receipts)) receipts of \(Units.money(part.nanos)), books "
            line += Units.money(source.booked) + ": lost \(Units.money(source.lost)), "
            line += source.excess.map { "twice \(Units.money($0))" } ?? "twice: not known"
            if part.replayed > 0 { line += "; \(Units.grouped(part.replayed)) were replays" }
            if part.unreadable > 0 { line += "; \(Units.grouped(part.unreadable)) receipts had no amount" }
            lines.append(line)
            if part.unknown > 0 {
                lines.append(
                    "\(source.name): \(Units.grouped(part.unknown)) without an answer, so the books may be ahead by "
                        + (part.unknownNanos.map { "up to \(Units.money($0))" } ?? "an amount that is not known before")
                )
            }
        }
        if receipts.looked > 0 || !receipts.refused.isEmpty {
            lines.append(
                "receipts looked up again: \(Units.grouped(receipts.looked)), lost \(receipts.lost), twice "
                    + "\(receipts.twice), another amount \(receipts.different) (\(receipts.histories) histories read)")
        }
        if receipts.unreadable > 0 {
            lines.append("receipts that could not be read: \(Units.grouped(receipts.unreadable))")
        }
        if let refused = receipts.refusedText { lines.append("could not be looked up: \(refused)") }
        if sources.isEmpty { lines.append("nothing was charged") }
        if let sum { lines.append("sum over all books: \(sum == 0 ? "0" : Units.money(sum))") }
        if !others.isEmpty {
            lines.append("somebody else uses this server: \(others.joined(separator: ", ")) moved, too")
        }
        return lines
    }
}
