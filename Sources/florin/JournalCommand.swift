internal import ArgumentParser
internal import LedgerCore
internal import LedgerStorage

struct JournalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "journal",
        abstract: "Print a ledger's events, one a line.",
        discussion: """
            Reads beside a running server too. Names, addresses and free text are journaled encrypted and shown as their \
            length. Everything else is exact. In JSON, amounts and integers of 128 bits (such as the numerators of usage) \
            are text, since many readers round long numbers; other integers are numbers. \
            Of a journal of format 0, which no other command reads any more: number, time, kind and size.
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
        guard let event, !EventCode.allCases.contains(where: { $0.name == event }) else { return }
        throw ValidationError(
            "no such kind of event; there are \(EventCode.allCases.map(\.name).joined(separator: ", "))")
    }

    func run() throws {
        let listing = EventListing(json: json, brief: brief, only: user)
        let kind = self.event.flatMap { name in EventCode.allCases.first { $0.name == name } }
        var output = ""
        var problem: String?
        do throws(StorageError) {
            // From the first event, whatever is asked for: who is who stands where users were created.
            try JournalListing.forEach(directory, on: PosixDisk()) { journaled in
                do throws(StateError) {
                    guard let line = try line(for: journaled, of: kind, listing) else { return true }
                    output += line + "\n"
                } catch {
                    problem = "LSN \(journaled.lsn.value): \(error.reason)"
                    return false
                }
                if output.utf8.count > 1 << 16 {
                    writeText(output)
                    output = ""
                }
                return true
            }
        } catch {
            writeText(output)
            throw Failure(error)
        }
        writeText(output)
        if let problem { throw Failure(problem) }
        if let user, !listing.knowsUser { throw Failure("no such user: \(user)") }
    }

    /// Nil for what was not asked for.
    private func line(
        for journaled: JournaledEvent, of kind: EventCode?, _ listing: EventListing
    ) throws(StateError) -> String? {
        guard journaled.batchVersion > 0 else {
            if user != nil { throw StateError("events of format 0 are listed without their users: leave out --user") }
            guard journaled.lsn.value >= from, kind == nil || RawEventListing.kind(of: journaled) == kind else {
                return nil
            }
            return RawEventListing.line(for: journaled, json: json)
        }
        let event = try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time)
        listing.note(event)
        guard journaled.lsn.value >= from, kind == nil || event.body.code == kind else { return nil }
        return listing.line(for: event)
    }
}
