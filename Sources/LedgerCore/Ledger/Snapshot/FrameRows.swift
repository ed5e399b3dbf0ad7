/// The rows of a snapshot's frame, read from its bytes: that much of a restore needs no ledger, and another thread can
/// do it ahead.
package struct FrameRows: Sendable {
    let rows: FrameTable

    /// `version` is the one that the section had in the program that wrote it.
    package init(section: UInt16, version: UInt8, rows: Int, bytes: UnsafeRawBufferPointer) throws(StateError) {
        guard let section = SnapshotSection(rawValue: section), version <= section.version else {
            throw StateError(
                "a snapshot has section \(section) in version \(version), which this program does not know")
        }
        var reader = try ColumnReader(bytes, version: version)
        self.rows = try FrameTable(section, rows, &reader)
        guard reader.isAtEnd else { throw StateError("a frame of section \(section) has bytes that nothing reads") }
    }
}

enum FrameTable: Sendable {
    case ledger(RowPieces<LedgerRow>)
    case limits(RowPieces<LimitSet>)
    case books(RowPieces<BookAccountRow>)
    case rules(RowPieces<Rule>)
    case active(RowPieces<ActiveRule>)
    case scheduled(RowPieces<ScheduledRule>)
    case spaces(RowPieces<Space>)
    case users(RowPieces<Account>)
    case passports(RowPieces<Passport>)
    case lots(RowPieces<Lot>)
    case holds(RowPieces<Hold>)
    case sessions(RowPieces<Session>)
    case resources(RowPieces<Resource>)
    case external(RowPieces<HashRow>)
    case refunded(RowPieces<NumberRow>)
    case sessionTime(RowPieces<NumberRow>)
    case keys(RowPieces<CommandHistory.Entry>)
    case allowances(RowPieces<Allowance>)
    case allowedUntil(RowPieces<NumberRow>)
    case spaceGrants(RowPieces<NumberRow>)
    case instances(RowPieces<Instance>)
    case meters(RowPieces<Meter>)
    case metered(RowPieces<HashRow>)

    fileprivate init(_ section: SnapshotSection, _ count: Int, _ reader: inout ColumnReader) throws(StateError) {
        switch section {
        case .ledger: self = .ledger(try RowPieces(count, blank: LedgerRow(), from: &reader))
        case .limits:
            self = .limits(
                try RowPieces(count, blank: LimitSet(type: .free, limit: .sessions, value: 0), from: &reader))
        case .books: self = .books(try RowPieces(count, blank: BookAccountRow(), from: &reader))
        case .rules: self = .rules(try RowPieces(count, blank: Rule(), from: &reader))
        case .active: self = .active(try RowPieces(count, blank: ActiveRule(), from: &reader))
        case .scheduled: self = .scheduled(try RowPieces(count, blank: ScheduledRule(), from: &reader))
        case .spaces: self = .spaces(try RowPieces(count, blank: Space(), from: &reader))
        case .users: self = .users(try RowPieces(count, blank: Account(), inSlab: true, from: &reader))
        case .passports: self = .passports(try RowPieces(count, blank: Passport(), inSlab: true, from: &reader))
        case .lots: self = .lots(try RowPieces(count, blank: Lot(), inSlab: true, from: &reader))
        case .holds: self = .holds(try RowPieces(count, blank: Hold(), inSlab: true, from: &reader))
        case .sessions: self = .sessions(try RowPieces(count, blank: Session(), inSlab: true, from: &reader))
        case .resources: self = .resources(try RowPieces(count, blank: Resource(), inSlab: true, from: &reader))
        case .external: self = .external(try RowPieces(count, blank: HashRow(), from: &reader))
        case .refunded: self = .refunded(try RowPieces(count, blank: NumberRow(), from: &reader))
        case .sessionTime: self = .sessionTime(try RowPieces(count, blank: NumberRow(), from: &reader))
        case .keys: self = .keys(try RowPieces(count, blank: CommandHistory.Entry(), from: &reader))
        case .allowances: self = .allowances(try RowPieces(count, blank: Allowance(), from: &reader))
        case .allowedUntil: self = .allowedUntil(try RowPieces(count, blank: NumberRow(), from: &reader))
        case .spaceGrants: self = .spaceGrants(try RowPieces(count, blank: NumberRow(), from: &reader))
        case .instances: self = .instances(try RowPieces(count, blank: Instance(), inSlab: true, from: &reader))
        case .meters: self = .meters(try RowPieces(count, blank: Meter(), from: &reader))
        case .metered: self = .metered(try RowPieces(count, blank: HashRow(), from: &reader))
        }
    }
}

/// Rows in pieces of less than a megabyte: an allocator gives the memory of one to the next, where it would return that
/// of a whole frame to the system, and the system would clear it again.
struct RowPieces<Row: Recordable & Sendable>: Sequence, Sendable {
    private var pieces: [ContiguousArray<Row>] = []
    /// Memory for them in their table: made ready here, because this is not the thread that fills the tables.
    let room: SlabRoom<Row>?
    private static var most: Int { 4096 }

    /// `inSlab`: they belong in one.
    fileprivate init(
        _ count: Int, blank: Row, inSlab: Bool = false, from reader: inout ColumnReader
    ) throws(StateError) {
        var left = count
        while left > 0 {
            var piece = ContiguousArray<Row>()
            let rows = Swift.min(left, Self.most)
            piece.reserveCapacity(rows)
            for _ in 0..<rows {
                var row = blank
                try reader.row(&row)
                piece.append(row)
            }
            left -= rows
            pieces.append(piece)
        }
        // Now that the rows are there: a count that the frame does not hold takes no memory.
        room = inSlab ? SlabRoom(rows: count) : nil
    }

    func makeIterator() -> FlattenSequence<[ContiguousArray<Row>]>.Iterator { pieces.joined().makeIterator() }
}
