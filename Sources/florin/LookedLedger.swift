internal import Glibc
internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerServer
internal import Logging
internal import RESP
internal import Synchronization

/// A data directory that is looked at and not changed: as it was at a moment, or beside the process that has it open.
final class LookedLedger: Sendable {
    private struct Opened {
        let engine: Engine
        /// The last that was asked for.
        var port: EmbeddedPort?
    }

    private let look: Look
    /// What it is, for people.
    private let what: String
    private let opened: Mutex<Opened>

    /// `moment` nil: all there is, beside another process.
    static func open(_ data: String, pepper: String?, at moment: Moment?) async throws(Failure) -> OpenPort {
        let what =
            moment == nil
            ? "a copy of \(data), which \(holder(of: data)) has open" : "the ledger in \(data) as it was"
        let refusal =
            moment == nil
            ? "this is \(what): where that is a server, florin repl --connect HOST:PORT changes the ledger"
            : "this is \(what): what was recorded cannot be changed"
        let look = Look(data, through: moment, pepper: pepper, refusal: refusal, version: Florin.version)
        do {
            let (engine, notice) = try load(look, what)
            let ledger = LookedLedger(look, what, engine)
            let another: @Sendable () async throws -> any CommandPort = { try await ledger.port() }
            let reload: @Sendable () async throws -> (port: any CommandPort, notice: String) = {
                try await ledger.reload()
            }
            return OpenPort(
                port: try await another(), another: another, notice: notice, reload: moment == nil ? reload : nil,
                close: { await ledger.close() })
        } catch {
            throw Failure(error)
        }
    }

    private init(_ look: Look, _ what: String, _ engine: Engine) {
        (self.look, self.what) = (look, what)
        opened = Mutex(Opened(engine: engine))
    }

    /// Loads it, and says what there is now and what that took.
    private static func load(_ look: Look, _ what: String) throws -> (Engine, notice: String) {
        let clock = ContinuousClock()
        let began = clock.now
        let engine = try look.open(logger: LogLines.logger(.error))
        let (seconds, attoseconds) = (clock.now - began).components
        let hundredths = attoseconds / 10_000_000_000_000_000
        let took = "\(seconds).\(hundredths < 10 ? "0" : "")\(hundredths) s"
        let again = look.through == nil ? "; .reload looks again" : ""
        return (
            engine,
            "This is \(what): as of LSN \(engine.durableLSN.value), \(engine.now()), read-only; loaded in \(took)\(again)."
        )
    }

    /// A connection to the copy; the one before ends.
    private func port() async throws -> EmbeddedPort {
        let (engine, before) = opened.withLock { ($0.engine, $0.port) }
        let port: EmbeddedPort
        if let before {
            port = try await before.another()
        } else {
            port = try await EmbeddedPort(engine: engine, version: Florin.version, logger: LogLines.logger(.error))
        }
        opened.withLock { $0.port = port }
        return port
    }

    /// Looks again. The old copy goes when the new one is there: until then there are two.
    private func reload() async throws -> (port: any CommandPort, notice: String) {
        let (engine, notice) = try Self.load(look, what)
        let old = opened.withLock { opened in
            let old = opened
            opened = Opened(engine: engine)
            return old
        }
        await Self.close(old)
        return (try await port(), notice)
    }

    private func close() async { await Self.close(opened.withLock { $0 }) }

    private static func close(_ opened: Opened) async {
        opened.engine.stop()
        await opened.port?.close()
    }

    /// Who has a data directory open, as far as the system tells.
    private static func holder(of data: String) -> String {
        var status = stat()
        guard stat(data + "/LOCK", &status) == 0, let file = fopen("/proc/locks", "r") else { return "another process" }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            // 1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF
            let words = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                .split(separator: " ")
            guard words.count > 5, words[1] == "FLOCK", words[5].hasSuffix(":\(status.st_ino)"),
                let process = Int32(words[4]), process > 0
            else { continue }
            return "process \(process)"
        }
        return "another process"
    }
}
