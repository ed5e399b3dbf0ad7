internal import Glibc
package import LedgerCore
package import LedgerStorage
package import Logging

/// A data directory to be looked at, whoever has it open: nothing in it is written, and its lock is not asked for.
package struct Look: Sendable {
    package var path: String
    /// Up to and including what was recorded by then; nil: all there is.
    package var through: Moment?
    package var pepper: String?
    /// What is answered to who would change it.
    package var refusal: String
    package var version: String
    package var disk: any Disk = PosixDisk()

    package init(
        _ path: String, through: Moment? = nil, pepper: String? = nil, refusal: String, version: String,
        on disk: any Disk = PosixDisk()
    ) {
        (self.path, self.through, self.pepper, self.refusal) = (path, through, pepper, refusal)
        (self.version, self.disk) = (version, disk)
    }

    /// How often what looks like damage is looked at anew, while it may be a server's doing.
    private static let mostAttempts = 8

    /// Opens it. Takes as long as a start, and as much memory as the ledger and its unsealed segments.
    package func open(logger: Logger) throws(EngineError) -> Engine {
        var attempts = 1
        while true {
            do throws(EngineError) { return try openOnce(logger) } catch {
                guard let fault = error.fault, fault.mayPass, attempts < Self.mostAttempts else { throw error }
                attempts += 1
                usleep(20_000)
            }
        }
    }

    private func openOnce(_ logger: Logger) throws(EngineError) -> Engine {
        var configuration: EngineConfiguration
        do throws(StorageError) {
            _ = try DataDirectory.inspect(path, on: disk)
            configuration = try EngineConfiguration(copyOf: path, pepper, on: disk)
        } catch { throw EngineError(error) }
        configuration.version = version
        configuration.look(EngineConfiguration.Reading(through: through, refusal: refusal))
        let engine: Engine
        do throws(EngineError) { engine = try Engine.open(configuration, logger: logger).engine } catch {
            guard let fault = error.fault, fault.reason == .noSuchEvent else { throw error }
            throw EngineError(.state, nothing(fault))
        }
        guard case .time(let time) = through else { return engine }
        let last = engine.journal.writer.lastTime
        let now = engine.isDriven ? last : max(last, Timestamp(nanoseconds: SystemClock.read(CLOCK_REALTIME)))
        guard let refusal = Moment.time(time).refusal(now: now, last: .none) else { return engine }
        engine.stop()
        throw EngineError(.state, refusal.text)
    }

    private func nothing(_ fault: StorageError) -> String {
        switch through {
        case .event(let lsn): "there is no event \(lsn.value) yet: \(fault.detail)"
        case .time(let time): "nothing was recorded by \(time): the ledger began later"
        case nil: "nothing was recorded here so far"
        }
    }
}
