internal import LedgerCore
internal import LedgerStorage

/// What the writer hands to the committer: events to make durable, what readers may see then, and whom to tell.
///
/// Owned by one thread at a time: the writer while it decides, the queue, the committer. Recycled.
final class CommitUnit: @unchecked Sendable {
    /// The time of every decision in it. (An event is recorded at this time, or a nanosecond after its predecessor.)
    var time = Timestamp.distantPast
    var decision = Decision()
    /// Behind each group: where a journal batch may end.
    var borders: [LogUnit.Border] = []
    var accounts: [Account] = []
    var users: [NewUser] = []
    var passports: [PassportView] = []
    var emails: [NewEmail] = []
    /// Whose keys are to be destroyed once it is durable.
    var deleted: [UserOrdinal] = []
    var limits: Limits?
    var rules: [LoadedRule] = []
    /// Requests that programs counted against these limits of an hour.
    var requests: [(passport: VerifiedPassport, limit: Int64)] = []
    var batches: [WorkBatch] = []
    /// Everything before this is durable once the unit is.
    var lastLSN = LSN.none
    /// Over every account of the books after it.
    var booksSum: Int128 = 0

    struct Account {
        var view: AccountView
        var lastEvent: LSN
    }
    struct NewUser {
        var ordinal: UserOrdinal
        var hash: Hash128
        var id: ShortText
        var email: [UInt8]
    }
    struct NewEmail {
        var user: UserOrdinal
        var email: [UInt8]
    }
    struct LoadedRule {
        var identity: RuleIdentity
        var name: RuleName
        var source: [UInt8]
    }

    /// Bytes above which the writer begins another one.
    static let target = 512 << 10

    func removeAll() {
        WorkBatch.seeRecycled()
        decision.batch.removeAll()
        borders.removeAll(keepingCapacity: true)
        accounts.removeAll(keepingCapacity: true)
        users.removeAll(keepingCapacity: true)
        passports.removeAll(keepingCapacity: true)
        emails.removeAll(keepingCapacity: true)
        deleted.removeAll(keepingCapacity: true)
        limits = nil
        rules.removeAll(keepingCapacity: true)
        requests.removeAll(keepingCapacity: true)
        batches.removeAll(keepingCapacity: true)
    }

    /// A border behind the events that were just decided, if there are any.
    func endGroup() {
        guard decision.batch.count > (borders.last?.events ?? 0) else { return }
        borders.append(LogUnit.Border(events: decision.batch.count, bytes: decision.batch.byteCount))
    }
}
