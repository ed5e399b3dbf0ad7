package import LedgerCore
package import LedgerStorage
package import Logging

/// The whole ledger as it was recorded by one event, to be asked anything and changed in nothing: an engine of its own
/// over a copy of the files, which has applied that event and none behind it. Its time stands, so nothing that was due
/// later happens.
package final class PastLedger: Sendable {
    package let engine: Engine
    /// The last event that is in it.
    package let lsn: LSN
    private let clock: ManualClock
    private let origin: Engine
    /// Keys that the ledger had destroyed when it was made.
    private let destroyed: UInt64

    fileprivate init(_ engine: Engine, _ clock: ManualClock, of origin: Engine, _ destroyed: UInt64) {
        (self.engine, self.clock, self.origin, self.destroyed) = (engine, clock, origin, destroyed)
        lsn = engine.durableLSN
    }

    /// Whether it can still read texts of somebody who was forgotten since.
    package var knowsTooMuch: Bool { origin.keys.destroyed != destroyed }

    /// The instant at which it is looked at: what runs on has run on until then.
    package var time: Timestamp { clock.now() }

    /// Looks at it at another instant, which has to be before its next event; false: that instant is gone by.
    package func stand(at time: Timestamp) -> Bool {
        guard time >= clock.now() else { return false }
        clock.set(time)
        return true
    }

    /// Not for an event loop.
    package func close() { engine.stop() }
}

/// A moment that is past, as a place in the journal.
package struct PastPlace: Hashable, Sendable {
    /// The last event that was recorded by then.
    package var lsn: LSN
    /// The moment itself; of an event, when it was recorded.
    package var time: Timestamp
}

/// Why there is no such past.
package enum PastFault: Error {
    case refused(Rejection)
    case failed(EngineError)
}

extension Engine {
    /// Where a moment is. Cost: for a time, some thirty reads of the journal. Not for an event loop.
    package func place(of moment: Moment) throws(PastFault) -> PastPlace {
        if let refusal = moment.refusal(now: now(), last: durableLSN) { throw .refused(refusal) }
        do throws(StorageError) {
            switch moment {
            case .event(let lsn): return PastPlace(lsn: lsn, time: try recorded(lsn))
            case .time(let time):
                if let lsn = try last(by: time) { return PastPlace(lsn: lsn, time: time) }
            }
        } catch { throw .failed(EngineError(error)) }
        throw .refused(.invalid("nothing was recorded by then: the ledger began later"))
    }

    private func last(by time: Timestamp) throws(StorageError) -> LSN? {
        guard try recorded(LSN(1)) <= time else { return nil }
        var (low, high) = (LSN(1), durableLSN.next)
        while high.value - low.value > 1 {
            let middle = LSN(low.value + (high.value - low.value) / 2)
            if try recorded(middle) <= time { low = middle } else { high = middle }
        }
        return low
    }

    private func recorded(_ lsn: LSN) throws(StorageError) -> Timestamp {
        try journal.reader.withEvent(at: lsn) { $0.time }
    }

    /// Loads the ledger as it was: the newest snapshot that is not behind the place, and what was recorded from there
    /// to it. As long as a start takes, and as much memory as the ledger took then. Not for an event loop.
    package func past(at place: PastPlace, logger: Logger) throws(EngineError) -> PastLedger {
        let destroyed = keys.destroyed
        var configuration = try copied()
        let reading = EngineConfiguration.Reading(
            through: .event(place.lsn), time: place.time,
            refusal: "this is the ledger as of LSN \(place.lsn.value): what was recorded cannot be changed")
        configuration.look(reading)
        let engine = try Engine.open(configuration, logger: logger).engine
        return PastLedger(engine, reading.clock, of: self, destroyed)
    }

    /// For an engine of its own over a copy of the files as they are now.
    func copied() throws(EngineError) -> EngineConfiguration {
        let hold = journal.holdFiles()
        defer { withExtendedLifetime(hold) {} }
        do throws(StorageError) {
            return try EngineConfiguration(copyOf: configuration.path, configuration.pepperFile, on: configuration.disk)
        } catch { throw EngineError(error) }
    }
}

extension EngineConfiguration {
    /// Of an engine over a copy of a data directory, in which another one may be at work.
    init(copyOf path: String, _ pepper: String?, on disk: any Disk) throws(StorageError) {
        self.init(.directory(path))
        self.disk = try OverlayDisk(of: self.path, also: pepper.map { [$0] } ?? [], on: disk)
        pepperFile = pepper
        segmentBytes = 4 << 20
        checkpoints = .never
        closingDelay = nil
        historyThreads = 2
    }

    /// The copy is looked at and not changed; of the past, without what is known of today only.
    mutating func look(_ reading: Reading) {
        self.reading = reading
        if reading.through != nil { try? disk.remove(path + "/last-used") }
    }
}
