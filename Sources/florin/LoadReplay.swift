internal import ArgumentParser
internal import Glibc
internal import LedgerClient
internal import LedgerCore
internal import LedgerLoad
internal import LedgerReplay
internal import LedgerStorage
internal import RESP

/// `50x`, `0.5x`: recorded time to time.
struct Speed: ExpressibleByArgument {
    let factor: Double

    init?(argument: String) {
        let digits = argument.hasSuffix("x") ? argument.dropLast() : Substring(argument)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ 48...57 ~= $0 || $0 == 46 }), let factor = Double(digits),
            factor > 0, factor <= 1e9
        else { return nil }
        self.factor = factor
    }
}

// `florin load --replay DIR`.
extension Load {
    /// Exit code where the replayed ledger is not the recorded one.
    static let unequal: Int32 = 5

    func validateReplay() throws {
        guard replay != nil else {
            if speed != nil { throw ValidationError("--speed goes with --replay") }
            return
        }
        let others: [(String, Bool)] = [
            ("a script", script != nil), ("--set", !parameters.isEmpty), ("--connections", connections != nil),
            ("--pipeline", pipeline != nil), ("--rate", rate != nil), ("--arrivals", arrivals != nil),
            ("--duration", duration != nil), ("--warmup", warmup != nil), ("--long", isLong), ("--slo", !slo.isEmpty),
            ("--search", search), ("--probe", probe != nil), ("--html", html != nil), ("--threads", threads != nil),
            ("--seed", seed != nil), ("--backlog", backlog != nil),
        ]
        if let other = others.first(where: \.1) {
            throw ValidationError("--replay sends what was recorded, as it was: it goes without \(other.0)")
        }
    }

    func runReplay(of directory: String) async throws(Failure) {
        // A directory that is none is told before a server starts.
        do throws(StorageError) {
            _ = try DataDirectory.inspect(directory, on: PosixDisk())
        } catch {
            throw Failure(error)
        }
        let own = connect == nil ? try LoadServer.start("--clock", "driven") : nil
        Interruption.watch()
        let result = await replayed(directory, own)
        own?.stop()
        let report = try result.get()
        if json { writeLine(ReplayText.json(of: report)) } else { writeText(ReplayText.render(report)) }
        guard report.isEqual else {
            throw Failure("the replayed ledger is not the recorded one", code: Self.unequal)
        }
    }

    private func replayed(_ directory: String, _ own: LoadServer?) async -> Result<ReplayReport, Failure> {
        guard let passport = own?.passport ?? OpenPort.passport else {
            return .failure(Failure("a replay acts as an admin: set FLORIN_PASSPORT"))
        }
        let target = LoadTarget(
            host: connect?.host ?? "127.0.0.1", port: connect?.port ?? own!.port, passport: passport)
        let ledger: RemoteLedger
        do throws(ClientError) {
            ledger = try await LoadControl.open(target)
        } catch {
            return .failure(Failure(error))
        }
        var options = ReplaySession.Options(passport: passport)
        options.speed = speed?.factor
        let isShown = !json && isatty(STDERR_FILENO) == 1
        let result: Result<ReplayReport, Failure>
        do throws(ReplayError) {
            let session = try ReplaySession(
                directory, on: PosixDisk(), to: ledger, options, isWanted: { !Interruption.isAsked },
                progress: { lsn, time in
                    if isShown { writeText("\r\u{1B}[Kevent \(lsn.value), \(time)", to: STDERR_FILENO) }
                })
            result = .success(try await session.run())
        } catch {
            result = .failure(Failure(error))
        }
        if isShown { writeText("\r\u{1B}[K", to: STDERR_FILENO) }
        await ledger.close()
        return result
    }
}
