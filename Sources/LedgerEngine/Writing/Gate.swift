internal import LedgerStorage
internal import Logging
internal import Synchronization

/// Why nothing may be decided now, as far as threads other than the writer know: clock and disk, and of a fork what its
/// holder says. Says so in the log when the ledger becomes read-only, when another reason takes over, and when it is
/// writable again.
final class Gate: Sendable {
    private enum Kind {
        case always, fork, clock, room, snapshot, audit
    }
    private struct Reasons {
        var clock: String?
        var room: String?
        var snapshot: String?
        var audit: String?
        var always: String?
        var fork: String?
        var first: String? { always ?? fork ?? audit ?? clock ?? room ?? snapshot }
        /// Which one that is. Its text may change every second (it names the time); the kind does not.
        var kind: Kind? {
            if always != nil { return .always }
            if fork != nil { return .fork }
            return audit != nil
                ? .audit : clock != nil ? .clock : room != nil ? .room : snapshot != nil ? .snapshot : nil
        }
    }
    private let reasons = Lock(Reasons())
    private let closed = Atomic<Bool>(false)
    private let logger: Logger

    /// Why it never opens: of a ledger that is only looked at.
    let always: String?

    init(logger: Logger, always: String? = nil) {
        self.logger = logger
        self.always = always
        guard let always else { return }
        reasons.withLock { $0.always = always }
        closed.store(true, ordering: .releasing)
    }

    /// nil: decide. Costs one load while that is so.
    var refusal: String? { closed.load(ordering: .acquiring) ? reasons.withLock { $0.first } : nil }
    /// The clock is the reason, or one of them: what CLOCK ACCEPT ends.
    var clockRefusal: String? { reasons.withLock { $0.clock } }

    /// Whether that changed whether or why commands are refused.
    func setClock(_ text: String?) -> Bool { set { $0.clock = text } }
    func setRoom(_ text: String?) -> Bool { set { $0.room = text } }
    func setSnapshot(_ text: String?) -> Bool { set { $0.snapshot = text } }
    func setAudit(_ text: String?) -> Bool { set { $0.audit = text } }
    /// Of a fork: not in the log, which is about the ledger.
    func setFork(_ text: String?) -> Bool { set(isLogged: false) { $0.fork = text } }

    private func set(isLogged: Bool = true, _ change: (inout Reasons) -> Void) -> Bool {
        // Logged under the lock: two threads' lines must not change places.
        reasons.withLock { reasons in
            let (before, kind) = (reasons.first, reasons.kind)
            change(&reasons)
            closed.store(reasons.first != nil, ordering: .releasing)
            if isLogged, reasons.kind != kind {
                if let refusal = reasons.first {
                    logger.warning("read-only: \(refusal)")
                } else {
                    logger.notice("writable again")
                }
            }
            return before != reasons.first
        }
    }
}
