package import LedgerCore

/// What a file holds, as the ledger billed it: now or in an earlier import, summed from the receipts.
package struct ImportReport: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package var sessions = 0
        package var total = Money.zero

        package init(sessions: Int = 0, total: Money = .zero) {
            self.sessions = sessions
            self.total = total
        }
    }

    package var sessions = 0
    package var users = 0
    package var total = Money.zero
    /// By user type, then tier; a cell that no job fell into has no sessions.
    package private(set) var lines = [Line](repeating: Line(), count: UserType.allCases.count * Tier.allCases.count)

    /// Sessions that an earlier import had billed already.
    package var billedBefore = 0
    /// Jobs that the map left out.
    package var skipped = 0
    package var usersCreated = 0
    package var usersToppedUp = 0
    /// What to tell people beside the figures, such as a user who exists with another type.
    package var notes: [String] = []

    package init() {}

    package subscript(type: UserType, tier: Tier) -> Line {
        get { lines[Self.index(type, tier)] }
        set { lines[Self.index(type, tier)] = newValue }
    }

    private static func index(_ type: UserType, _ tier: Tier) -> Int {
        Int(type.rawValue) * Tier.allCases.count + Int(tier.rawValue)
    }

    /// False when a sum does not fit into ``Money``.
    mutating func add(_ amount: Money, _ type: UserType, _ tier: Tier) -> Bool {
        guard let sum = total.adding(amount) else { return false }
        total = sum
        sessions += 1
        self[type, tier].sessions += 1
        self[type, tier].total += amount  // part of a sum that fits
        return true
    }

    /// The object that `--json` prints.
    package var json: String {
        var cells: [String] = []
        for type in UserType.allCases {
            for tier in Tier.allCases where self[type, tier].sessions > 0 {
                let line = self[type, tier]
                cells.append(#""\#(type.text)/\#(tier.text)":{"sessions":\#(line.sessions),"total":"\#(line.total)"}"#)
            }
        }
        return
            #"{"sessions":\#(sessions),"users":\#(users),"total":"\#(total)","by":{\#(cells.joined(separator: ","))}}"#
    }

    /// The same as a table for people, with what this run did.
    package var table: String {
        let tiers = Tier.allCases
        var rows: [[String]] = [[""] + tiers.map(\.text)]
        for type in UserType.allCases {
            rows.append(
                [type.text]
                    + tiers.map { tier in
                        let line = self[type, tier]
                        return line.sessions == 0 ? "-" : "\(line.sessions)  \(line.total)"
                    })
        }
        var widths = [Int](repeating: 0, count: tiers.count + 1)
        for row in rows { for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.count) } }
        var text = ""
        for row in rows {
            var line = ""
            for (column, cell) in row.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += column == 0 ? cell + padding : "   " + padding + cell
            }
            text += line + "\n"
        }
        text += "\(sessions) sessions of \(users) users: \(total) USD"
        if billedBefore > 0 { text += ", of which \(billedBefore) sessions were billed before" }
        if skipped > 0 { text += "; the map left out \(skipped) jobs" }
        return text + "\n"
    }
}

/// How far an import is.
package struct ImportProgress: Hashable, Sendable {
    package enum Phase: Hashable, Sendable {
        /// Reading and pricing. The total is not known yet.
        case reading
        /// Creating users and giving them credit.
        case users
        /// Recording sessions.
        case billing
    }
    package var phase: Phase
    package var done: Int
    package var total: Int?
}
