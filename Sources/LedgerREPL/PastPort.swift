internal import LedgerCommands
package import LedgerCore
package import RESP

/// The ledger behind another port as it was at a moment: AT is put before every read, what is about the connection
/// goes through, and what would change or follow the ledger is refused here.
package struct PastPort: CommandPort {
    private let port: any CommandPort
    private let moment: Moment
    /// The last event of then; nil where only one user's past may be read.
    private let lsn: LSN?

    /// Has the ledger load its past, which says whether there is one.
    package static func open(_ port: any CommandPort, at moment: Moment) async throws -> PastPort {
        let info = try await port.call(["AT", moment.text, "INFO", "ledger"])
        if let error = info.error, error.code != "NOPERM" { throw error }
        let line = info.string?.split(whereSeparator: \.isNewline).first { $0.hasPrefix("last_lsn:") }
        return PastPort(port: port, moment: moment, lsn: line.flatMap { UInt64($0.dropFirst(9)) }.map { LSN($0) })
    }

    /// The same past by another way to the same ledger.
    package func by(_ port: any CommandPort) -> PastPort { PastPort(port: port, moment: moment, lsn: lsn) }

    package func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        var answers = commands.map(answer)
        let asked = answers.indices.filter { answers[$0] == nil }
        for (index, value) in zip(asked, try await port.send(asked.map { request(commands[$0]) })) {
            answers[index] = value
        }
        return answers.map { $0! }
    }

    /// What needs nobody to answer it.
    private func answer(_ words: [[UInt8]]) -> RESPValue? {
        guard let spec = Self.spec(words) else { return nil }
        if spec.id == .at || spec.id == .diff { return nil }
        if spec.id == .wait, let lsn { return .integer(Int64(lsn.value)) }
        guard case .no(let why) = spec.past else { return nil }
        switch spec.lane {
        case .connection, .identity: return nil
        case .write, .procedure, .program, .gate: return .error(RESPError(code: "READONLY", message: why))
        case .operations, .barrier, .following, .view, .table, .list, .history:
            return .error(
                RESPError(code: "ERR", message: "\(spec.name) cannot be asked here, AT \(moment.text): \(why)"))
        }
    }

    private func request(_ words: [[UInt8]]) -> [[UInt8]] {
        guard let spec = Self.spec(words), spec.past.isPossible else { return words }
        return ["AT", moment.text].map { Array($0.utf8) } + words
    }

    /// Nil: whoever is asked says what is wrong with it.
    private static func spec(_ words: [[UInt8]]) -> CommandSpec? {
        Words.with(words) { words in (try? CommandTable.find(words)).map { CommandTable.spec($0) } }
    }
}
