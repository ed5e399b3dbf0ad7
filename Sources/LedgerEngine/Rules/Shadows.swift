internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// The shadows of rules: at most one for each. They are not journaled: the end of the process ends them.
final class Shadows: Sendable {
    private struct Seats {
        var shadows: [RuleName: Shadow] = [:]
        var begun = 0
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

    /// Follows from the last durable event on. Throws what stands in the way.
    func begin(
        _ rule: CompiledRule, version: UInt32, at now: Timestamp, for span: TimeSpan?
    ) throws(Rejection) -> ShadowReport {
        let begun = seats.withLock { seats -> Result<Shadow, Rejection> in
            if let other = seats.shadows[rule.name] {
                let text =
                    "version \(other.version) shadows \(rule.name.text) already; RULE SHADOW \(rule.name.text) OFF ends it"
                return .failure(.invalid(text))
            }
            guard seats.shadows.count < Self.most else {
                return .failure(.invalid("\(Self.most) rules are shadowed already"))
            }
            seats.begun += 1
            let shadow = Shadow(
                Self.name(rule.name, seats.begun), rule, version: version, since: now,
                until: span.map { now + $0 } ?? .never, from: history.reader.durableLSN, reader: history.reader,
                shard: history.shard)
            seats.shadows[rule.name] = shadow
            return .success(shadow)
        }
        let shadow = try begun.get()
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
