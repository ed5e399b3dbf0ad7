internal import LedgerCore
internal import RESP

/// Looks at every account of the books and of every user, in the recorded ledger as it was folded and in the one that
/// replayed it, both at the same instant.
struct Comparing {
    private let ledger: Recording
    private let port: any CommandPort
    private let users: [ShortText]
    private static let fields = ["type", "state", "available", "available_for", "paid", "promo", "held", "debt"]
    /// Balances asked for at once.
    private static let step = 512
    /// Credit for sessions alone counts too.
    private static let source = Sources.sessionRuntime

    init(_ ledger: Recording, _ users: [ShortText], _ port: any CommandPort) {
        self.ledger = ledger
        self.users = users
        self.port = port
    }

    /// `now`: where the server's time stands.
    func run(at now: Timestamp) async throws(ReplayError) -> ReplayReport.Comparison {
        var found = ReplayReport.Comparison()
        try await books(&found, at: now)
        var next = 0
        while next < users.count {
            let slice = users[next..<min(next + Self.step, users.count)]
            try await balances(of: slice, &found, at: now)
            next += slice.count
        }
        return found
    }

    private func books(_ found: inout ReplayReport.Comparison, at now: Timestamp) async throws(ReplayError) {
        guard case .books(let rows) = ledger.ledger.read(.books, at: now) else {
            throw ReplayError("the recorded books could not be read")
        }
        let recorded = BookLines(rows).balances
        let replayed = BookLines(try await ReplayServer.ask(port, ["INFO books"])[0].string ?? "").balances
        for account in Set(recorded.keys).union(replayed.keys).sorted() {
            let (was, isNow) = (recorded[account] ?? "0.00", replayed[account] ?? "0.00")
            found.accounts += 1
            if was != isNow { found.differences.add("account \(account): recorded \(was), replayed \(isNow)") }
        }
    }

    private func balances(
        of users: ArraySlice<ShortText>, _ found: inout ReplayReport.Comparison, at now: Timestamp
    ) async throws(ReplayError) {
        let asked = users.map { user in
            var words = CommandWords("CREDIT BALANCE", user)
            words.add("FOR", Self.source)
            return words.words
        }
        let answers = try await ReplayServer.send(port, asked)
        for (user, answer) in zip(users, answers) {
            found.users += 1
            let query = Query.balance(user: ledger.ledger.names.user(user), for: Self.source)
            guard case .balance(let row) = ledger.ledger.read(query, at: now) else {
                throw ReplayError("the recorded balance of \(user) could not be read")
            }
            if let error = answer.error {
                found.differences.add("user \(user): \(error.text)")
                continue
            }
            let recorded = Self.values(of: row)
            for (field, was) in zip(Self.fields, recorded) {
                let isNow = answer[field]?.string ?? "nothing"
                if was != isNow { found.differences.add("user \(user), \(field): recorded \(was), replayed \(isNow)") }
            }
        }
    }

    /// In the order of `fields`.
    private static func values(of row: BalanceRow) -> [String] {
        let account = row.user.account
        return [
            row.user.type.text, row.user.state.text, account.available.description,
            (row.availableFor ?? .zero).description, account.paid.description, account.promo.description,
            account.held.description, account.debt.description,
        ]
    }
}
