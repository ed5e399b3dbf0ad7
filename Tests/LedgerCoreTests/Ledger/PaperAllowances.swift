import LedgerCore
import LedgerTestKit

/// Allowances as one would keep them on paper: who has which, and until when the last lot was for.
struct PaperAllowances {
    private var types: [UserOrdinal: UserType] = [:]
    private var own: [UserOrdinal: AllowanceTerms] = [:]
    private var ofType: [UserType: AllowanceTerms] = [:]
    private var until: [UserOrdinal: Timestamp] = [:]
    /// Since when one counts for a user.
    private var since: [UserOrdinal: Timestamp] = [:]
    private(set) var given = 0
    private(set) var carried = 0
    /// Lots of which everything should have gone on.
    private(set) var whole: Set<LotID> = []

    private func terms(_ user: UserOrdinal) -> AllowanceTerms? {
        own[user] ?? types[user].flatMap { ofType[$0] }
    }

    private mutating func change(at instant: Timestamp, _ change: (inout PaperAllowances) -> Void) {
        let before = types.keys.filter { terms($0) != nil }
        change(&self)
        for user in types.keys where terms(user) != nil && !before.contains(user) { since[user] = instant }
    }

    mutating func note(type: UserType, of user: UserOrdinal, at instant: Timestamp) {
        change(at: instant) { $0.types[user] = type }
    }

    mutating func note(_ terms: AllowanceTerms, of user: UserOrdinal, at instant: Timestamp) {
        change(at: instant) { $0.own[user] = terms.isNone ? nil : terms }
    }

    mutating func note(_ terms: AllowanceTerms, of type: UserType, at instant: Timestamp) {
        change(at: instant) { $0.ofType[type] = terms.isNone ? nil : terms }
    }

    mutating func forget(_ user: UserOrdinal) {
        types[user] = nil
        own[user] = nil
    }

    /// Returns what is wrong with it.
    mutating func give(_ e: AllowanceGranted, _ event: Event) -> String? {
        given += 1
        let user = event.user
        // With an own one, the first lot comes before the event that says so.
        let isFirst = event.origin == .command
        let last = until[user] ?? .distantPast
        defer { until[user] = e.lot.expires }
        guard last <= e.lot.effective else { return "an allowance comes too early" }
        guard isFirst ? e.lot.effective <= event.asOf : e.lot.effective == event.asOf else {
            return "an allowance is good from another time on"
        }
        guard isFirst || terms(user)?.amount == e.amount else { return "\(e.amount) is allowed that nobody said" }
        if !isFirst, event.asOf != max(last, since[user] ?? .distantPast) { return "an allowance comes too late" }
        if let period = terms(user)?.period, !isFirst, !Self.isEnd(e.lot.expires, of: period, from: event.asOf) {
            return "an allowance ends at \(e.lot.expires)"
        }
        if e.carried > .zero { carried += 1 }
        if let most = terms(user)?.rollover, !isFirst {
            if e.carried > most { return "\(e.carried) goes on, and \(most) may" }
            if e.carried > .zero, e.carried < most { whole.insert(e.from) }
        }
        return nil
    }

    /// By the date as it is written.
    private static func isEnd(_ end: Timestamp, of period: CalendarPeriod, from: Timestamp) -> Bool {
        let text = "\(end)"
        let monday = Timestamp("2024-01-01")!
        guard text.hasSuffix("T00:00:00Z"), end > from else { return false }
        switch period {
        case .day: return end - from <= .days(1)
        case .week: return end - from <= .days(7) && (end - monday).nanoseconds % TimeSpan.days(7).nanoseconds == 0
        case .month: return end - from <= .days(31) && text.hasSuffix("-01T00:00:00Z")
        }
    }

    /// Whoever has one has had its lot.
    func missing(at now: Timestamp) -> [String] {
        types.keys.filter { terms($0) != nil && until[$0] ?? .distantPast <= now }.map {
            "user \($0.value) has an allowance and was given nothing since \(until[$0] ?? .distantPast)"
        }
    }
}
