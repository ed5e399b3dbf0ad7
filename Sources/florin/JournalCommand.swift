internal import ArgumentParser
internal import LedgerCore
internal import LedgerStorage

struct JournalCommand: ParsableCommand {
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

    @Option(help: ArgumentHelp("Only events of this kind, such as creditCharged.", valueName: "kind"))
    var event: String?

    @Flag(help: "Number, time, kind and user only.")
    var brief = false

    @Flag(help: "A JSON object a line.")
    var json = false

    func validate() throws {
        guard let event, !EventKind.allCases.contains(where: { "\($0)" == event }) else { return }
        throw ValidationError(
            "no such kind of event; there are \(EventKind.allCases.map { "\($0)" }.joined(separator: ", "))")
    }

    func run() throws {
        let listing = EventListing(json: json, brief: brief, only: user)
        let kind = self.event.flatMap { name in EventKind.allCases.first { "\($0)" == name } }
        var output = ""
        var problem: String?
        do throws(StorageError) {
            // From the first event, whatever is asked for: who is who stands where users were created.
            try JournalListing.forEach(directory, on: PosixDisk()) { journaled in
                do throws(StateError) {
                    let event = try Event(decoding: journaled.bytes)
                    listing.note(event)
                    guard journaled.lsn.value >= from, kind == nil || event.body.kind == kind else { return true }
                    guard let line = listing.line(for: event) else { return true }
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
