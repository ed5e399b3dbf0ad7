internal import ArgumentParser
internal import LedgerCore
internal import LedgerStorage

struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check everything about a stopped ledger.",
        discussion: """
            Every checksum of every file, the hash chain, the sum of the books after every batch, every invariant, and for \
            each snapshot that it and the journal after it lead to the same state as the journal from its first event. \
            Changes nothing. Exit code 2 when anything is damaged.
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Flag(help: "Print one JSON object and nothing else.")
    var json = false

    func run() throws {
        let report: VerificationReport
        do throws(StorageError) {
            report = try Verification<StateMachine>.run(directory, on: PosixDisk())
        } catch {
            throw Failure(error)
        }
        if json {
            writeLine(report.json)
        } else {
            for finding in report.findings {
                writeLine("\(finding.kind == .damage ? "DAMAGE" : "note"): \(finding.text)")
            }
            writeLine(
                """
                \(report.isSound ? "sound" : "DAMAGED"): \(report.events) events in \(report.batches) batches through LSN \
                \(report.lastLSN.value), \(report.segments) segments (\(report.sealedSegments) sealed), \
                \(report.snapshots) snapshots, \(report.journalBytes) bytes of journal
                state  \(report.digest.hex)
                chain  \(report.chain.hex)
                """)
        }
        if !report.isSound { throw ExitCode(2) }
    }
}

extension VerificationReport {
    fileprivate var json: String {
        var object = JSONText()
        object.add("sound", flag: isSound)
        object.add("events", number: events)
        object.add("batches", number: batches)
        object.add("last_lsn", number: Int(lastLSN.value))
        object.add("segments", number: segments)
        object.add("sealed_segments", number: sealedSegments)
        object.add("snapshots", number: snapshots)
        object.add("journal_bytes", number: journalBytes)
        object.add("state", text: digest.hex)
        object.add("chain", text: chain.hex)
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
