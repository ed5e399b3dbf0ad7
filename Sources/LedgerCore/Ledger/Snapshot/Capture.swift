/// A snapshot in the making: the rows of one instant, handed out some at a time while the ledger goes on.
///
/// Its owner asks for the next rows between two decisions. A row that changes before its turn is kept as it was
/// (``Preimages``), so what comes out is the state at the beginning, whatever is decided meanwhile; nobody else reads a
/// table, and nobody waits. Cost: a copy of each row, and for each row that changes before its turn another, with a
/// look into an index.
package struct Capture: ~Copyable {
    fileprivate enum Phase {
        case small
        case users(UInt32)
        case passports(UInt32)
        case owned(UInt32, Cursor)
        case index(IndexSection, segment: Int)
        case keys(Int)
        case done
    }

    /// Where a user's lists are gone through: in `list`, from `next` on; nil: from its beginning.
    fileprivate struct Cursor {
        var list = List.lots
        var next: Int32?
    }

    fileprivate enum List {
        case lots, holds, sessions, resources, instances, end
    }

    /// What stands in no row, in the order in which it comes.
    fileprivate enum IndexSection: Int, CaseIterable {
        case allowances, allowedUntil, spaceGrants, external, refunded, sessionTime, metered
    }

    /// The beginnings of a user's lists.
    fileprivate struct Heads {
        var lots: Int32
        var holds: Int32
        var sessions: Int32
        var resources: Int32
        var instances: Int32
    }

    fileprivate let users: UInt32
    fileprivate let passports: UInt32
    fileprivate let keys: Range<Int>
    fileprivate var small: SmallRows?
    fileprivate var heads: ContiguousArray<Heads> = []
    fileprivate var owned = OwnedRows()
    fileprivate var phase = Phase.small

    package var isDone: Bool {
        if case .done = phase { return true }
        return false
    }

    fileprivate init(of state: borrowing StateMachine) {
        users = UInt32(state.store.accounts.count)
        passports = UInt32(state.store.passports.count)
        keys = state.store.history.positions(at: state.lastTime)
        small = state.smallRows
        heads.reserveCapacity(Int(users))
    }
}

/// What a capture kept and was not asked for.
///
/// Unchecked Sendable: nobody else has these objects any more, and who gets them looks into none.
package struct CaptureRemains: @unchecked Sendable {
    fileprivate var objects: [AnyObject?]
    fileprivate var heads: ContiguousArray<Capture.Heads> = []
}

extension StateMachine {
    /// Begins a capture of the state as it is. No savepoint is open, and no other capture is under way.
    package mutating func beginCapture() -> Capture {
        store.accounts.beginCapture { slot, _ in UInt32(slot.index) }
        store.passports.beginCapture { slot, _ in UInt32(slot.index) }
        store.lots.beginCapture()
        store.holds.beginCapture()
        store.sessions.beginCapture()
        store.resources.beginCapture()
        store.instances.beginCapture()
        store.allowances.beginCapture { _, _ in 0 }
        store.allowanceIndex.beginCapture()
        store.allowedUntil.beginCapture()
        store.spaceGrants.beginCapture()
        store.external.beginCapture()
        store.refunded.beginCapture()
        store.sessionTime.beginCapture()
        store.metered.beginCapture()
        let capture = Capture(of: self)
        store.history.keptFrom = capture.keys.lowerBound
        return capture
    }

    /// The next rows, nil where more have to be looked at first. Looks at `limit` rows at most, or at one segment of an
    /// index.
    package mutating func advance(_ capture: inout Capture, limit: Int) -> CapturedRows? {
        let rows = next(of: &capture, limit).map { CapturedRows(rows: $0) }
        switch capture.phase {
        case .small: break
        case .users(let next): store.accounts.passed(through: next)
        case .passports(let next):
            store.accounts.passed(through: .max)
            store.passports.passed(through: next)
        case .owned(let next, _): passed(owned: next, passports: .max)
        case .index: passed(owned: .max, passports: .max)
        case .keys(let next): store.history.keptFrom = next
        case .done: break
        }
        return rows
    }

    private mutating func passed(owned next: UInt32, passports: UInt32) {
        store.passports.passed(through: passports)
        store.lots.passed(through: next)
        store.holds.passed(through: next)
        store.sessions.passed(through: next)
        store.resources.passed(through: next)
        store.instances.passed(through: next)
    }

    /// The capture is over, or given up: nothing is kept any more. What it kept is handed out, for another thread to
    /// free: that may take long.
    @discardableResult
    package mutating func endCapture(_ capture: consuming Capture? = nil) -> CaptureRemains {
        var remains = CaptureRemains(
            objects: [
                store.accounts.endCapture(), store.passports.endCapture(), store.lots.endCapture(),
                store.holds.endCapture(), store.sessions.endCapture(), store.resources.endCapture(),
                store.instances.endCapture(), store.allowances.endCapture(),
            ])
        store.allowanceIndex.endCapture()
        store.allowedUntil.endCapture()
        store.spaceGrants.endCapture()
        store.external.endCapture()
        store.refunded.endCapture()
        store.sessionTime.endCapture()
        store.metered.endCapture()
        store.history.keptFrom = .max
        if let capture { remains.heads = capture.heads }
        return remains
    }

    /// Rows that are kept as they were because a capture has not come to them.
    package var keptRows: Int {
        store.accounts.keptCount + store.passports.keptCount + store.lots.keptCount + store.holds.keptCount
            + store.sessions.keptCount + store.resources.keptCount + store.instances.keptCount
            + store.allowances.keptCount
    }

    /// Writes every table down, where nothing changes meanwhile. No capture is under way.
    package func writeSnapshot<Sink: SnapshotSink & ~Copyable>(to sink: inout Sink) throws(Sink.Failure) {
        var capture = Capture(of: self)
        var encoder = SnapshotEncoder()
        while !capture.isDone {
            if let rows = next(of: &capture, SnapshotSection.rowsPerFrame) {
                try encoder.add(CapturedRows(rows: rows), to: &sink)
            }
        }
        try encoder.finish(to: &sink)
    }

    // MARK: Going through the tables

    fileprivate var smallRows: SmallRows {
        SmallRows(
            ledger: LedgerRow(
                ledger: ledger, shard: shard, seed: seed, lastLSN: lastLSN, lastTime: lastTime,
                keyRetention: store.history.retention, keyCapacity: store.history.capacity,
                refusals: store.refusals, presence: store.presence, allowanceDue: store.allowanceRound.due,
                allowanceNext: store.allowanceRound.next, isDriven: isDriven),
            limits: UserType.allCases.flatMap { type in
                LimitName.allCases.map { LimitSet(type: type, limit: $0, value: store.limits[type, $0]) }
            },
            books: Array(store.books.rows), rules: store.rules, active: store.active, scheduled: store.scheduled,
            spaces: store.spaces, meters: store.meters, allowances: typeAllowances)
    }

    private func next(of capture: inout Capture, _ limit: Int) -> CapturedTable? {
        switch capture.phase {
        case .small:
            capture.phase = .users(0)
            return capture.small.take().map { .small($0) }
        case .users(let first): return users(&capture, from: first, limit)
        case .passports(let first):
            let end = min(first + UInt32(limit), capture.passports)
            capture.phase = end == capture.passports ? .owned(0, Capture.Cursor()) : .passports(end)
            return .passports(
                ContiguousArray((first..<end).map { store.passports.captured(Slot(index: Int32($0))) }))
        case .owned(let user, let cursor): return owned(&capture, from: user, cursor, limit)
        case .index(let section, let segment): return index(&capture, section, segment)
        case .keys(let first):
            let end = min(first + limit, capture.keys.upperBound)
            capture.phase = end == capture.keys.upperBound ? .done : .keys(end)
            return .keys(store.history.captured(first..<end))
        case .done: return nil
        }
    }

    private func users(_ capture: inout Capture, from first: UInt32, _ limit: Int) -> CapturedTable {
        let end = min(first + UInt32(limit), capture.users)
        var rows: ContiguousArray<Account> = []
        rows.reserveCapacity(Int(end - first))
        for user in first..<end {
            let row = store.accounts.captured(Slot(index: Int32(user)))
            capture.heads.append(
                Capture.Heads(
                    lots: row.firstLot.index, holds: row.firstHold.index, sessions: row.firstSession.index,
                    resources: row.firstResource.index, instances: row.firstInstance.index))
            rows.append(row)
        }
        capture.phase = end == capture.users ? .passports(0) : .users(end)
        return .users(rows)
    }

    /// Collects what belongs to a range of users; there are rows when it is whole.
    private func owned(
        _ capture: inout Capture, from first: UInt32, _ start: Capture.Cursor, _ limit: Int
    ) -> CapturedTable? {
        var (user, cursor, left) = (first, start, limit)
        while user < capture.users {
            let heads = capture.heads[Int(user)]
            while cursor.list != .end {
                switch cursor.list {
                case .lots: collect(store.lots, heads.lots, &cursor, .holds, &left, &capture.owned.lots)
                case .holds: collect(store.holds, heads.holds, &cursor, .sessions, &left, &capture.owned.holds)
                case .sessions:
                    collect(store.sessions, heads.sessions, &cursor, .resources, &left, &capture.owned.sessions)
                case .resources:
                    collect(store.resources, heads.resources, &cursor, .instances, &left, &capture.owned.resources)
                case .instances:
                    collect(store.instances, heads.instances, &cursor, .end, &left, &capture.owned.instances)
                case .end: break
                }
                if left <= 0 {
                    capture.phase = .owned(user, cursor)
                    return nil
                }
            }
            cursor = Capture.Cursor()
            user += 1
            left -= 1
            if user % SnapshotSection.usersPerRange == 0 || user == capture.users {
                capture.phase = .owned(user, cursor)
                return .owned(capture.owned.take())
            }
        }
        capture.phase = .index(.allowances, segment: 0)
        return nil
    }

    /// Goes on in one list of a user, to its end or until nothing is left of the limit.
    private func collect<Row: OwnedRow>(
        _ table: borrowing Slab<Row>, _ head: Int32, _ cursor: inout Capture.Cursor, _ following: Capture.List,
        _ left: inout Int, _ rows: inout ContiguousArray<Row>
    ) {
        var next = cursor.next ?? head
        while next >= 0 {
            guard left > 0 else {
                cursor.next = next
                return
            }
            let row = table.captured(Slot(index: next))
            next = row.links.next.index
            rows.append(row)
            left -= 1
        }
        cursor = Capture.Cursor(list: following)
    }

    private func index(_ capture: inout Capture, _ section: Capture.IndexSection, _ segment: Int) -> CapturedTable {
        if segment + 1 < HashIndex<UInt64>.segmentCount {
            capture.phase = .index(section, segment: segment + 1)
        } else if let next = Capture.IndexSection(rawValue: section.rawValue + 1) {
            capture.phase = .index(next, segment: 0)
        } else {
            capture.phase = .keys(capture.keys.lowerBound)
        }
        return switch section {
        case .allowances: .allowances(allowances(store.allowanceIndex.captured(segment: segment)))
        case .allowedUntil: .numbers(.allowedUntil, store.allowedUntil.captured(segment: segment))
        case .spaceGrants: .numbers(.spaceGrants, store.spaceGrants.captured(segment: segment))
        case .external: .hashes(.external, store.external.captured(segment: segment))
        case .refunded: .numbers(.refunded, store.refunded.captured(segment: segment))
        case .sessionTime: .numbers(.sessionTime, store.sessionTime.captured(segment: segment))
        case .metered: .hashes(.metered, store.metered.captured(segment: segment))
        }
    }

    private func allowances(_ entries: IndexEntries<UInt64>) -> ContiguousArray<Allowance> {
        ContiguousArray(entries.sorted().map { store.allowances.captured(Slot(index: Int32($0.value))) })
    }
}

extension Slab where Row: OwnedRow {
    /// A row is passed with its user.
    fileprivate mutating func beginCapture() { beginCapture { $1.user.value } }
}

extension OwnedRows {
    fileprivate mutating func take() -> OwnedRows {
        var rows = OwnedRows()
        swap(&rows, &self)
        return rows
    }
}
