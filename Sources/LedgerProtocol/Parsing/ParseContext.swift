package import LedgerCore

/// What parsing needs to know besides the words.
package struct ParseContext: Sendable {
    /// The ledger's own hashing of outside names.
    package var names: Names
    /// Whose connection it is.
    package var actor: PassportOrdinal
    package var now: Timestamp
    /// Sixty-four random bits, for the ids of users that come without one.
    package var random: @Sendable () -> UInt64

    package init(
        names: Names, actor: PassportOrdinal, now: Timestamp,
        random: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) }
    ) {
        self.names = names
        self.actor = actor
        self.now = now
        self.random = random
    }
}
