internal import ArgumentParser
internal import LedgerEngine
internal import LedgerStorage
internal import Logging

struct Admin: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Issue a new admin passport.",
        discussion: """
            The server must be stopped. The passport is journaled, and printed once, to standard output. A clock that the \
            server would not believe does not matter here.
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Option(help: ArgumentHelp("The pepper's file, if it is not in the data directory.", valueName: "file"))
    var pepper: String?

    func run() throws {
        do throws(EngineError) {
            try refuseVacant()
            var configuration = EngineConfiguration(.directory(directory))
            configuration.version = Florin.version
            configuration.pepperFile = pepper
            configuration.checkpoints = .never
            // A wall clock that cannot be believed must not keep the owner out: CLOCK ACCEPT needs a passport. The
            // event gets the time after the last one, and says nothing about the clock: the next start asks as it would
            // have without it.
            configuration.clock = SystemClock(refuses: false)
            let engine = try Engine.open(configuration, logger: LogLines.logger(.error)).engine
            defer { engine.stop() }
            writeLine(try engine.issueAdminPassport().text)
        } catch {
            throw Failure(error)
        }
    }

    /// Opening would make a ledger where there is none.
    private func refuseVacant() throws(EngineError) {
        do throws(StorageError) {
            _ = try DataDirectory.inspect(directory, on: PosixDisk())
        } catch {
            throw EngineError(.storage, "\(error)")
        }
    }
}
