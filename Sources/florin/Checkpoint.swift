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

    func run() throws {
        if let through {
            setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19)
            do throws(EngineError) {
                try Engine.fold(directory, through: LSN(through))
            } catch {
                throw Failure(error)
            }
            return
        }
        do throws(StorageError) {
            guard let snapshot = try Checkpointer.run(directory, on: PosixDisk(), as: StateMachine.self) else {
                return writeLine("nothing to snapshot")
            }
            writeLine("snapshot through LSN \(snapshot.lsn.value)")
        } catch {
            throw Failure(error)
        }
    }
}
