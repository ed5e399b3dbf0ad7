package import LedgerCommands
package import LedgerCore
package import LedgerRules

/// What is to be found out about a rule, by a thread that may take its time, before the writer decides about it.
package enum RuleRequest: Sendable {
    /// RULE LOAD's first half: does this source load?
    case load(RuleName, source: [UInt8])
    /// RULE CHECK of a source.
    case check(RuleName, source: [UInt8])
    /// RULE CHECK of a version (nil: the active one), and RULE ACTIVATE's first half.
    case version(RuleName, UInt32?)
    /// What a version answers; what it fails to answer is left out.
    case price(RuleName, version: UInt32, [PriceQuery])
    /// RULE STEP: the rule's own question, to a text.
    case step(PriceQuery, RuleText)
    /// RULE SHADOW.
    case shadow(RuleName, version: UInt32, for: TimeSpan?)
    case shadowEnd(RuleName)
    /// RULE DIFF.
    case shadowReport(RuleName)
    /// RULE BACKTEST: on a thread of its own, and given up when who asked has gone.
    case backtest(BacktestDraft)
}

/// The answer to a ``RuleRequest``. Indirect: it travels in work items, which are many and should stay small.
package indirect enum RuleVerdict: Sendable {
    /// To `.load`.
    case loads(RuleIdentity)
    /// To `.check` and `.version`; the check may have findings.
    case checked(RuleCheck)
    /// To `.price`.
    case priced(PriceBook)
    /// To `.step`.
    case traced(RuleTrace)
    /// To the questions about shadows.
    case shadow(ShadowReport)
    /// To `.backtest`.
    case backtested(BacktestReport)
    /// There is no such version, or its source does not even load; or nobody could be asked.
    case refused(Rejection)
}

/// What a check needs to know of the ledger.
package struct RuleMaterial: Sendable {
    /// Of the version asked for; nil: there is none.
    package var source: [UInt8]?
    /// The spaces on sale, for the rule that prices them.
    package var catalogue: [DefaultCatalogue.Space]
    /// How many users there are: storage is asked for in portions of them.
    package var users: Int
    /// Of a meter's quantities.
    package var scale: UInt8 = 0
}

extension RuleText {
    /// The Lua itself. `material`: what the writer knows of a version; nil: he could not be asked.
    func lua(_ material: (UInt32) -> RuleMaterial?) -> Result<String, Rejection> {
        let bytes: [UInt8]
        switch self {
        case .source(let source): bytes = source
        case .version(let version):
            guard let material = material(version) else { return .failure(Self.noAnswer) }
            guard let source = material.source else { return .failure(.notFound(.rule)) }
            bytes = source
        }
        return String(validating: bytes, as: UTF8.self).map { .success($0) } ?? .failure(Self.notText)
    }

    static let notText = Rejection.rule("the source is not UTF-8")
    static let noAnswer = Rejection.busy("too much is waiting for the ledger; try again")
}

extension StateMachine {
    /// The spaces on sale, as rules are asked about them: the newest thousand, oldest first.
    func spacesOnSale(at now: Timestamp) -> [DefaultCatalogue.Space] {
        var spaces: [DefaultCatalogue.Space] = []
        var page = Page(count: 1000)
        while case .spaces(let rows, let next) = read(.spaces(page), at: now) {
            for row in rows {
                spaces.append(
                    DefaultCatalogue.Space(
                        id: row.space.id, name: row.space.name.string,
                        description: String(decoding: row.space.description, as: UTF8.self),
                        category: row.space.category.string, gigabytes: row.space.gigabytes, cost: row.space.cost))
            }
            if next == 0 || spaces.count >= 1000 { break }
            page.cursor = next
        }
        return spaces.reversed()
    }
}
