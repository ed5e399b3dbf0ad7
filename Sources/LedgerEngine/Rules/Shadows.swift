internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// The shadows of rules: at most one for each. They are not journaled: the end of the process ends them.
final class Shadows: Sendable {
    private struct Seats {
        var shadows: [RuleName: Shadow] = [:]
        var begun = 0

        /// The one whose place another one of this rule may take: nobody's, or that of one whose time is over. Throws
        /// what stands in the way.
        func place(for rule: RuleName, at now: Timestamp) throws(Rejection) -> Shadow? {
            if let other = shadows[rule] {
                guard !other.isOver(at: now) else { return other }
                throw .invalid(
                    "version \(other.version) shadows \(rule.text) already; RULE SHADOW \(rule.text) OFF ends it")
            }
            guard shadows.count >= Shadows.most else { return nil }
            guard let over = shadows.values.filter({ $0.isOver(at: now) }).min(by: { $0.until < $1.until }) else {
                throw .invalid("\(Shadows.most) rules are shadowed already")
            }
            return over
        }
    }

    private let seats = Lock(Seats())
    private let followers: Followers
    private let history: History

    /// Each costs every event a look.
    static let most = 16

    init(followers: Followers, history: History) {
        self.followers = followers
        self.history = history
    }

    /// Follows from the last durable event on, in the place of one whose time is over. Throws what stands in the way.
    func begin(
        _ rule: CompiledRule, version: UInt32, at now: Timestamp, for span: TimeSpan?
    ) throws(Rejection) -> ShadowReport {
        let (shadow, before) = try seats.withLock { (seats) throws(Rejection) -> (Shadow, Shadow?) in
            let before = try seats.place(for: rule.name, at: now)
            if let before { seats.shadows[before.rule] = nil }
            seats.begun += 1
            let shadow = Shadow(
                Self.name(rule.name, seats.begun), rule, version: version, since: now,
                until: span.map { now + $0 } ?? .never, from: history.reader.durableLSN, reader: history.reader,
                shard: history.shard, leave: { [weak followers] in followers?.remove($0) })
            seats.shadows[rule.name] = shadow
            return (shadow, before)
        }
        // Nothing may have been recorded since its time was over.
        if let before { followers.remove(before.name) }
        followers.add(shadow)
        return report(shadow, at: now)
    }

    /// Ends it, and says what it found; nil: there is none.
    func end(_ name: RuleName, at now: Timestamp) -> ShadowReport? {
        guard let shadow = seats.withLock({ $0.shadows.removeValue(forKey: name) }) else { return nil }
        followers.remove(shadow.name)
        var report = report(shadow, at: now)
        report.isOver = true
        return report
    }

    func report(_ name: RuleName, at now: Timestamp) -> ShadowReport? {
        seats.withLock { $0.shadows[name] }.map { report($0, at: now) }
    }

    private func report(_ shadow: Shadow, at now: Timestamp) -> ShadowReport {
        shadow.report(at: now) { history.reads.userID($0) }
    }

    /// Of a follower, in INFO: letters, digits and `_`, and of its own though the rule was shadowed before.
    private static func name(_ rule: RuleName, _ number: Int) -> String {
        let text = rule.text.utf8.map { byte -> Character in
            let isPlain = byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26
            return isPlain ? Character(UnicodeScalar(byte)) : "_"
        }
        return "shadow\(number)_\(String(text))"
    }
}
