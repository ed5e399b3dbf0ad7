internal import ArgumentParser
internal import Glibc
internal import LedgerCore
internal import LedgerEngine
internal import LedgerStorage

struct Checkpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a snapshot of a ledger, or audit one.",
        discussion: """
            Of a stopped one: its end. A running server makes its own, and starts this with --audit: whether a snapshot \
            is, byte for byte, what the journal leads to. Exit code 4 when it is not.
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Option(
        help: ArgumentHelp("Audit the snapshot through this event, also beside a server.", valueName: "lsn"))
    var audit: UInt64?

    @Option(
        help: ArgumentHelp(
            "Fold from the snapshot through this event, or an earlier one; 0: from the first event.", valueName: "lsn"))
    var from: UInt64 = 0

    @Option(help: ArgumentHelp("Take so much of a core at most.", valueName: "0…1"))
    var share = 1.0

    /// The server that waits for it; without it nobody needs the verdict.
    @Option(help: .hidden)
    var parent: Int32?

    func validate() throws {
        guard share > 0, share <= 1 else { throw ValidationError("--share is not above 0, and at most 1") }
    }

    func run() throws {
        if let audit { return try run(audit: LSN(audit)) }
        do throws(StorageError) {
            guard let snapshot = try Fold.toEnd(of: directory, on: PosixDisk(), as: StateMachine.self) else {
                return writeLine("nothing to snapshot")
            }
            writeLine("snapshot through LSN \(snapshot.lsn.value)")
        } catch {
            throw Failure("\(EngineError(error))")
        }
    }

    private func run(audit lsn: LSN) throws(Failure) {
        if let parent, !CheckpointProcess.follow(parent) { throw Failure("the server is gone") }
        // A server has given its child a priority.
        if parent == nil { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }
        let sections: [UInt16]
        do throws(EngineError) {
            let isOnALeash = parent != nil
            let pace = Pace(share: share) { nanoseconds in
                if isOnALeash { return CheckpointProcess.rest(nanoseconds: nanoseconds) }
                usleep(UInt32(clamping: nanoseconds / 1000))
                return false
            }
            sections = try Engine.audit(directory, lsn, from: LSN(from), learns: parent != nil, rest: pace.rest)
        } catch {
            throw Failure("\(error)")
        }
        guard sections.isEmpty else {
            throw Failure(
                "the snapshot through LSN \(lsn.value) differs from the journal in sections "
                    + sections.map { "\($0)" }.joined(separator: ", "), code: CheckpointProcess.differs)
        }
        if parent == nil { writeLine("the snapshot through LSN \(lsn.value) is what the journal leads to") }
    }
}
