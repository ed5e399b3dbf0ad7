internal import LedgerCommands
package import LedgerCore
internal import LedgerRules

/// Rules are examined on a thread of their own, which may take its time; then the writer decides, if there is something
/// to decide.
extension Engine {
    /// RULE LOAD:
    ///
    /// 1. the source is compiled;
    /// 2. the writer journals it.
    func loadRule(_ name: RuleName, source: [UInt8]) -> Step {
        .examine(.load(name, source: source)) { verdict in
            .ask(.ruleLoad(name: name, source: source, verdict: verdict))
        }
    }

    /// RULE ACTIVATE, now or `at`:
    ///
    /// 1. the version is checked against everything that it can be asked;
    /// 2. the writer activates it, if the check has no findings, with the prices that it found.
    func activateRule(_ name: RuleName, version: UInt32, at: Timestamp?) -> Step {
        .examine(.version(name, version)) { verdict in
            .ask(.ruleActivate(name: name, version: version, at: at, verdict: verdict))
        }
    }

    /// RULE CHECK of a source, or of a version that is loaded: one step, and nothing is kept.
    func checkRule(_ name: RuleName, _ text: RuleText) -> Step {
        let request: RuleRequest =
            switch text {
            case .source(let source): .check(name, source: source)
            case .version(let version): .version(name, version)
            }
        return .examine(request) { verdict in
            switch verdict {
            case .checked(let check): .answer(.ruleCheck(check))
            case .refused(let rejection): .answer(.rejected(rejection))
            case .loads, .priced, .backtested, .traced, .shadow: preconditionFailure("a check was asked as such")
            }
        }
    }

    /// RULE BACKTEST: one step, and nothing is kept.
    func backtest(_ draft: BacktestDraft) -> Step {
        .examine(.backtest(draft)) { verdict in
            switch verdict {
            case .backtested(let report): .answer(.backtest(report))
            case .refused(let rejection): .answer(.rejected(rejection))
            case .loads, .checked, .priced, .traced, .shadow: preconditionFailure("a back-test was asked as such")
            }
        }
    }

    /// RULE SHADOW and RULE DIFF: one step, and nothing is journaled. `begins`: the answer says what ends it.
    func shadow(_ request: RuleRequest, begins: Bool = false) -> Step {
        .examine(request) { verdict in
            switch verdict {
            case .shadow(let report): .answer(.shadow(report, begins: begins))
            case .refused(let rejection): .answer(.rejected(rejection))
            case .loads, .checked, .priced, .backtested, .traced: preconditionFailure("a shadow was asked for")
            }
        }
    }

    /// PRICE INFO, from what the tables said (nil: that is the answer): what came after a rule was activated is asked
    /// now, for the tables know its answers of then.
    package func lookUp(prices rows: [PriceBookRow]) -> Step? {
        guard let place = rows.firstIndex(where: { !$0.unpriced.isEmpty }) else { return nil }
        let (rule, questions) = (rows[place].rule, rows[place].unpriced)
        return .examine(.price(rule.name, version: rule.version, questions)) { verdict in
            switch verdict {
            case .priced(let book):
                var rows = rows
                rows[place].book.rows += book.rows
                rows[place].unpriced = []
                return self.lookUp(prices: rows) ?? .answer(.priceBooks(rows))
            case .refused(let rejection): return .answer(.rejected(rejection))
            case .loads, .checked, .backtested, .traced, .shadow: preconditionFailure("prices were asked as such")
            }
        }
    }
}
