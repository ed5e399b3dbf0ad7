internal import LedgerCore
internal import LedgerRules
package import RESP

/// Bills a log of real usage: every job that the map names becomes a `SESSION RECORD` with its true times.
///
/// The file is read once, and to its end before anything is sent: every job is mapped, priced with the ledger's own
/// active rule (`RULE SHOW`), and added to what its user will be charged. So what cannot be billed is found while
/// nothing has happened yet. Users that do not exist are then created and given what their sign-up credit does not
/// cover, rounded up to a cent. After that the sessions are recorded in the file's order (but for those that a busy
/// ledger refuses, which come a little later), at most `window` commands under way at a time. The bill is what the
/// receipts say; the prices here only decide how much credit is given.
///
/// Nothing is done twice, however often it is interrupted and repeated: a session is billed under its own id
/// (`SOURCE:job.id` unless the map names another), credit is given with the reference `import:SOURCE:user` and before
/// the user's first session, and a user counts as ours when the e-mail address is the one made up here.
package struct SWFImport: Sendable {
    package var file: String
    package var mapName: String
    package var mapSource: String
    package var source: String
    package var window = 4096
    package var progress: (@Sendable (ImportProgress) -> Void)?
    let port: any CommandPort

    /// `source` defaults to the file's name without `.swf` and `.gz`.
    package init(file: String, mapName: String, mapSource: String, source: String? = nil, port: any CommandPort) {
        self.file = file
        self.mapName = mapName
        self.mapSource = mapSource
        self.source = source ?? Self.defaultSource(of: file)
        self.port = port
    }

    /// As above, with the map read from a file.
    package init(file: String, map: String, source: String? = nil, port: any CommandPort) throws(ImportError) {
        self.init(
            file: file, mapName: String(map.split(separator: "/").last ?? ""), mapSource: try readText(map),
            source: source, port: port)
    }

    package static func defaultSource(of file: String) -> String {
        var name = file.split(separator: "/").last ?? ""
        for suffix in [".gz", ".swf"] where name.hasSuffix(suffix) && name.count > suffix.count {
            name.removeLast(suffix.count)
        }
        return String(name)
    }

    package func run() async throws(ImportError) -> ImportReport {
        try checkSource()
        let rule = try await activeRule()
        let now = try await ledgerTime()
        var report = ImportReport()
        let survey = try await Survey(of: self, pricedBy: rule, at: now)
        report.users = survey.customers.count
        report.skipped = survey.skipped
        if survey.customers.isEmpty, report.skipped == 0 { report.notes.append("the log holds no jobs") }
        try await createUsers(survey, &report)
        try await bill(survey, &report)
        return report
    }

    /// The source becomes a part of every session's id, which the ledger keeps.
    private func checkSource() throws(ImportError) {
        guard !source.isEmpty else { throw ImportError(.file, "the source has no name") }
        // Not repeated: it may be a passport in the wrong place.
        guard !source.lowercased().contains("fl_") else {
            throw ImportError(
                .file,
                "the source contains fl_, as passports do, and would be a part of every id: choose another --source")
        }
        guard cleaned(source) == source else {
            throw ImportError(.file, "the source '\(source)' is not printable: choose another --source")
        }
    }

    /// What the ledger's clock shows: it bills nothing that ends later.
    private func ledgerTime() async throws(ImportError) -> Timestamp {
        let answer = try await ask([["TIME"]])[0]
        if let error = answer.error { throw ImportError(.ledger, "TIME: \(error.text)") }
        guard case .array(let parts) = answer, let seconds = parts.first?.string.flatMap({ Int64($0) }) else {
            throw ImportError(.ledger, "TIME shows no time")
        }
        return Timestamp(seconds: seconds)
    }

    /// The rule that the ledger will price the sessions by.
    private func activeRule() async throws(ImportError) -> RuleVM {
        let answer = try await ask([["RULE", "SHOW", RuleName.sessionRuntime.text]])[0]
        if let error = answer.error { throw ImportError(.ledger, "RULE SHOW session_runtime: \(error.text)") }
        guard let text = answer["source"]?.string ?? answer.string else {
            throw ImportError(.ledger, "RULE SHOW session_runtime shows no source")
        }
        do throws(RuleError) {
            return try RuleVM(.sessionRuntime, source: text)
        } catch {
            throw ImportError(.ledger, "the ledger's rule does not load here: \(error.text)")
        }
    }

    // MARK: - Talking to the ledger

    /// Sends commands and answers one value each. A ledger that is `BUSY` is asked again, for the commands it refused.
    func ask(_ commands: [[String]]) async throws(ImportError) -> [RESPValue] {
        guard !commands.isEmpty else { return [] }
        let words = commands.map { $0.map { Array($0.utf8) } }
        do {
            var answers = try await port.send(words)
            for delay in Self.delays {
                let busy = answers.indices.filter { answers[$0].error?.code == Self.busy }
                if busy.isEmpty { break }
                try await Task.sleep(for: delay)
                for (index, answer) in zip(busy, try await port.send(busy.map { words[$0] })) {
                    answers[index] = answer
                }
            }
            return answers
        } catch {
            throw ImportError(.interrupted, "\(error)")
        }
    }

    /// The code of a ledger that has no room for a command now, and how long to leave it alone, each time longer.
    static let busy = "BUSY"
    static let delays = (0...12).map { Duration.milliseconds(1 << $0) }

    func tell(_ phase: ImportProgress.Phase, _ done: Int, _ total: Int?) {
        progress?(ImportProgress(phase: phase, done: done, total: total))
    }
}
