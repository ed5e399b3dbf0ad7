package import LedgerCore

/// Which text of a rule is meant: a version that is loaded, or one that is not kept.
package enum RuleText: Hashable, Sendable {
    case version(UInt32)
    case source([UInt8])
}

/// `RULE BACKTEST`: usage that began in [from, to), priced with another text.
package struct BacktestDraft: Hashable, Sendable {
    package var rule: RuleName
    package var text: RuleText
    package var from: Timestamp
    package var to: Timestamp
    /// What its sums are told apart by; nil: one sum.
    package var grouping: PriceGrouping?
    /// So many users at most; of what is told one by one, so much.
    package var count: Int
    /// `ADMIT`: besides, the commands of that time are decided anew.
    package var admits: Bool

    package init(
        rule: RuleName, text: RuleText, from: Timestamp, to: Timestamp, grouping: PriceGrouping? = nil, count: Int = 10,
        admits: Bool = false
    ) {
        self.rule = rule
        self.text = text
        self.from = from
        self.to = to
        self.grouping = grouping
        self.count = count
        self.admits = admits
    }
}

package enum PriceGrouping: NamedCase, Sendable {
    case type
    /// Of sessions; of storage, the kind; of spaces, the space.
    case tier
    case user

    package var text: String {
        switch self {
        case .type: "type"
        case .tier: "tier"
        case .user: "user"
        }
    }
}

extension Arguments {
    /// Lua, or the number of a version: no chunk is a bare number.
    func ruleText(_ field: Int) throws(CommandError) -> RuleText {
        guard let number = Decimal.parse(bytes(field)) else { return .source(try source(field)) }
        guard let version = UInt32(exactly: number), version > 0 else {
            throw .invalid("source '\(number)' is neither Lua nor a version number, 1 or more")
        }
        return .version(version)
    }
}
