package import LedgerCore

/// The reads that event loops answer themselves: no lock, no disk, no writer. Everything seen here is durable.
package final class ReadPath: Sendable {
    /// What a secret proves, or nil when shape or checksum are wrong. One HMAC-SHA-256 under the pepper.
    package func proof(of secret: UnsafeRawBufferPointer) -> PassportProof? { nil }
    package func proof(of secret: PassportSecret) -> PassportProof { fatalError("not built") }

    /// PASSPORT VERIFY: passport, expiry, user state, and the hourly limits, which this call counts against.
    package func verify(_ proof: PassportProof, at now: Timestamp) -> VerifyResult { .rejected(.invalid("not built")) }

    /// AUTH: as `verify`, but counts against no limit, and lets a suspended user in (to read).
    package func authenticate(_ proof: PassportProof, at now: Timestamp) -> VerifyResult { .rejected(.invalid("not built")) }

    /// Whether a passport that was authenticated before still holds: every command asks this again for its connection.
    package func recheck(_ passport: PassportOrdinal, at now: Timestamp) -> VerifyResult { .rejected(.invalid("not built")) }

    /// A user's account where the published view still says it exactly; nil: ask the writer (`Query.user`).
    package func account(_ user: UserOrdinal, at now: Timestamp) -> AccountView? { nil }

    package func user(_ id: Hash128) -> UserOrdinal? { nil }
    package func userID(_ user: UserOrdinal) -> ShortText { ShortText() }
    /// The address in the clear; empty when there is none.
    package func email(_ user: UserOrdinal) -> [UInt8] { [] }
    package func passport(_ id: PassportID) -> PassportView? { nil }
    package func passport(_ passport: PassportOrdinal) -> PassportView? { nil }
}

package enum VerifyResult: Sendable {
    case valid(VerifiedPassport)
    /// `WRONGPASS` (unknown, wrong, expired, revoked: one text, no hints), `FROZEN`, or `LIMIT requests_per_hour`.
    case rejected(Rejection)
}

package struct VerifiedPassport: Hashable, Sendable {
    package var passport: PassportView
    package var type: UserType
    package var state: UserState
    /// A bound from below at the instant of the read.
    package var available: Money
    package var debt: Money
}

/// One passport as lock-free readers see it.
package struct PassportView: Hashable, Sendable {
    package var ordinal: PassportOrdinal
    package var id: PassportID
    package var user: UserOrdinal
    package var digest: Digest256
    package var permissions: Permissions
    package var scope: Scope
    package var expires: Timestamp
    package var revoked: Bool
    /// Requests per hour; 0 for no limit of its own.
    package var rate: UInt32
}
