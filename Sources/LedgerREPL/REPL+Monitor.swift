internal import RESP

/// `MONITOR`: what all clients send, as it comes.
extension REPL {
    /// Shows each command on a line until the task is cancelled, by a connection of its own. Nil where it is another
    /// command, or the ledger itself has to answer it.
    func monitorCommand(_ words: [String], _ rendering: Rendering) async -> Outcome? {
        guard words.count == 1, words[0].uppercased() == "MONITOR", world == .ledger, let monitor = options.monitor
        else { return nil }
        if isInTransaction { return Self.needsEnd }
        guard !ties.passport, !lost.passport else {
            return Outcome(
                errors:
                    "MONITOR has a connection of its own, which shows FLORIN_PASSPORT and not the passport of AUTH; "
                    + "a prompt that begins with that one shows it\n", failed: true)
        }
        let audience = audience
        switch audience {
        case .later:
            return Outcome(errors: "MONITOR goes on and on: nobody is here to see it\n", failed: true)
        case .program: break
        case .person(let console):
            let title = "commands of all clients, until Ctrl-C"
            console.terminal.write((rendering.usesColour ? Style.faint.applied(to: title) : title) + "\n")
        }
        var outcome = Outcome()
        do {
            try await monitor { line in _ = audience.take(Self.text(ofMonitored: line, rendering), "") }
            if !Task.isCancelled { outcome = Outcome(errors: "the connection of MONITOR ended\n", failed: true) }
        } catch let error as RESPError {
            outcome = Outcome(errors: rendering.text(of: .error(error)), failed: true)
        } catch {
            if !Task.isCancelled { outcome = Outcome(errors: "\(error)\n", failed: true) }
        }
        outcome.wasInterrupted = Task.isCancelled
        return outcome
    }

    /// Secrets are hidden in it already, by the server.
    private static func text(ofMonitored line: String, _ rendering: Rendering) -> String {
        switch rendering.layout {
        case .json: Rendering.json(of: .simple(line)) + "\n"
        case .tables, .tabs: DisplayText.sanitized(line) + "\n"
        }
    }
}
