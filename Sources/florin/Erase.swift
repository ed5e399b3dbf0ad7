internal import ArgumentParser
internal import Glibc
internal import LedgerCore
internal import LedgerEngine
internal import LedgerStorage
internal import Logging

struct Erase: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete users again, in a ledger that was restored from a backup.",
        discussion: """
            A backup remembers whom USER DELETE has forgotten since: keep a list of their ids, and give it to this after \
            restoring, before the server starts. The server must be stopped. Each user is deleted as by USER DELETE … FORFEIT. \
            Where something open stands in the way of that (a session of then), the account stays and is named, but name, \
            address and texts are gone all the same. Who is deleted already, or was not there yet, is no mistake. \
            Exit code 1 when an account stays.
            """)

    @Argument(help: "The data directory.")
    var directory: String

    @Argument(help: "A file with one user id a line; - reads standard input.")
    var list: String

    @Option(help: ArgumentHelp("The pepper's file, if it is not in the data directory.", valueName: "file"))
    var pepper: String?

    func run() throws {
        let users = try users()
        do throws(EngineError) {
            // Opening would make a ledger where there is none.
            do throws(StorageError) { _ = try DataDirectory.inspect(directory, on: PosixDisk()) } catch {
                throw EngineError(.storage, "\(error)")
            }
            var configuration = EngineConfiguration(.directory(directory))
            configuration.version = Florin.version
            configuration.pepperFile = pepper
            configuration.checkpoints = .never
            configuration.clock = SystemClock(refuses: false)  // as of `florin admin`
            let engine = try Engine.open(configuration, logger: LogLines.logger(.error)).engine
            defer { engine.stop() }
            var kept = 0
            for user in users {
                let erased = try engine.erase(user)
                writeLine("\(user): \(erased.text)")
                if case .keyOnly = erased { kept += 1 }
            }
            guard kept == 0 else {
                throw EngineError(
                    .state,
                    "\(kept) of \(users.count) accounts stay: their texts are gone; delete them with USER DELETE")
            }
        } catch {
            throw Failure(error)
        }
    }

    /// All of them, before anything is done.
    private func users() throws(Failure) -> [ShortText] {
        var users: [ShortText] = []
        let lines = try text().split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, id) in lines.enumerated() where !id.isEmpty {
            guard let user = ShortText(String(id)) else {
                throw Failure("\(list), line \(index + 1): a user id has at most \(ShortText.capacity) bytes")
            }
            users.append(user)
        }
        return users
    }

    private func text() throws(Failure) -> String {
        let descriptor = list == "-" ? STDIN_FILENO : open(list, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure("\(list): \(String(cString: strerror(errno)))") }
        defer { if list != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure("\(list): \(String(cString: strerror(errno)))") }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}

extension Engine.Erased {
    fileprivate var text: String {
        switch self {
        case .now: "deleted"
        case .before: "deleted before"
        case .unknown: "not there"
        case .keyOnly(let why): "texts gone, account kept: \(why)"
        }
    }
}
