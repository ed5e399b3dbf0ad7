internal import LedgerCore
internal import Synchronization

/// Decides which time counts as downtime: when nobody could decide anything, whatever kept the writer from it.
///
/// Two things begin a pause. The gate is closed (a clock or a disk that cannot be trusted): from that look at the clock
/// on. Or the writer was away between two looks for longer than `limit`: the process was stopped, the machine
/// suspended, a sync took that long. Then the pause began at the earlier look, and only `ClockLook.uptime` says that it
/// was one, since the ledger's time may also be stepped.
///
/// A pause ends where the writer decides again, and is recorded there, before any timer fires. Until then it must
/// survive everything: what the journal says of the ledger's last sign of life (closing batches carry a time) is never
/// later than the pause's beginning. So a clean stop, a crash and the start after them only make it longer.
struct Pauses {
    /// When the ledger was last alive: what a closing batch may say. Told by the writer; who stops the engine reads it
    /// when the writer has ended.
    final class LastSign: Sendable {
        private let nanoseconds = Atomic<Int64>(Timestamp.distantPast.nanoseconds)
        var time: Timestamp { Timestamp(nanoseconds: nanoseconds.load(ordering: .relaxed)) }
        fileprivate func set(_ time: Timestamp) { nanoseconds.store(time.nanoseconds, ordering: .relaxed) }
    }

    /// The writer looks at the clock at least so often, in nanoseconds, whether or not there is anything to do.
    static let round: UInt64 = 1_000_000_000

    private let limit: TimeSpan
    private let lastSign: LastSign
    private var since: Timestamp?
    /// The pause under way is the one before this start.
    private(set) var isStart: Bool
    /// The last look at which the writer could decide what there was.
    private var able: ClockLook?

    /// `since`: the last sign of life before this start; nil for a ledger that has just begun.
    init(since: Timestamp?, limit: TimeSpan, lastSign: LastSign) {
        self.since = since
        isStart = since != nil
        self.limit = limit
        self.lastSign = lastSign
        if let since { lastSign.set(since) }
    }

    /// There is a pause to be recorded as soon as something may be decided.
    var isOpen: Bool { since != nil }

    /// The writer looks at the clock, and at the gate.
    mutating func note(_ look: ClockLook, isRefused: Bool) {
        guard since == nil else { return }
        if let able, look.uptime - able.uptime > limit.nanoseconds {
            since = able.time
        } else if isRefused {
            since = look.time
        }
        tell()
    }

    /// Nothing keeps the writer from deciding at this look: there is nothing to do, or room to do it. (Whether it may
    /// is the gate's to say.)
    mutating func canDecide(at look: ClockLook) {
        able = look
        tell()
    }

    private func tell() {
        if let sign = since ?? able?.time { lastSign.set(sign) }
    }

    /// Ends the pause: how long it was.
    mutating func end(at now: Timestamp) -> TimeSpan {
        defer { (since, isStart) = (nil, false) }
        return max(.zero, now - (since ?? now))
    }

    /// CLOCK SET says that nobody was there since then.
    mutating func begin(at time: Timestamp) {
        if since == nil { since = time }
    }

    /// CLOCK ACCEPT has stepped the ledger's time: nobody was there in between.
    mutating func step(from before: Timestamp, to after: Timestamp) {
        if since == nil, after - before > limit { since = before }
    }
}
