/// Writes captured rows down as frames. They come in the order in which a ``Capture`` hands them out.
package struct SnapshotEncoder: ~Copyable {
    private var section = SnapshotSection.ledger
    private var columns = ColumnWriter(version: SnapshotSection.ledger.version)
    private var frames: [Frame] = []

    private struct Frame {
        var section: SnapshotSection
        var rows: Int
        var bytes: [UInt8]
    }

    package init() {}

    /// Cost: about a hundred nanoseconds a row, and the sink's.
    package mutating func add<Sink: SnapshotSink & ~Copyable>(
        _ captured: consuming CapturedRows, to sink: inout Sink
    ) throws(Sink.Failure) {
        encode(captured)
        try give(to: &sink)
    }

    /// Behind the last rows.
    package mutating func finish<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        flush()
        try give(to: &sink)
    }

    private mutating func give<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        defer { frames.removeAll() }
        for frame in frames {
            try sink.frame(
                section: frame.section.rawValue, version: frame.section.version, rows: frame.rows, bytes: frame.bytes)
        }
    }

    // From here on nothing knows of the sink: who writes the file is another module's, and code that is generic over it
    // would be compiled for no row in particular, several times as slow.

    private mutating func encode(_ captured: consuming CapturedRows) {
        switch captured.rows {
        case .small(let small): add(small)
        case .users(let rows): add(rows, .users)
        case .passports(let rows): add(rows, .passports)
        case .owned(let owned): add(owned)
        case .numbers(let section, let entries):
            for entry in entries.sorted() {
                add(NumberRow(key: entry.key, value: entry.value), section)
            }
        case .hashes(let section, let entries):
            for entry in entries.sorted() {
                add(HashRow(key: entry.key, value: entry.value), section)
            }
        case .allowances(let rows): add(rows, .allowances)
        case .keys(let rows): add(rows, .keys)
        }
    }

    private mutating func add(_ small: SmallRows) {
        add(small.ledger, .ledger)
        add(small.limits, .limits)
        add(small.books, .books)
        add(small.rules, .rules)
        add(small.active, .active)
        add(small.scheduled, .scheduled)
        add(small.spaces, .spaces)
        add(small.meters, .meters)
        add(small.allowances, .allowances)
        flush()
    }

    /// A range ends with its frames: those of users nobody touched are the same bytes in the next snapshot.
    private mutating func add(_ owned: consuming OwnedRows) {
        addSorted(&owned.lots, .lots)
        addSorted(&owned.holds, .holds)
        addSorted(&owned.sessions, .sessions)
        addSorted(&owned.resources, .resources)
        addSorted(&owned.instances, .instances)
        flush()
    }

    private mutating func addSorted<Row: OwnedRow>(
        _ rows: inout ContiguousArray<Row>, _ section: SnapshotSection
    ) {
        rows.sort { ($0.user.value, $0.id.value) < ($1.user.value, $1.id.value) }
        add(rows, section)
    }

    private mutating func add<Row: Recordable>(
        _ rows: some Sequence<Row>, _ section: SnapshotSection
    ) {
        for row in rows { add(row, section) }
    }

    private mutating func add<Row: Recordable>(
        _ row: Row, _ section: SnapshotSection
    ) {
        if section != self.section {
            flush()
            self.section = section
            columns = ColumnWriter(version: section.version)
        }
        var row = row
        columns.row(&row)
        if columns.rows == SnapshotSection.rowsPerFrame { flush() }
    }

    private mutating func flush() {
        guard columns.rows > 0 else { return }
        let rows = columns.rows
        frames.append(Frame(section: section, rows: rows, bytes: columns.finish()))
    }
}
