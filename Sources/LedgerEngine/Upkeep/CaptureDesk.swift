internal import LedgerCore
internal import LedgerStorage
internal import Synchronization

/// Between the writer, which hands out the rows of one instant some at a time, and the thread that writes them down.
/// The writer waits for nobody: where there is no room it goes on with its own work, and is poked when there is.
///
/// Unchecked Sendable: `stage`, `rows`, `count`, `place` and `remains` are touched under the monitor only.
final class CaptureDesk: @unchecked Sendable {
    private enum Stage {
        case idle
        /// Somebody waits for the writer to begin.
        case wanted
        case running
        /// The last rows have been handed out.
        case over
        /// Somebody gave up; the writer is to end its part.
        case cancelled
    }

    private let monitor = Monitor()
    private var stage = Stage.idle
    private var rows: [CapturedRows] = []
    private var count = 0
    /// Where it began.
    private var place: (head: JournalHead, booksSum: Int128)?
    private var remains: CaptureRemains?
    private let concernsWriter = Atomic<Bool>(false)
    private let pokeWriter: @Sendable () -> Void

    /// Rows that may wait, some megabytes.
    private static let most = 8_192

    init(pokeWriter: @escaping @Sendable () -> Void) { self.pokeWriter = pokeWriter }

    // MARK: Who writes them down

    /// Asks the writer to begin, and waits until it has: with a place in the journal at which everything is durable.
    /// Nil: cancelled.
    func begin() -> (head: JournalHead, booksSum: Int128)? {
        monitor.withLock {
            guard case .idle = stage else { return }
            stage = .wanted
            concernsWriter.store(true, ordering: .releasing)
        }
        pokeWriter()
        return monitor.withLock {
            monitor.wait { if case .wanted = stage { false } else { true } }
            if case .cancelled = stage { return nil }
            return place
        }
    }

    /// The next rows; nil behind the last ones, or when it was cancelled.
    func next() -> CapturedRows? {
        let (next, hadNoRoom) = monitor.withLock { () -> (CapturedRows?, Bool) in
            monitor.wait { if case .running = stage { !rows.isEmpty } else { true } }
            if case .cancelled = stage { return (nil, false) }
            guard !rows.isEmpty else { return (nil, false) }
            let hadNoRoom = count >= Self.most
            let next = rows.removeFirst()
            count -= next.count
            return (next, hadNoRoom && count < Self.most)
        }
        if hadNoRoom { pokeWriter() }
        return next
    }

    var isCancelled: Bool { monitor.withLock { if case .cancelled = stage { true } else { false } } }

    /// Ends it before its time, or keeps it from beginning. Any thread.
    func cancel() {
        monitor.withLock {
            stage = .cancelled
            monitor.wake()
        }
        pokeWriter()
    }

    /// Likewise, if there is anything to end.
    func cancelIfBusy() {
        let isBusy = monitor.withLock { if case .idle = stage { false } else { true } }
        if isBusy { cancel() }
    }

    /// For the next time; frees what the writer left.
    func clear() {
        let (remains, rows) = monitor.withLock {
            monitor.wait { !concernsWriter.load(ordering: .acquiring) }
            defer { (self.remains, self.rows, count, place, stage) = (nil, [], 0, nil, .idle) }
            return (self.remains, self.rows)
        }
        withExtendedLifetime((remains, rows)) {}
    }

    // MARK: The writer

    enum Wish {
        case nothing, begin, goOn, end
    }

    /// What it is to do. Costs one load while nothing is wanted.
    var wish: Wish {
        guard concernsWriter.load(ordering: .acquiring) else { return .nothing }
        return monitor.withLock {
            switch stage {
            case .idle, .over: .nothing
            case .wanted: .begin
            case .running: count < Self.most ? .goOn : .nothing
            case .cancelled: .end
            }
        }
    }

    func begun(at head: JournalHead, booksSum: Int128) {
        monitor.withLock {
            guard case .wanted = stage else { return }
            (stage, place) = (.running, (head, booksSum))
            monitor.wake()
        }
    }

    func add(_ rows: CapturedRows) {
        monitor.withLock {
            self.rows.append(rows)
            count += rows.count
            monitor.wake()
        }
    }

    /// The writer's part is over, whether it came to the end or not.
    func ended(_ remains: CaptureRemains?) {
        monitor.withLock {
            self.remains = remains
            if case .running = stage { stage = .over }
            concernsWriter.store(false, ordering: .releasing)
            monitor.wake()
        }
    }
}
