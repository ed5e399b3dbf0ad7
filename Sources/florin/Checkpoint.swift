internal import ArgumentParser
internal import Glibc
internal import LedgerCore
internal import LedgerEngine
internal import LedgerStorage

struct Checkpoint: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a snapshot of a ledger.",
        discussion: "Of a stopped one: its end. A running server makes its own; it starts this with --through.")

    @Argument(help: "The data directory.")
    var directory: String

    @Option(
        help: ArgumentHelp(
            "Beside the server that has it open: through this event, the last of a batch.", valueName: "lsn"))
    var through: UInt64?

    /// The server that waits for it; without it nobody needs the snapshot.
    @Option(help: .hidden)
    var parent: Int32?

    func run() throws {
        if let through { return try runBesideServer(through) }
        do throws(StorageError) {
            guard let snapshot = try Fold.toEnd(of: directory, on: PosixDisk(), as: StateMachine.self) else {
                return writeLine("nothing to snapshot")
            }
            writeLine("snapshot through LSN \(snapshot.lsn.value)")
        } catch {
            throw failure(EngineError(error))
        }
    }

    private func runBesideServer(_ through: UInt64) throws(Failure) {
        if let parent, !CheckpointProcess.follow(parent) { throw Failure("the server is gone") }
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
        do throws(EngineError) { try Engine.fold(directory, through: LSN(through)) } catch { throw failure(error) }
    }

    private func failure(_ error: EngineError) -> Failure {
        Failure("\(error)", code: error.fault?.isOutOfSpace == true ? CheckpointProcess.outOfRoom : 1)
    }
}
