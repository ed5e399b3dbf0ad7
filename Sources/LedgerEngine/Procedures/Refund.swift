internal import LedgerCommands
internal import LedgerCore

extension Engine {
    /// CREDIT REFUND of a charge:
    ///
    /// 1. the charge, and the lots that it burned, are read from the journal (events never change, so it may be before
    ///    the decision);
    /// 2. the writer decides what of it goes back.
    ///
    /// Without an amount: all that has not been refunded yet.
    func refund(_ draft: RefundDraft) -> Step {
        switch draft.target {
        case .charge(let charge): refund(.refund(charge), draft.amount, draft.reason)
        case .session(let session): refund(session: session, draft.amount, draft.reason)
        }
    }

    /// CREDIT REFUND of a session that has ended: the tables say which event ended it, and that event names all its
    /// charges; then as of one charge, the last one first.
    private func refund(session: Hash128, _ amount: Money?, _ reason: PersonalText) -> Step {
        .query(.session(session)) { result in
            if case .closedSession(let lsn) = result { return self.refund(.refundSession(lsn), amount, reason) }
            if case .rejected(let rejection) = result { return .answer(.rejected(rejection)) }
            return .answer(.rejected(.invalid("the session still runs: stop it first, or refund one of its charges")))
        }
    }

    private func refund(_ request: HistoryRequest, _ amount: Money?, _ reason: PersonalText) -> Step {
        .read(request) { result in
            guard case .refund(let charges) = result else { return .end(result) }
            return .ask(.command(.creditRefund(CreditRefund(charges: charges, amount: amount, reason: reason))))
        }
    }
}
