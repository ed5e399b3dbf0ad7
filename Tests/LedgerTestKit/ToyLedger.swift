package import LedgerCore
package import LedgerStorage

/// The smallest state to which a journal's events lead: some counters. Storage is tested with it, so that its tests say
/// nothing about money.
package struct ToyState: JournaledState, ~Copyable {
    package private(set) var lastLSN: LSN = .none
    package private(set) var lastTime: Timestamp = .distantPast
    package private(set) var counters: [UInt32: Int64] = [:]
    private var total: Int128 = 0
    private var counterweight: Int128 = 0

    package init() {}

    package var booksSum: Int128 { total + counterweight }

    package mutating func replay(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError) {
        guard let event = ToyEvent(bytes, lsn: lsn, time: time) else { throw StateError("no toy event") }
        guard event.lsn == lastLSN.next else { throw StateError("LSN \(event.lsn.value) after \(lastLSN.value)") }
        counters[event.counter, default: 0] &+= event.delta
        total += Int128(event.delta)
        counterweight -= Int128(event.delta)
        lastLSN = event.lsn
        lastTime = event.time
    }

    package func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        var meta: [UInt8] = []
        meta.append(number: lastLSN.value)
        meta.append(number: UInt64(bitPattern: lastTime.nanoseconds))
        try sink.frame(section: 1, version: 1, rows: 1, bytes: meta)
        let rows = counters.sorted { $0.key < $1.key }
        for start in stride(from: 0, to: rows.count, by: 100) {
            var bytes: [UInt8] = []
            let end = min(start + 100, rows.count)
            for row in rows[start..<end] {
                bytes.append(number: UInt64(row.key))
                bytes.append(number: UInt64(bitPattern: row.value))
            }
            try sink.frame(section: 2, version: 1, rows: end - start, bytes: bytes)
        }
    }

    package static func read(
        section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer
    ) throws(StateError) -> ToyFrame {
        ToyFrame(section: section, version: version, rows: rows, bytes: Array(bytes))
    }

    package mutating func restore(_ frame: consuming ToyFrame) throws(StateError) {
        let (section, version, rows) = (frame.section, frame.version, frame.rows)
        guard version == 1 else { throw StateError("the toy knows no version \(version) of section \(section)") }
        guard frame.bytes.count == rows * 16 else { throw StateError("a row has 16 bytes") }
        let words = frame.bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
        for row in 0..<rows {
            let (first, second) = (words[row * 2], words[row * 2 + 1])
            if section == 1 {
                lastLSN = LSN(first)
                lastTime = Timestamp(nanoseconds: Int64(bitPattern: second))
            } else {
                counters[UInt32(first)] = Int64(bitPattern: second)
                total += Int128(Int64(bitPattern: second))
                counterweight -= Int128(Int64(bitPattern: second))
            }
        }
    }

    package func violations(with _: [RowAudit] = []) -> [String] {
        let sum = counters.values.reduce(Int128(0)) { $0 + Int128($1) }
        return (sum == total ? [] : ["the counters sum to \(sum), the total is \(total)"])
            + (counters[.max] == nil ? [] : ["the last counter may not be used"])
    }
}

/// As it stands in the file.
package struct ToyFrame: Sendable {
    package var section: UInt16
    package var version: UInt8
    package var rows: Int
    package var bytes: [UInt8]

    package init(section: UInt16, version: UInt8, rows: Int, bytes: [UInt8]) {
        self.section = section
        self.version = version
        self.rows = rows
        self.bytes = bytes
    }
}

/// In bytes: counter and delta, then as many bytes of ballast as one likes. Number and time follow from the place.
package struct ToyEvent: Equatable, Sendable {
    package var lsn: LSN
    package var time: Timestamp
    package var counter: UInt32
    package var delta: Int64
    package var ballast: [UInt8] = []

    package init(lsn: LSN, time: Timestamp, counter: UInt32, delta: Int64, ballast: [UInt8] = []) {
        self.lsn = lsn
        self.time = time
        self.counter = counter
        self.delta = delta
        self.ballast = ballast
    }

    package init?(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) {
        guard bytes.count >= 12 else { return nil }
        self.lsn = lsn
        self.time = time
        counter = bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)
        delta = bytes.loadUnaligned(fromByteOffset: 4, as: Int64.self)
        ballast = [UInt8](bytes[12...])
    }

    package init?(_ event: JournaledEvent) { self.init(event.bytes, lsn: event.lsn, time: event.time) }

    package var bytes: [UInt8] {
        var result: [UInt8] = []
        for shift in stride(from: 0, to: 32, by: 8) {
            result.append(UInt8(truncatingIfNeeded: counter >> UInt32(shift)))
        }
        result.append(number: UInt64(bitPattern: delta))
        return result + ballast
    }
}

/// Events as they lie in a batch, grown one by one.
package struct EventPayload {
    package private(set) var bytes: [UInt8] = []
    package private(set) var count = 0

    package init() {}

    package mutating func append(_ event: [UInt8]) {
        withUnsafeBytes(of: UInt32(event.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes += event
        count += 1
    }

    package mutating func removeAll() { self = EventPayload() }
}

extension JournalWriter {
    /// Appends these events as one group.
    package func append(
        _ payload: EventPayload, firstLSN: LSN, baseTime: Timestamp, booksSum: Int128
    ) throws(StorageError) {
        try payload.bytes.withUnsafeBytes { bytes in
            Result { () throws(StorageError) in
                try append(
                    LogUnit(
                        payload: bytes, borders: [LogUnit.Border(events: payload.count, bytes: bytes.count)],
                        firstLSN: firstLSN, baseTime: baseTime, booksSum: booksSum))
            }
        }.get()
    }
}

extension [UInt8] {
    fileprivate mutating func append(number: UInt64) {
        Swift.withUnsafeBytes(of: number.littleEndian) { append(contentsOf: $0) }
    }
}

/// A toy ledger on some disk, driven by a seed: appends batches of random events, knows what was acknowledged, and what
/// every state it went through looked like.
package final class ToyLedger {
    package static let path = "/data"
    package static let identity = LedgerIdentity(
        uuid: LedgerUUID(high: 0x1111_2222_3333_4444, low: 0x5555_6666_7777_8888))

    package let disk: any Disk
    package let path: String
    package private(set) var journal: Journal
    package private(set) var report: RecoveryReport
    private var state: ToyState
    private var generator: SeededGenerator
    private var batch = EventPayload()
    private var clock: Timestamp
    /// Every event that was acknowledged since this object was made, and those it found when it opened.
    package private(set) var lastAcknowledged: LSN
    /// What the last call of `append` was about.
    package private(set) var lastBatch: [ToyEvent] = []

    /// Opens the ledger at `path`, creating it first where there is none.
    package init(
        on disk: any Disk, at path: String = ToyLedger.path, seed: UInt64 = 1, segmentBytes: Int = 64 << 10,
        identity: LedgerIdentity = ToyLedger.identity
    ) throws(StorageError) {
        if try DataDirectory.kind(of: path, on: disk) == .vacant {
            try LockedDirectory.create(path, on: disk, identity: identity, segmentBytes: segmentBytes).release()
        }
        var recovered = try Recovery.open(
            path, on: disk, as: ToyState.self,
            options: Recovery.Options(segmentBytes: segmentBytes, cacheBytes: 1 << 20))
        journal = recovered.journal
        report = recovered.report
        state = recovered.takeState()
        self.disk = disk
        self.path = path
        generator = SeededGenerator(seed: seed)
        clock = max(report.lastAlive, Timestamp(seconds: 1_700_000_000))
        lastAcknowledged = state.lastLSN
    }

    package var lastLSN: LSN { state.lastLSN }
    package var digest: Digest256 { StateDigest.of(state) }
    package var counters: [UInt32: Int64] { state.counters }
    package var directory: DataDirectory { journal.directory }

    /// Appends one batch of `events` events with about `ballast` bytes each. Returns the state's digest after it.
    @discardableResult
    package func append(events: Int? = nil, ballast: Int = 40) throws(StorageError) -> Digest256 {
        let count = events ?? Int.random(in: 1...8, using: &generator)
        clock = clock + TimeSpan(nanoseconds: 1_000_000)
        batch.removeAll()
        lastBatch = []
        let first = state.lastLSN.next
        for index in 0..<count {
            let event = ToyEvent(
                lsn: LSN(first.value + UInt64(index)), time: Timestamp(nanoseconds: clock.nanoseconds + Int64(index)),
                counter: UInt32.random(in: 0..<300, using: &generator),
                delta: Int64.random(in: -999...999, using: &generator),
                ballast: (0..<Int.random(in: 0...ballast, using: &generator)).map { _ in
                    UInt8.random(in: .min ... .max, using: &generator)
                })
            batch.append(event.bytes)
            lastBatch.append(event)
            do throws(StateError) {
                try event.bytes.withUnsafeBytes { raw in
                    Result { () throws(StateError) in try state.replay(raw, lsn: event.lsn, time: event.time) }
                }.get()
            } catch {
                fatalError("the toy refuses its own event: \(error.reason)")
            }
        }
        try journal.writer.append(batch, firstLSN: first, baseTime: clock, booksSum: state.booksSum)
        lastAcknowledged = state.lastLSN
        clock = clock + TimeSpan(nanoseconds: Int64(count))
        return StateDigest.of(state)
    }

    package func writeClosing() throws(StorageError) {
        clock = clock + TimeSpan(nanoseconds: 100_000_000)
        try journal.writer.writeClosing(time: clock)
    }

    /// A snapshot of the state as it is, by the live state's own hand, listed.
    @discardableResult
    package func snapshot() throws(StorageError) -> SnapshotWriter.Written {
        let written = try SnapshotWriter.write(
            state, at: journal.head, to: journal.directory, reusing: journal.snapshots.last?.lsn)
        try journal.adoptSnapshot(at: journal.head.lastLSN)
        return written
    }

    /// A clean stop.
    package func close() throws(StorageError) {
        clock = clock + TimeSpan(nanoseconds: 1_000_000)
        try journal.close(time: clock)
        journal.release()
    }

    /// Every event the journal holds, read back.
    package func allEvents() throws(StorageError) -> [ToyEvent] {
        var events: [ToyEvent] = []
        try journal.reader.forEach(from: LSN(1), through: journal.durableLSN) { event in
            events.append(ToyEvent(event)!)
            return true
        }
        return events
    }
}
