internal import LedgerCore
internal import Synchronization

/// What readers see: a copy of every account and passport as of the last *durable* batch. Who commits stores it,
/// one thread at a time; any thread reads, without locks and without waiting for anybody but a store in progress.
///
/// Words of an account: 0 sequence lock · 1 type, state, days of the month in which storage accrues · 2 paid · 3 promo
/// · 4 held · 5 debt · 6 available · 7 as of · 8 slope · 9 valid until · 10 last event · 11, 12 hash of the id · 13 id
/// · 14 e-mail (both ``TextArena`` references) · 15 lasting · 16 its slope · 17, 18, 19 how storage accrues. Words 11 to
/// 14 are set before the record is published and (but for an e-mail that was opened late) never again, so they may be
/// read outside the lock.
///
/// Words of a passport: 0 sequence lock · 1–4 digest · 5 id · 6 user, permissions, scope, revoked, KEYS · 7 expires · 8 rate.
final class Views: Sendable {
    private let accounts = AtomicRecords(words: 20)
    private let passports = AtomicRecords(words: 9)
    private let users = ViewIndex()
    private let passportIDs = ViewIndex()
    private let texts = TextArena()
    /// E-mails of users that were there at the start; another writer fills it (``EmailOpener``).
    private let openedTexts = TextArena()
    private let seed: UInt64
    /// `requests_per_hour` by user type.
    private let requestLimits: [RequestLimit]

    private final class RequestLimit: Sendable {
        let value = Atomic<Int64>(Limits.none)
    }

    init(seed: UInt64) {
        self.seed = seed | 1
        requestLimits = UserType.allCases.map { _ in RequestLimit() }
    }

    // MARK: Storing. By the thread that commits, one at a time.

    /// A user that readers have not seen yet. `hash` is its id's.
    func add(
        _ user: UserOrdinal, hash: Hash128, id: ShortText, email: UnsafeRawBufferPointer, _ view: AccountView,
        lastEvent: LSN,
        mark: UInt64 = 0
    ) {
        let record = accounts.record(Int(user.value))
        record.set(11, hash.high)
        record.set(12, hash.low)
        record.set(13, id.withBytes { texts.append($0) })
        record.set(14, email.isEmpty ? 0 : texts.append(email) | mark)
        store(view, lastEvent: lastEvent)
        users.insert(hash.high, Int(user.value)) { [accounts] in accounts.existing($0)!.get(11) }
    }

    /// A user of whom only the sealed e-mail is at hand.
    func add(
        _ user: UserOrdinal, hash: Hash128, id: ShortText, sealedEmail: UnsafeRawBufferPointer, _ view: AccountView,
        lastEvent: LSN
    ) {
        add(user, hash: hash, id: id, email: sealedEmail, view, lastEvent: lastEvent, mark: Self.isSealed)
    }

    /// The clear e-mail of a user who was added with a sealed one. One thread, any one.
    func fill(email: UnsafeRawBufferPointer, of user: UserOrdinal) {
        guard let record = accounts.existing(Int(user.value)) else { return }
        let sealed = record[14].load(ordering: .relaxed)
        guard sealed & Self.isSealed != 0 else { return }
        // Unless the address was changed meanwhile.
        _ = record[14].compareExchange(
            expected: sealed, desired: openedTexts.append(email) | Self.isOpened, ordering: .releasing)
    }

    /// Another e-mail, in the clear, for a user who is there. The old text stays until the engine goes.
    func setEmail(_ user: UserOrdinal, _ email: UnsafeRawBufferPointer) {
        guard let record = accounts.existing(Int(user.value)) else { return }
        record[14].store(email.isEmpty ? 0 : texts.append(email), ordering: .releasing)
    }

    private static let isOpened: UInt64 = 1 << 63
    private static let isSealed: UInt64 = 1 << 62

    func store(_ view: AccountView, lastEvent: LSN) {
        SeqLock.write(accounts.record(Int(view.user.value))) { record in
            record.set(
                1,
                UInt64(view.type.rawValue) | UInt64(view.state.rawValue) << 8
                    | UInt64(view.storage?.days ?? 0) << 16)
            record.set(2, view.paid.nanos)
            record.set(3, view.promo.nanos)
            record.set(4, view.held.nanos)
            record.set(5, view.debt.nanos)
            record.set(6, view.available.nanos)
            record.set(7, view.asOf.nanoseconds)
            record.set(8, view.slope)
            record.set(9, view.validUntil.nanoseconds)
            record.set(10, lastEvent.value)
            record.set(15, view.lasting.nanos)
            record.set(16, view.lastingSlope)
            guard let storage = view.storage else { return }
            record.set(17, storage.whole)
            record.set(18, storage.rest)
            record.set(19, storage.growth)
        }
    }

    func store(_ passport: PassportView) {
        let record = passports.record(Int(passport.ordinal.value))
        let isNew = record.get(0) == 0
        SeqLock.write(record) { record in
            record.set(1, passport.digest.words.a)
            record.set(2, passport.digest.words.b)
            record.set(3, passport.digest.words.c)
            record.set(4, passport.digest.words.d)
            record.set(5, passport.id.value)
            record.set(
                6,
                UInt64(passport.user.value) | UInt64(passport.permissions.rawValue) << 32
                    | UInt64(passport.scope.rawValue) << 40 | (passport.revoked ? 1 << 48 : 0)
                    | (passport.requiresKeys ? 1 << 49 : 0))
            record.set(7, passport.expires.nanoseconds)
            record.set(8, UInt64(passport.rate))
        }
        guard isNew else { return }
        passportIDs.insert(mix(passport.id), Int(passport.ordinal.value)) { [passports, self] in
            mix(PassportID(value: passports.existing($0)!.get(5)))
        }
    }

    func store(_ limits: Limits) {
        for type in UserType.allCases {
            requestLimits[Int(type.rawValue)].value.store(limits[type, .requestsPerHour], ordering: .relaxed)
        }
    }

    // MARK: Reading. Any thread.

    func user(_ hash: Hash128) -> UserOrdinal? {
        users.find(hash.high) { [accounts] number in
            let record = accounts.existing(number)!
            return record.get(11) == hash.high && record.get(12) == hash.low
        }.map { UserOrdinal(UInt32($0)) }
    }

    func account(_ user: UserOrdinal) -> AccountView? {
        guard user != .none, let record = accounts.existing(Int(user.value)) else { return nil }
        return SeqLock.read(record) { AccountView(user, $0) }
    }

    /// Both from the same store.
    func accountAndLastEvent(_ user: UserOrdinal) -> (AccountView, LSN)? {
        guard user != .none, let record = accounts.existing(Int(user.value)) else { return nil }
        return SeqLock.read(record) { (AccountView(user, $0), LSN($0.get(10))) }
    }

    /// The head of the user's thread through the journal.
    func lastEvent(_ user: UserOrdinal) -> LSN? {
        guard user != .none, let record = accounts.existing(Int(user.value)) else { return nil }
        return SeqLock.read(record) { LSN($0.get(10)) }
    }

    /// nil: no such user has been published.
    func withUserID<R>(_ user: UserOrdinal, _ body: (UnsafeRawBufferPointer) -> R) -> R? { withText(13, user, body) }
    /// The e-mail, and whether it is still sealed.
    func withEmail<R>(_ user: UserOrdinal, _ body: (UnsafeRawBufferPointer, _ isSealed: Bool) -> R) -> R? {
        guard let reference = text(14, user) else { return nil }
        let isSealed = reference & Self.isSealed != 0
        let arena = reference & Self.isOpened == 0 ? texts : openedTexts
        return arena.withText(reference & ~(Self.isOpened | Self.isSealed)) { body($0, isSealed) }
    }

    private func withText<R>(_ word: Int, _ user: UserOrdinal, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
        text(word, user).map { texts.withText($0, body) }
    }

    private func text(_ word: Int, _ user: UserOrdinal) -> TextArena.Reference? {
        guard user != .none, let record = accounts.existing(Int(user.value)), record[0].load(ordering: .acquiring) != 0
        else { return nil }
        return record[word].load(ordering: .acquiring)
    }

    func passport(_ id: PassportID) -> PassportView? {
        passportIDs.find(mix(id)) { [passports] in passports.existing($0)!.get(5) == id.value }
            .flatMap { passport(PassportOrdinal(UInt32($0))) }
    }

    func passport(_ ordinal: PassportOrdinal) -> PassportView? {
        guard ordinal != .none, let record = passports.existing(Int(ordinal.value)) else { return nil }
        return SeqLock.read(record) { record in
            let word = record.get(6)
            var digest = Digest256.zero
            digest.words.a = record.get(1)
            digest.words.b = record.get(2)
            digest.words.c = record.get(3)
            digest.words.d = record.get(4)
            return PassportView(
                ordinal: ordinal, id: PassportID(value: record.get(5)),
                user: UserOrdinal(UInt32(truncatingIfNeeded: word)), digest: digest,
                permissions: Permissions(rawValue: UInt8(truncatingIfNeeded: word >> 32)),
                scope: Scope(rawValue: UInt8(truncatingIfNeeded: word >> 40)) ?? .own,
                expires: Timestamp(nanoseconds: record.getSigned(7)), revoked: word >> 48 & 1 == 1,
                rate: UInt32(truncatingIfNeeded: record.get(8)), requiresKeys: word >> 49 & 1 == 1)
        }
    }

    func requestsPerHour(_ type: UserType) -> Int64 { requestLimits[Int(type.rawValue)].value.load(ordering: .relaxed) }

    /// Ids are random, but an operator may choose one: mixed with the ledger's seed, so that tables stay even.
    @inline(__always) private func mix(_ id: PassportID) -> UInt64 {
        let product = (id.value ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return (product.high ^ product.low) &* 0xD6E8_FEB8_6659_FD93
    }
}

extension AccountView {
    /// Words of a torn read may be anything: they are only judged once the lock says they belong together.
    fileprivate init(_ user: UserOrdinal, _ record: AtomicRecords.Record) {
        let word = record.get(1)
        self.init(
            user: user, type: UserType(rawValue: UInt8(truncatingIfNeeded: word)) ?? .free,
            state: UserState(rawValue: UInt8(truncatingIfNeeded: word >> 8)) ?? .closed,
            paid: Money(nanos: record.getSigned(2)), promo: Money(nanos: record.getSigned(3)),
            held: Money(nanos: record.getSigned(4)), debt: Money(nanos: record.getSigned(5)),
            available: Money(nanos: record.getSigned(6)), asOf: Timestamp(nanoseconds: record.getSigned(7)),
            slope: record.getSigned(8), validUntil: Timestamp(nanoseconds: record.getSigned(9)),
            lasting: Money(nanos: record.getSigned(15)), lastingSlope: record.getSigned(16),
            storage: StorageAccrual(UInt8(truncatingIfNeeded: word >> 16), record))
    }
}

extension StorageAccrual {
    fileprivate init?(_ days: UInt8, _ record: AtomicRecords.Record) {
        guard days > 0 else { return nil }
        self.init(days: days, whole: record.getSigned(17), rest: record.get(18), growth: record.get(19))
    }
}
