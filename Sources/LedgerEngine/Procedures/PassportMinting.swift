internal import LedgerCommands
internal import LedgerCore

/// New passports: the secret is made here, outside of the ledger, which sees its digest alone; it travels with the
/// command, so that the first answer can show it, once.
extension Engine {
    /// PASSPORT CREATE. The name is in the clear; the writer seals it.
    func createPassport(_ draft: PassportDraft) -> Step {
        let secret = PassportSecret.mint()
        let create = PassportCreate(
            user: draft.user, id: secret.id, digest: reads.proof(of: secret).digest, lastFour: secret.lastFour,
            name: PersonalText(clear: draft.name), permissions: draft.permissions, scope: draft.scope,
            expires: draft.expires, rate: draft.rate, requiresKeys: draft.requiresKeys, caps: draft.caps)
        return .ask(.issue(.passportCreate(create), secret))
    }

    /// PASSPORT ROTATE: another secret in the place of `old`, which stays good for `overlap`.
    func rotatePassport(_ old: PassportID, overlap: TimeSpan) -> Step {
        let secret = PassportSecret.mint()
        let rotate = PassportRotate(
            old: old, id: secret.id, digest: reads.proof(of: secret).digest, lastFour: secret.lastFour,
            overlap: overlap)
        return .ask(.issue(.passportRotate(rotate), secret))
    }
}
