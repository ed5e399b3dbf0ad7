package import LedgerCore
internal import LedgerStorage

/// The reads that event loops answer themselves: no lock, no disk, no writer. Everything seen here is durable.
package final class ReadPath: Sendable {
    let views: Views
    private let pepper: Pepper
    private let keys: KeyStore
    private let userRequests = RequestMeter()
    private let passportRequests = RequestMeter()
    let passportUse: PassportUse

    init(views: Views, pepper: Pepper, keys: KeyStore, passportUse: PassportUse) {
        self.passportUse = passportUse
        self.views = views
        self.pepper = pepper
        self.keys = keys
    }

    /// A user's account as of the last durable batch about it; nil behind the last user.
    func view(_ user: UserOrdinal) -> AccountView? { views.account(user) }

    /// How many users there are. Looks at some dozens of them.
    package var userCount: Int {
        var (some, none) = (0, 1)  // so many are there, so many are not
        while view(UserOrdinal(UInt32(none - 1))) != nil { (some, none) = (none, none * 2) }
        while none - some > 1 {
            let middle = (some + none) / 2
            if view(UserOrdinal(UInt32(middle - 1))) != nil { some = middle } else { none = middle }
        }
        return some
    }

    // MARK: Passports

    /// What a secret proves, or nil when shape or checksum are wrong. One HMAC-SHA-256 under the pepper.
    package func proof(of secret: UnsafeRawBufferPointer) -> PassportProof? {
        guard let id = PassportSecret.id(in: secret) else { return nil }
        return PassportProof(id: id, digest: pepper.digest(secret))
    }

    package func proof(of secret: PassportSecret) -> PassportProof {
        PassportProof(id: secret.id, digest: pepper.digest(secret.bytes))
    }

    /// PASSPORT VERIFY: passport, expiry, user state, and the hourly limits, which this call counts against.
    package func verify(_ proof: PassportProof, at now: Timestamp) -> VerifyResult {
        verify(proof, passport: views.passport(proof.id), account: views.account, at: now)
    }

    /// The same against any source of passports and accounts: the writer asks it about applied state, with the limit
    /// that holds there. Without `counting`, it counts against no limit, and no limit refuses it.
    func verify(
        _ proof: PassportProof, passport: PassportView?, account: (UserOrdinal) -> AccountView?, counting: Bool = true,
        requestsPerHour: Int64? = nil, at now: Timestamp
    ) -> VerifyResult {
        switch check(proof, passport, account, at: now) {
        case .rejected(let rejection): return .rejected(rejection)
        case .valid(let verified):
            guard verified.state == .active else { return .rejected(.frozen(verified.state)) }
            guard counting else { return .valid(verified) }
            let limit = requestsPerHour ?? views.requestsPerHour(verified.type)
            let own = verified.ownLimit
            guard passportRequests.admit(verified.passport.ordinal.value, limit: own, at: now) else {
                return .rejected(.ownRate(verified.passport.rate))
            }
            guard userRequests.admit(verified.passport.user.value, limit: limit, at: now) else {
                if own != Limits.none { passportRequests.withdraw(verified.passport.ordinal.value, at: now) }
                return .rejected(.limit(.requestsPerHour, limit))
            }
            passportUse.note(verified.passport.ordinal, at: now)
            return .valid(verified)
        }
    }

    /// Takes back what `verify` counted at that instant: it was part of something that did not happen.
    func withdraw(_ verified: VerifiedPassport, requestsPerHour: Int64, at now: Timestamp) {
        if verified.ownLimit != Limits.none { passportRequests.withdraw(verified.passport.ordinal.value, at: now) }
        if requestsPerHour != Limits.none { userRequests.withdraw(verified.passport.user.value, at: now) }
    }

    /// AUTH: as `verify`, but counts against no limit, and lets a suspended user in (to read).
    package func authenticate(_ proof: PassportProof, at now: Timestamp) -> VerifyResult {
        let result = admitted(check(proof, views.passport(proof.id), views.account, at: now))
        if case .valid(let verified) = result { passportUse.note(verified.passport.ordinal, at: now) }
        return result
    }

    /// Whether a passport that was authenticated before still holds: every command asks this again for its connection.
    package func recheck(_ passport: PassportOrdinal, at now: Timestamp) -> VerifyResult {
        guard let view = views.passport(passport) else { return Self.wrong }
        return admitted(check(view, views.account, at: now))
    }

    private func admitted(_ result: VerifyResult) -> VerifyResult {
        if case .valid(let verified) = result, verified.state.locksOut {
            return .rejected(.frozen(verified.state))
        }
        return result
    }

    private func check(
        _ proof: PassportProof, _ passport: PassportView?, _ account: (UserOrdinal) -> AccountView?, at now: Timestamp
    ) -> VerifyResult {
        // Compared whether there is such a passport or not, so that the answer takes as long for both.
        let matches = (passport?.digest ?? .zero).equalsInConstantTime(proof.digest)
        guard let passport, matches else { return Self.wrong }
        return check(passport, account, at: now)
    }

    private func check(
        _ passport: PassportView, _ account: (UserOrdinal) -> AccountView?, at now: Timestamp
    ) -> VerifyResult {
        guard !passport.revoked, now < passport.expires, let account = account(passport.user) else { return Self.wrong }
        return .valid(
            VerifiedPassport(
                passport: passport, type: account.type, state: account.state, available: account.lowerBound(at: now),
                debt: account.debt))
    }

    private static let wrong = VerifyResult.rejected(.passportInvalid)

    package func passport(_ id: PassportID) -> PassportView? { views.passport(id) }
    package func passport(_ passport: PassportOrdinal) -> PassportView? { views.passport(passport) }

    // MARK: Users

    package func user(_ id: Hash128) -> UserOrdinal? { views.user(id) }

    /// A user's account where the published view still says it exactly; nil: ask the writer (`Query.user`).
    package func account(_ user: UserOrdinal, at now: Timestamp) -> AccountView? {
        views.account(user)?.exact(at: now)
    }

    /// Empty for a user that nobody may see yet.
    package func userID(_ user: UserOrdinal) -> ShortText { views.userID(user) ?? ShortText() }

    /// The address in the clear; empty when there is none, or where it cannot be opened.
    package func email(_ user: UserOrdinal) -> [UInt8] {
        do throws(StorageError) { return try openEmail(user) } catch { return [] }
    }

    /// The same; throws where it cannot be opened.
    func openEmail(_ user: UserOrdinal) throws(StorageError) -> [UInt8] {
        var isSecondLook = false
        while true {
            let found = views.withEmail(user) { (bytes: Array($0), isSealed: $1) }
            guard let found, found.isSealed else { return found?.bytes ?? [] }
            do throws(StorageError) { return try keys.open(found.bytes, user) } catch {
                // The memory may be gone, because the address has been opened meanwhile.
                guard !isSecondLook else { throw error }
                isSecondLook = true
            }
        }
    }
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

    /// Requests per hour of the passport alone.
    fileprivate var ownLimit: Int64 { passport.rate == 0 ? Limits.none : Int64(passport.rate) }
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
    /// Commands that change money are refused without a KEY.
    package var requiresKeys: Bool
}

extension PassportView {
    init(_ row: PassportRow) {
        self.init(
            ordinal: row.ordinal, id: row.id, user: row.user, digest: row.digest, permissions: row.permissions,
            scope: row.scope, expires: row.expires, revoked: row.revoked, rate: row.rate, requiresKeys: row.requiresKeys
        )
    }
}
