package import LedgerCore

/// What parsing needs to know besides the words.
package struct ParseContext: Sendable {
    /// The ledger's own hashing of outside names.
    package var names: Names
    /// Whose connection it is.
    package var actor: PassportOrdinal
    /// Finds a second sign-up by its e-mail address without keeping the address.
    package var emailHash: @Sendable (UnsafeRawBufferPointer) -> Hash128
    /// Sixty-four random bits, for the ids of users that come without one.
    package var random: @Sendable () -> UInt64

    package init(
        names: Names, actor: PassportOrdinal, emailHash: @escaping @Sendable (UnsafeRawBufferPointer) -> Hash128,
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
    ) {
        self.names = names
        self.actor = actor
        self.emailHash = emailHash
        self.random = random
    }
}
