package import LedgerCore

/// New passports: the secret is made here, outside of the ledger, which sees its digest alone; it travels with the
/// command, so that the first answer can show it, once.
extension Engine {
    /// PASSPORT CREATE. `name` is in the clear; the writer seals it.
    package func createPassport(
        user: Hash128, name: [UInt8], permissions: Permissions, scope: Scope, expires: Timestamp, rate: UInt32,
        requiresKeys: Bool
    ) -> Step {
        let secret = PassportSecret.mint()
        let create = PassportCreate(
            user: user, id: secret.id, digest: reads.proof(of: secret).digest, lastFour: secret.lastFour,
            name: PersonalText(clear: name), permissions: permissions, scope: scope, expires: expires, rate: rate,
            requiresKeys: requiresKeys)
        return .ask(.issue(.passportCreate(create), secret))
    }

    /// PASSPORT ROTATE: another secret in the place of `old`, which stays good for `overlap`.
    package func rotatePassport(_ old: PassportID, overlap: TimeSpan) -> Step {
        let secret = PassportSecret.mint()
        let rotate = PassportRotate(
            old: old, id: secret.id, digest: reads.proof(of: secret).digest, lastFour: secret.lastFour,
            overlap: overlap)
        return .ask(.issue(.passportRotate(rotate), secret))
    }
}
