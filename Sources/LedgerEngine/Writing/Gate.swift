internal import LedgerStorage
internal import Synchronization

/// Why nothing may be decided now, as far as threads other than the writer know: clock and disk.
final class Gate: Sendable {
    private struct Reasons {
        var clock: String?
        var room: String?
        var snapshot: String?
        var first: String? { clock ?? room ?? snapshot }
    }
    private let reasons = Lock(Reasons())
    private let closed = Atomic<Bool>(false)

    /// nil: decide. Costs one load while that is so.
    var refusal: String? { closed.load(ordering: .acquiring) ? reasons.withLock { $0.first } : nil }
    /// The clock is the reason, or one of them: what CLOCK ACCEPT ends.
    var clockRefusal: String? { reasons.withLock { $0.clock } }

    /// Whether that changed whether or why commands are refused.
    func setClock(_ text: String?) -> Bool { set { $0.clock = text } }
    func setRoom(_ text: String?) -> Bool { set { $0.room = text } }
    func setSnapshot(_ text: String?) -> Bool { set { $0.snapshot = text } }

    private func set(_ change: (inout Reasons) -> Void) -> Bool {
        reasons.withLock { reasons in
            let before = reasons.first
            change(&reasons)
            closed.store(reasons.first != nil, ordering: .releasing)
            return before != reasons.first
        }
    }
}
