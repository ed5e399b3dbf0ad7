internal import ArgumentParser
internal import LedgerCore
internal import LedgerREPL
internal import LedgerStorage

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check everything about a stopped ledger.",
        discussion: """
            Every checksum of every file, the hash chain, the sum of the books after every batch, every invariant, and for \
            each snapshot that it and the journal after it lead to the same state as the journal from its first event; a \
            key for everybody who has sealed text, which opens it, and the pepper. Changes nothing. Exit code 2 when anything is damaged, \
            1 when something could not be read.
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Option(help: ArgumentHelp("The pepper's file, if it is not in the data directory.", valueName: "file"))
    var pepper: String?

    @Flag(help: "Print one JSON object and nothing else.")
    var json = false

    func run() throws {
        let report: VerificationReport
        do throws(StorageError) {
            report = try Verification<StateMachine>.run(directory, on: PosixDisk(), pepper: pepper)
        } catch {
            throw Failure(error)
        }
        if json {
            writeLine(report.json)
        } else {
            for finding in report.findings {
                writeLine("\(finding.kind == .damage ? "DAMAGE" : "note"): \(finding.text)")
            }
            writeLine(report.summary)
        }
        if !report.isSound { throw ExitCode(2) }
    }
}

extension VerificationReport {
    fileprivate var summary: String {
        guard isComplete else {
            return lastLSN.isNone
                ? "DAMAGED: not even the first event could be read"
                : "DAMAGED: followed from the first event through LSN \(lastLSN.value), and no further"
        }
        return """
            \(isSound ? "sound" : "DAMAGED"): \(events) events in \(batches) batches through LSN \(lastLSN.value), \
            \(segments) segments (\(sealedSegments) sealed), \(snapshots) snapshots, \(journalBytes) bytes of journal
            state  \(digest.hex)
            chain  \(chain.hex)
            """
    }

    /// `state` and `chain` only where the journal could be followed to its end.
    fileprivate var json: String {
        var object = JSONText()
        object.add("sound", flag: isSound)
        object.add("complete", flag: isComplete)
        object.add("events", number: events)
        object.add("batches", number: batches)
        object.add("last_lsn", number: Int(lastLSN.value))
        object.add("segments", number: segments)
        object.add("sealed_segments", number: sealedSegments)
        object.add("snapshots", number: snapshots)
        object.add("journal_bytes", number: journalBytes)
        if isComplete {
            object.add("state", text: digest.hex)
            object.add("chain", text: chain.hex)
        }
        object.add(
            "findings",
            raw: "["
                + findings.map { finding in
                    var row = JSONText()
                    row.add("kind", text: finding.kind == .damage ? "damage" : "note")
                    row.add("text", text: finding.text)
                    return row.text
                }.joined(separator: ",") + "]")
        return object.text
    }
}
