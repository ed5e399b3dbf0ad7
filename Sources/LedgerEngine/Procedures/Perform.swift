package import LedgerCommands
package import LedgerCore

/// From what is asked to its first step: one place for every edge, whatever it speaks.
extension Engine {
    /// How what was asked is carried out. Nil: it is about a connection or the process, which its edge knows.
    ///
    /// `reader`: the one user whose things the asker may see; nil: everybody's. Throws what can be refused without the
    /// ledger: a secret that is none.
    package func perform(_ asked: ParsedCommand, as reader: UserOrdinal?) throws(CommandError) -> Step? {
        switch asked.ask {
        case .mutation(let command): .ask(.command(command))
        case .admit(let secret, let start): .ask(.admit(start, try proof(of: secret)))
        case .passportCreate(let draft): createPassport(draft)
        case .passportRotate(let old, let overlap): rotatePassport(old, overlap: overlap)
        case .refund(let draft): refund(draft)
        case .ruleLoad(let name, let source): loadRule(name, source: source)
        case .ruleActivate(let name, let version, let at): activateRule(name, version: version, at: at)
        case .ruleCheck(let name, let text): checkRule(name, text)
        case .ruleBacktest(let draft): backtest(draft)
        case .ruleShadow(let name, let version?, let span):
            shadow(.shadow(name, version: version, for: span), begins: true)
        case .ruleShadow(let name, nil, _): shadow(.shadowEnd(name), begins: true)
        case .ruleDiff(let name): shadow(.shadowReport(name))
        case .ruleStep(let charge, let text): stepRule(charge, text)
        case .dryRun(let inner): try perform(inner, as: reader).map { dry($0, inner) }
        case .query(.spaces(let page, let user)):
            .aside(.query(.spaces(page, for: reader.map { .ordinal($0) } ?? user)))
        case .query(.priceBooks): .aside(.query(.priceBooks(for: reader.map { .ordinal($0) })))
        case .query(let query): CommandTable.lane(asked.id) == .list ? .aside(.query(query)) : .ask(.query(query))
        case .quote(let user, let tier, let duration): .ask(.quote(user: user, tier: tier, duration: duration))
        case .usageQuote(let user, let meter, let billionths):
            .ask(.usageQuote(user: user, meter: meter, billionths: billionths))
        case .verify(let secret, _): .ask(.verify(try proof(of: secret)))
        case .balance(let user): .ask(.query(.balance(user: user)))
        case .history(let range):
            .read(.history(user: range.user, from: range.from, to: range.to, label: range.label, range.page)) {
                .end($0)
            }
        case .summary(let user, let from, let to, let key):
            .read(.summary(user: user, from: from, to: to, by: key)) { .end($0) }
        case .at(let moment, let known, let inner): past(inner, at: moment, known: known)
        case .diff(let user, let first, let second):
            .read(.difference(user: user, first, second)) { .end($0) }
        case .explain(let charge): .read(.explain(charge)) { .end($0) }
        case .connection, .follow, .server, .local, .evaluate, .script, .transaction, .fork, .ledgerAt: nil
        }
    }

    package func proof(of secret: Secret) throws(CommandError) -> PassportProof {
        guard let proof = secret.text.withBytes({ reads.proof(of: $0) }) else { throw .invalidSecret }
        return proof
    }
}
