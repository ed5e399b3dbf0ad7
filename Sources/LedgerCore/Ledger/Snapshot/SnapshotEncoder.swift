/// Writes captured rows down as frames. They come in the order in which a ``Capture`` hands them out.
package struct SnapshotEncoder: ~Copyable {
    private var section = SnapshotSection.ledger
    private var columns = ColumnWriter(version: SnapshotSection.ledger.version)

    package init() {}

    /// Cost: a few hundred nanoseconds a row, and the sink's.
    package mutating func add<Sink: SnapshotSink & ~Copyable>(
        _ captured: consuming CapturedRows, to sink: inout Sink
    ) throws(Sink.Failure) {
        switch captured.rows {
        case .small(let small): try add(small, to: &sink)
        case .users(let rows): try add(rows, .users, to: &sink)
        case .passports(let rows): try add(rows, .passports, to: &sink)
        case .owned(let owned): try add(owned, to: &sink)
        case .numbers(let section, let entries):
            for entry in entries.sorted() {
                try add(NumberRow(key: entry.key, value: entry.value), section, to: &sink)
            }
        case .hashes(let section, let entries):
            for entry in entries.sorted() {
                try add(HashRow(key: entry.key, value: entry.value), section, to: &sink)
            }
        case .allowances(let rows): try add(rows, .allowances, to: &sink)
        case .keys(let rows): try add(rows, .keys, to: &sink)
        }
    }

    /// Behind the last rows.
    package mutating func finish<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        try flush(to: &sink)
    }

    private mutating func add<Sink: SnapshotSink & ~Copyable>(
        _ small: SmallRows, to sink: inout Sink
    ) throws(Sink.Failure) {
        try add(small.ledger, .ledger, to: &sink)
        try add(small.limits, .limits, to: &sink)
        try add(small.books, .books, to: &sink)
        try add(small.rules, .rules, to: &sink)
        try add(small.active, .active, to: &sink)
        try add(small.scheduled, .scheduled, to: &sink)
        try add(small.spaces, .spaces, to: &sink)
        try add(small.meters, .meters, to: &sink)
        try add(small.allowances, .allowances, to: &sink)
        try flush(to: &sink)
    }

    /// A range ends with its frames: those of users nobody touched are the same bytes in the next snapshot.
    private mutating func add<Sink: SnapshotSink & ~Copyable>(
        _ owned: consuming OwnedRows, to sink: inout Sink
    ) throws(Sink.Failure) {
        try addSorted(&owned.lots, .lots, to: &sink)
        try addSorted(&owned.holds, .holds, to: &sink)
        try addSorted(&owned.sessions, .sessions, to: &sink)
        try addSorted(&owned.resources, .resources, to: &sink)
        try addSorted(&owned.instances, .instances, to: &sink)
        try flush(to: &sink)
    }

    private mutating func addSorted<Row: OwnedRow, Sink: SnapshotSink & ~Copyable>(
        _ rows: inout ContiguousArray<Row>, _ section: SnapshotSection, to sink: inout Sink
    ) throws(Sink.Failure) {
        rows.sort { ($0.user.value, $0.id.value) < ($1.user.value, $1.id.value) }
        try add(rows, section, to: &sink)
    }

    private mutating func add<Row: Recordable, Sink: SnapshotSink & ~Copyable>(
        _ rows: some Sequence<Row>, _ section: SnapshotSection, to sink: inout Sink
    ) throws(Sink.Failure) {
        for row in rows { try add(row, section, to: &sink) }
    }

    private mutating func add<Row: Recordable, Sink: SnapshotSink & ~Copyable>(
        _ row: Row, _ section: SnapshotSection, to sink: inout Sink
    ) throws(Sink.Failure) {
        if section != self.section {
            try flush(to: &sink)
            self.section = section
            columns = ColumnWriter(version: section.version)
        }
        var row = row
        columns.row(&row)
        if columns.rows == SnapshotSection.rowsPerFrame { try flush(to: &sink) }
    }

    private mutating func flush<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        guard columns.rows > 0 else { return }
        let rows = columns.rows
        try sink.frame(section: section.rawValue, version: section.version, rows: rows, bytes: columns.finish())
    }
}
