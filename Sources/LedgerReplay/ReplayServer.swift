internal import LedgerCore
internal import RESP

/// The server that replays, before the first command of the recording: what it is, and what it begins with.
struct ReplayServer {
    /// Its time goes on only when it is told to.
    let isDriven: Bool
    /// Rules by name and digest: their versions, and which of them count.
    private(set) var versions: [RuleName: [(version: UInt32, digest: String, isActive: Bool)]] = [:]
    private(set) var spaces: Set<String> = []

    /// Throws when the ledger is not as new as a first start leaves it: ids and addresses of the recording must be
    /// free, and books begin at zero.
    init(_ port: any CommandPort) async throws(ReplayError) {
        let answers = try await Self.ask(
            port, ["CLOCK", "DBSIZE", "INFO books", "METER LIST", "RULE LIST", "SPACE LIST COUNT 1000"])
        isDriven = answers[0]["mode"]?.string == "driven"
        let users = answers[1].integer ?? 0
        let books = BookLines(answers[2].string ?? "")
        let meters = answers[3].elements?.count ?? 0
        guard users == 1, books.balances.values.allSatisfy({ $0 == "0.00" }), meters == 0 else {
            throw ReplayError(
                "a recording is replayed into a new ledger, and this one has \(users) users, \(meters) meters and "
                    + (books.balances.values.allSatisfy { $0 == "0.00" } ? "empty books" : "books that are not empty"))
        }
        for row in answers[4].elements ?? [] {
            guard let name = row["rule"]?.string.flatMap({ RuleName(text: $0) }),
                let version = row["version"]?.integer.flatMap({ UInt32(exactly: $0) }),
                let digest = row["sha256"]?.string
            else { continue }
            let isActive = row["active"]?.string == "1" || row["active"]?.string == "true"
            versions[name, default: []].append((version, digest, isActive))
        }
        for row in answers[5].elements?.last?.elements ?? [] {
            if let space = row["space"]?.string { spaces.insert(space) }
        }
    }

    /// Sends commands that must succeed.
    static func ask(_ port: any CommandPort, _ commands: [String]) async throws(ReplayError) -> [RESPValue] {
        try await ask(port, commands.map { $0.split(separator: " ").map { Array($0.utf8) } })
    }

    static func ask(_ port: any CommandPort, _ commands: [[[UInt8]]]) async throws(ReplayError) -> [RESPValue] {
        let answers = try await send(port, commands)
        for (command, answer) in zip(commands, answers) {
            guard let error = answer.error else { continue }
            let words = command.prefix(2).map { String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
            throw ReplayError("\(words): \(error.text)")
        }
        return answers
    }

    static func send(_ port: any CommandPort, _ commands: [[[UInt8]]]) async throws(ReplayError) -> [RESPValue] {
        do {
            return try await port.send(commands)
        } catch {
            throw ReplayError("\(error)")
        }
    }
}

/// `INFO books`: balances as they are written there, by account.
struct BookLines {
    private(set) var balances: [String: String] = [:]

    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            guard !line.hasPrefix("#"), let colon = line.firstIndex(of: ":") else { continue }
            balances[String(line[..<colon])] = String(line[line.index(after: colon)...])
        }
    }

    /// Of a ledger at hand.
    init(_ rows: [BookRow]) {
        for row in rows {
            let account = String(row.account.map { $0 == ":" ? "/" : $0 })
            balances[account] = "\(MoneySum(nanos: row.balance))"
        }
    }
}

extension RuleName {
    /// As clients write it.
    init?(text: String) {
        if let own = RuleName.builtIn.first(where: { $0.text == text }) {
            self = own
        } else if text.hasPrefix(Self.meterPrefix), let name = ShortText(String(text.dropFirst(Self.meterPrefix.count)))
        {
            self = .meter(name)
        } else {
            return nil
        }
    }
}
