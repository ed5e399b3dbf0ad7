package import LedgerCommands
package import LedgerCore
package import LedgerEngine
package import RESP

/// Answers of whole procedures, and the texts that they show.
extension ReplyEncoder {
    /// What a procedure found.
    package func answer(_ answer: Answer, names: any ReplyNames, to writer: inout RESPWriter) {
        switch answer {
        case .replay(let event):
            receipt(event, replayed: true, names: ReceiptNames(of: event, from: names), secret: nil, to: &writer)
        case .openHold(let row, let placed): openHold(row, placed: placed, to: &writer)
        case .closedHold(let hold): closedHold(hold, user: names.userID(hold.placed.user), to: &writer)
        case .closedSession(let event):
            closedSession(event, names: ReceiptNames(user: names.userID(event.user)), to: &writer)
        case .priceBooks(let rows):
            result(.priceBooks(rows), open: { names.clearText($0, of: $1) }, to: &writer)
        case .ruleCheck(let check): ruleCheck(check, to: &writer)
        case .backtest(let report): backtest(report, to: &writer)
        case .shadow(let report, let begins): shadow(report, says: begins, to: &writer)
        case .ruleSteps(let steps): ruleSteps(steps, to: &writer)
        case .history(let rows, let next): history(rows, next: next, to: &writer)
        case .summary(let summary): self.summary(summary, user: names.userID(summary.user), to: &writer)
        case .explanation(let explanation):
            self.explanation(explanation, user: names.userID(explanation.event.user), to: &writer)
        case .rejected(let rejection): self.rejection(rejection, to: &writer)
        case .remembered(let rejection, let since): remembered(rejection, since: since, to: &writer)
        case .fault(let text): error(.invalid("the journal could not be read: \(text)"), to: &writer)
        }
    }

    /// PASSPORT VERIFY, whatever came of it.
    package func verified(
        _ result: VerifyResult, needing permission: Permissions, names: any ReplyNames, to writer: inout RESPWriter
    ) {
        switch result {
        case .rejected(.passportInvalid): error(.invalidSecret, to: &writer)
        case .rejected(let rejection): self.rejection(rejection, to: &writer)
        case .valid(let it):
            if let refusal = it.refusal(needing: permission) { return error(refusal, to: &writer) }
            names.email(it.passport.user).withUnsafeBytes {
                verified(it, user: names.userID(it.passport.user), email: $0, to: &writer)
            }
        }
    }
}

extension VerifiedPassport {
    /// Why it is not enough where `permission` is needed.
    package func refusal(needing permission: Permissions) -> CommandError? {
        passport.permissions.isSuperset(of: permission)
            ? nil : .denied("the passport lacks the permission \(permission.text)")
    }
}

extension ReceiptNames {
    /// The texts that an event's receipt shows.
    package init(of event: Event, from names: any ReplyNames) {
        self.init(user: event.user == .none ? ShortText() : names.userID(event.user))
        if Self.needsEmail(event) {
            let address = names.email(event.user)
            email = address.isEmpty ? nil : address
        }
        if case .passportCreated(let it) = event.body {
            passport = names.clearText(it.name, of: event.user)
        } else if case .userChanged(let it) = event.body, it.field == .name, !it.name.isEmpty {
            name = names.clearText(it.name, of: event.user)
        } else if case .userChanged(let it) = event.body, it.field == .email {
            name = names.clearText(it.email, of: event.user)
        }
    }
}
