import LedgerTestKit
import Testing

@testable import LedgerCore

/// A record's fields may become more: what was written before is still read.
@Suite struct VersionTests {
    private struct First: EventType {
        static let code = EventCode.clockAccepted
        static let isAboutUser = false
        static let blank = First()
        var amount = Money.zero
        var body: EventBody { .clockAccepted(ClockAccepted()) }
        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) { try c.money(&amount) }
        func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }
        func apply(to ledger: inout StateMachine, _ header: EventHeader) {}
    }

    /// The same event type later: one more field, which events of before do not have.
    private struct Second: EventType {
        static let code = EventCode.clockAccepted
        static let version: UInt8 = 1
        static let isAboutUser = false
        static let blank = Second()
        var amount = Money.zero
        var note: ShortText = "none"
        var body: EventBody { .clockAccepted(ClockAccepted()) }
        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
            try c.money(&amount)
            if c.version >= 1 { try c.text(&note) }
        }
        func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }
        func apply(to ledger: inout StateMachine, _ header: EventHeader) {}
    }

    private let time = Timestamp("2026-03-01T00:00:00Z")!

    private func written<E: EventType>(_ event: E) -> Journaled {
        var batch = EventBatch()
        var header = EventHeader(lsn: LSN(7), time: time)
        _ = batch.append(&header, event, nil)
        batch.endGroup()
        return Journaled.events(of: batch)[0]
    }

    private func read<E: EventType>(_ journaled: Journaled, as type: E.Type) throws -> E {
        try journaled.bytes.withUnsafeBytes { bytes in
            Result { () throws(StateError) in
                var parts = try EventParts(bytes, lsn: journaled.lsn, time: journaled.time)
                return try parts.read(type).body
            }
        }.get()
    }

    @Test func `an event type's second version reads the first, and the first refuses the second`() throws {
        let old = written(First(amount: Money("1.5")!))
        let new = written(Second(amount: Money("2.5")!, note: "added"))
        let fromOld = try read(old, as: Second.self)
        #expect(fromOld.amount == Money("1.5") && fromOld.note == "none")
        let fromNew = try read(new, as: Second.self)
        #expect(fromNew.amount == Money("2.5") && fromNew.note == "added")
        #expect(throws: StateError.self) { _ = try read(new, as: First.self) }
        // Written again by the later program, the old one is of the later version.
        let again = try read(written(fromOld), as: Second.self)
        #expect(again.amount == Money("1.5") && again.note == "none")
    }

    private struct Row: Recordable, Equatable {
        var id: UInt64 = 0
        var name = ShortText()
        /// Since version 2.
        var extra: UInt64 = 99
        mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
            try c.unsigned(&id)
            try c.text(&name)
            if c.version >= 2 { try c.unsigned(&extra) }
        }
    }

    @Test(arguments: [1, 2] as [UInt8])
    func `rows of a snapshot in an earlier version are read by the later program`(version: UInt8) throws {
        var columns = ColumnWriter(version: version)
        let rows = (0..<5 as Range<UInt64>).map { Row(id: $0, name: ShortText("n\($0)")!, extra: $0 * 3) }
        for var row in rows { columns.row(&row) }
        let bytes = columns.finish()
        try bytes.withUnsafeBytes { bytes in
            var reader = try ColumnReader(bytes, version: version)
            for expected in rows {
                var row = Row()
                try reader.row(&row)
                #expect(row.id == expected.id && row.name == expected.name)
                #expect(row.extra == (version == 1 ? 99 : expected.extra))
            }
            #expect(reader.isAtEnd)
        }
    }

    @Test func `a snapshot section of a later version is refused with a sentence`() {
        var ledger = TestLedger()
        ledger.user("ann")
        var sink = FrameCollector()
        ledger.machine.writeSnapshot(to: &sink)
        for frame in sink.frames {
            #expect(StateMachine.reads(section: frame.section, version: frame.version))
            #expect(!StateMachine.reads(section: frame.section, version: frame.version + 1))
            #expect(!StateMachine.reads(section: frame.section, version: 0))
            let error = frame.bytes.withUnsafeBytes { bytes -> StateError? in
                do throws(StateError) {
                    _ = try FrameRows(
                        section: frame.section, version: frame.version + 1, rows: frame.rows, bytes: bytes)
                    return nil
                } catch { return error }
            }
            #expect("\(error!)".contains("does not know"))
        }
    }
}

/// What every event says of itself: optional fields, each with its bit.
@Suite struct EventHeaderTests {
    private static let time = Timestamp("2026-03-01T00:00:00Z")!
    private typealias Change = @Sendable (inout EventHeader) -> Void

    private static let changes: [(name: String, bit: UInt32, change: Change)] = [
        ("last of group", 0, { $0.isLastOfGroup = true }),
        ("user", 1, { ($0.user, $0.previous) = (UserOrdinal(3), LSN(2_000)) }),
        ("user without a past", 1, { $0.user = UserOrdinal(0) }),
        ("actor", 2, { $0.actor = PassportOrdinal(70_000) }),
        (
            "as of", 3,
            {
                $0.asOf = time - .days(400)
                ($0.effectiveFrom, $0.effectiveTo) = ($0.asOf, $0.asOf)
            }
        ),
        ("effective", 4, { ($0.effectiveFrom, $0.effectiveTo) = (time - .days(9), time + .days(90)) }),
        ("linked", 5, { $0.linked = LSN(1) }),
        ("key", 6, { $0.key = IdempotencyKey(scope: Hash128(high: 1, low: .max), arguments: 0x0102_0304_0506_0708) }),
        ("group", 7, { $0.group = LSN(9_990) }),
        ("origin", 8, { $0.origin = .timer }),
        ("labels", 16, { $0.labels = Labels("job=81,team=ml")! }),
    ]

    private static func header() -> EventHeader { EventHeader(lsn: LSN(10_000), time: time) }

    private func written(_ header: EventHeader) -> [UInt8] {
        var (header, writer) = (header, ByteWriter())
        header.write(.clockAccepted, version: 0, to: &writer)
        return writer.output
    }

    private func read(_ bytes: [UInt8]) throws -> EventHeader {
        try bytes.withUnsafeBytes { bytes in
            Result { () throws(StateError) in
                var reader = ByteReader(bytes)
                let found = try EventHeader.read(&reader, lsn: LSN(10_000), time: Self.time)
                guard reader.isAtEnd, found.code == .clockAccepted, found.version == 0 else {
                    throw StateError("not all of it was read")
                }
                return found.header
            }
        }.get()
    }

    @Test func `a field takes bytes only where it says something, and its bit says that it is there`() throws {
        let bare = written(Self.header())
        #expect(bare == [EventCode.clockAccepted.rawValue, 0, 0])
        for (name, bit, change) in Self.changes {
            var header = Self.header()
            change(&header)
            let bytes = written(header)
            var flags: UInt32 = 0
            try bytes.withUnsafeBytes {
                var reader = ByteReader($0)
                var skipped: UInt8 = 0
                try reader.small(&skipped)
                try reader.small(&skipped)
                try reader.small(&flags)
            }
            #expect(flags == 1 << bit, "\(name)")
            #expect(try read(bytes) == header, "\(name)")
        }
    }

    @Test func `every combination of fields reads back as what was written`() throws {
        for set in 0..<(1 << Self.changes.count) {
            var header = Self.header()
            for (index, item) in Self.changes.enumerated() where set & 1 << index != 0 { item.change(&header) }
            let back = try read(written(header))
            #expect(back == header, "\(set)")
            if back != header { return }
        }
    }

    @Test(arguments: 9..<16 as Range<UInt32>)
    func `a field that must be understood and is not known is refused`(bit: UInt32) {
        #expect(throws: StateError.self) { _ = try read(patched(1 << bit, behind: [0])) }
    }

    @Test(arguments: 17..<32 as Range<UInt32>)
    func `a field that may be skipped is skipped, the fields before it are read`(bit: UInt32) throws {
        var header = Self.header()
        for item in Self.changes { item.change(&header) }
        let bytes = patched(1 << bit, header, behind: [3, 0xAA, 0xBB, 0xCC])
        #expect(try read(bytes) == header)
        // Cut off in the middle of it.
        #expect(throws: StateError.self) { _ = try read(Array(bytes.dropLast())) }
        guard bit > 17, bit < 31 else { return }
        // Three of them, in the order of their bits.
        #expect(try read(patched(1 << bit | 1 << 31 | 1 << 17, header, behind: [1, 9, 0, 2, 7, 7])) == header)
    }

    /// What a program that knows no labels does with them: bit 16 is one that may be skipped, and carries its length.
    @Test func `labels carry their length, as every field that may be skipped`() throws {
        let plain = written(Self.header())
        var header = Self.header()
        header.labels = Labels("job=81,team=ml")!
        let bytes = written(header)
        #expect(Array(bytes.suffix(15)) == [14] + Array("job=81,team=ml".utf8))
        #expect(bytes.count == plain.count + 2 + 15)
    }

    /// The header with more bits among its flags, and what stands behind it.
    private func patched(_ bits: UInt32, _ header: EventHeader = EventHeaderTests.header(), behind: [UInt8]) -> [UInt8]
    {
        let bytes = written(header)
        return bytes.withUnsafeBytes { raw in
            var reader = ByteReader(raw)
            var skipped: UInt8 = 0
            var flags: UInt32 = 0
            try! reader.small(&skipped)
            try! reader.small(&skipped)
            try! reader.small(&flags)
            var writer = ByteWriter(output: [bytes[0], bytes[1]])
            flags |= bits
            writer.small(&flags)
            return writer.output + bytes[reader.position...] + behind
        }
    }
}
