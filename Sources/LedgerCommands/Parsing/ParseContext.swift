package import LedgerCore

/// What parsing needs to know besides the words.
package struct ParseContext: Sendable {
    /// The ledger's own hashing of outside names.
    package var names: Names
    /// Whose connection it is.
    package var actor: PassportOrdinal
    /// Finds a second sign-up by its e-mail address, however it is written, without keeping the address.
    package var emailHash: EmailHash
    /// As that, by the platform's own word for a person.
    package var personHash: @Sendable (UnsafeRawBufferPointer) -> Hash128
    /// Sixty-four random bits, for the ids of users that come without one.
    package var random: @Sendable () -> UInt64

    package typealias EmailHash = @Sendable (UnsafeRawBufferPointer) throws(UnusableEmail) -> Hash128

    package init(
        names: Names, actor: PassportOrdinal, emailHash: @escaping EmailHash,
        personHash: @escaping @Sendable (UnsafeRawBufferPointer) -> Hash128,
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
    ) {
        self.names = names
        self.actor = actor
        self.emailHash = emailHash
        self.personHash = personHash
        self.random = random
    }
}

/// An address that looks like one, and that nobody can have.
package struct UnusableEmail: Error, Hashable, Sendable {
    /// Goes on where the address was named: `has …`.
    package var reason: String
    package init(reason: String) { self.reason = reason }
}
