internal import ArgumentParser
internal import LedgerCore
internal import LedgerStorage

struct JournalDump: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Print a ledger's events, one a line.",
        discussion: """
            Reads beside a running server too. Names, addresses and free text are journaled encrypted and shown as their \
            length.
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Option(help: ArgumentHelp("Begin at this event.", valueName: "lsn"))
    var from: UInt64 = 1

    @Option(help: ArgumentHelp("Only what touches this user.", valueName: "id"))
    var user: String?

    @Flag(help: "A JSON object a line.")
    var json = false

    func run() throws {
        let listing = EventListing(json: json, only: user)
        var output = ""
        var problem: String?
        do throws(StorageError) {
            try JournalListing.forEach(directory, on: PosixDisk()) { journaled in
                do throws(StateError) {
                    let event = try Event(decoding: journaled.bytes)
                    listing.note(event)
                    guard journaled.lsn.value >= from, let line = listing.line(for: event) else { return true }
                    output += line + "\n"
                    if output.utf8.count > 1 << 16 {
                        writeText(output)
                        output = ""
                    }
                    return true
                } catch {
                    problem = "LSN \(journaled.lsn.value): \(error.reason)"
                    return false
                }
            }
        } catch {
            writeText(output)
            throw Failure(error)
        }
        writeText(output)
        if let problem { throw Failure(problem) }
        if let user, !listing.knowsUser { throw Failure("no such user: \(user)") }
    }
}
