internal import CIntrinsics
internal import LedgerCore
internal import Synchronization

/// What readers see: a copy of every account and passport as of the last *durable* batch. Who commits stores it,
/// one thread at a time; any thread reads, without locks and without waiting for anybody but a store in progress.
///
/// An account takes two lines of memory (``AccountWord``), and one more while it owes, or something accrues
/// (``AccrualWord``). A passport takes one (``PassportWord``).
final class Views: Sendable {
    private let accounts = AtomicRecords(words: AccountWord.count)
    /// Handed out as accounts first need one, and kept by them.
    private let accruals = AtomicRecords(words: AccrualWord.count)
    private let accrualCount = Atomic<UInt64>(0)
    private let passports = AtomicRecords(words: PassportWord.count)
    /// By the passport's number: its rate, where it has one.
    private let passportRates = AtomicRecords(words: 1)
    private let users = ViewIndex()
    private let passportIDs = ViewIndex()
    private let texts = TextArena()
    /// Sealed e-mails of users that were there at the start, until the last of them is opened.
    private let sealedTexts = TextArena()
    /// The same in the clear; another writer fills it (``EmailOpener``).
    private let openedTexts = TextArena()
    private let seed: UInt64
    /// `requests_per_hour` by user type.
    private let requestLimits: [RequestLimit]

    /// Where one thread that fills them puts texts.
    struct Cursor: ~Copyable {
        fileprivate var texts = TextArena.Cursor()
        fileprivate var sealedTexts = TextArena.Cursor()
    }

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
        lastEvent: LSN
    ) {
        put(
            user, hash: hash, id: ViewedID(id) { texts.append($0) }, email: texts.append(email), view,
            lastEvent: lastEvent)
        users.insert(hash.high, Int(user.value))
    }

    private func put(
        _ user: UserOrdinal, hash: Hash128, id: ViewedID, email: TextArena.Reference, _ view: AccountView,
        lastEvent: LSN
    ) {
        let record = accounts.record(Int(user.value))
        record.set(AccountWord.idRest, id.words.1)
        record.set(AccountWord.idEnd, id.words.2)
        record.set(AccountWord.hashHigh, hash.high)
        record.set(AccountWord.hashLow, hash.low)
        record.set(AccountWord.email, email)
        store(view, lastEvent: lastEvent)
        // From here on readers see the texts.
        record[AccountWord.id].store(id.words.0, ordering: .releasing)
    }

    /// A user that was there at the start, of whom only the sealed e-mail is at hand. Found after
    /// ``index(users:)``. Several threads may do this at once, for other users each, with a cursor each.
    func fill(
        _ user: UserOrdinal, hash: Hash128, id: ShortText, sealedEmail: UnsafeRawBufferPointer, _ view: AccountView,
        lastEvent: LSN, at cursor: inout Cursor
    ) {
        let email = sealedTexts.append(sealedEmail, at: &cursor.sealedTexts)
        put(
            user, hash: hash, id: ViewedID(id) { texts.append($0, at: &cursor.texts) },
            email: email == 0 ? 0 : email | Self.isSealed, view, lastEvent: lastEvent)
    }

    /// Makes room for so many, before they are filled. Cost: all of their memory is cleared. Any thread.
    func reserve(users: Int, passports passportCount: Int, while isWanted: () -> Bool) {
        accounts.reserve(users, while: isWanted)
        passports.reserve(passportCount, while: isWanted)
    }

    /// Makes all users of the start found: those from 0 on, so many. One thread; another may do the same for passports.
    func index(users count: Int) {
        users.insertAll((0..<count).map { accounts.existing($0)!.get(AccountWord.hashHigh) })
    }

    func index(passports count: Int) {
        passportIDs.insertAll(
            (0..<count).map { mix(PassportID(value: passports.existing($0)!.get(PassportWord.id))) })
    }

    /// The clear e-mail of a user who was added with a sealed one. One thread, any one.
    func fill(email: UnsafeRawBufferPointer, of user: UserOrdinal) {
        guard let record = accounts.existing(Int(user.value)) else { return }
        let sealed = record[AccountWord.email].load(ordering: .relaxed)
        guard sealed & Self.isSealed != 0 else { return }
        // Unless the address was changed meanwhile.
        _ = record[AccountWord.email].compareExchange(
            expected: sealed, desired: openedTexts.append(email) | Self.isOpened, ordering: .releasing)
    }

    /// Nobody's e-mail is sealed any more: gives the memory of those back. Who was about to read one finds zeroes.
    func releaseSealedEmails() { sealedTexts.release() }

    /// Another e-mail, in the clear, or none, for a user who is there. Nobody can reach the old one any more; its bytes
    /// stay in memory until the engine goes, for somebody may be reading them.
    func setEmail(_ user: UserOrdinal, _ email: UnsafeRawBufferPointer) {
        guard let record = accounts.existing(Int(user.value)) else { return }
        record[AccountWord.email].store(email.isEmpty ? 0 : texts.append(email), ordering: .releasing)
    }

    private static let isOpened: UInt64 = 1 << 63
    private static let isSealed: UInt64 = 1 << 62

    /// Asks the processor for a record that is going to be stored.
    func prefetch(_ user: UserOrdinal) {
        guard let record = accounts.existing(Int(user.value)) else { return }
        for word in stride(from: 0, to: AccountWord.count, by: 8) { florin_prefetch(record + word) }
    }

    func store(_ view: AccountView, lastEvent: LSN) {
        let record = accounts.record(Int(view.user.value))
        let accrual = accrual(of: view, record)
        SeqLock.write(record) { record in
            record.set(AccountWord.kind, AccountKind(view, accrual: accrual).word)
            record.set(AccountWord.paid, view.paid.nanos)
            record.set(AccountWord.promo, view.promo.nanos)
            record.set(AccountWord.held, view.held.nanos)
            record.set(AccountWord.available, view.available.nanos)
            record.set(AccountWord.asOf, view.asOf.nanoseconds)
            record.set(AccountWord.validUntil, view.validUntil.nanoseconds)
            record.set(AccountWord.lastEvent, lastEvent.value)
            record.set(AccountWord.lasting, view.lasting.nanos)
            guard view.accrues else { return }
            let record = accruals.record(Int(accrual))
            record.set(AccrualWord.debt, view.debt.nanos)
            record.set(AccrualWord.slope, view.slope)
            record.set(AccrualWord.lastingSlope, view.lastingSlope)
            guard let storage = view.storage else { return }
            record.set(AccrualWord.storageWhole, storage.whole)
            record.set(AccrualWord.storageRest, storage.rest)
            record.set(AccrualWord.storageGrowth, storage.growth)
        }
    }

    /// The number of the account's record for what accrues, 0 while it needs none.
    private func accrual(of view: AccountView, _ record: AtomicRecords.Record) -> UInt32 {
        let known = AccountKind(word: record.get(AccountWord.kind)).accrual
        guard known == 0, view.accrues else { return known }
        return UInt32(accrualCount.wrappingAdd(1, ordering: .relaxed).newValue)
    }

    func store(_ passport: PassportView) {
        let isNew = passports.record(Int(passport.ordinal.value)).get(0) == 0
        put(passport)
        guard isNew else { return }
        passportIDs.insert(mix(passport.id), Int(passport.ordinal.value))
    }

    private func put(_ passport: PassportView) {
        let record = passports.record(Int(passport.ordinal.value))
        // It never changes.
        if passport.rate != 0 { passportRates.record(Int(passport.ordinal.value)).set(0, UInt64(passport.rate)) }
        SeqLock.write(record) { record in
            record.set(PassportWord.digest, passport.digest.words.a)
            record.set(PassportWord.digest + 1, passport.digest.words.b)
            record.set(PassportWord.digest + 2, passport.digest.words.c)
            record.set(PassportWord.digest + 3, passport.digest.words.d)
            record.set(PassportWord.id, passport.id.value)
            record.set(
                PassportWord.rights,
                UInt64(passport.user.value) | UInt64(passport.permissions.rawValue) << 32
                    | UInt64(passport.scope.rawValue) << 40 | (passport.revoked ? 1 << 48 : 0)
                    | (passport.requiresKeys ? 1 << 49 : 0) | (passport.rate != 0 ? 1 << 50 : 0))
            record.set(PassportWord.expires, passport.expires.nanoseconds)
        }
    }

    /// A passport that was there at the start. Found after ``index(passports:)``.
    func fill(_ passport: PassportView) { put(passport) }

    func store(_ limits: Limits) {
        for type in UserType.allCases {
            requestLimits[Int(type.rawValue)].value.store(limits[type, .requestsPerHour], ordering: .relaxed)
        }
    }

    // MARK: Reading. Any thread.

    func user(_ hash: Hash128) -> UserOrdinal? {
        users.find(hash.high) { [accounts] number in
            let record = accounts.existing(number)!
            return record.get(AccountWord.hashHigh) == hash.high && record.get(AccountWord.hashLow) == hash.low
        }.map { UserOrdinal(UInt32($0)) }
    }

    func account(_ user: UserOrdinal) -> AccountView? {
        guard user != .none, let record = accounts.existing(Int(user.value)) else { return nil }
        return SeqLock.read(record) { AccountView(user, $0, accruals) }
    }

    /// Both from the same store.
    func accountAndLastEvent(_ user: UserOrdinal) -> (AccountView, LSN)? {
        guard user != .none, let record = accounts.existing(Int(user.value)) else { return nil }
        return SeqLock.read(record) { (AccountView(user, $0, accruals), LSN($0.get(AccountWord.lastEvent))) }
    }

    /// The head of the user's thread through the journal.
    func lastEvent(_ user: UserOrdinal) -> LSN? {
        guard user != .none, let record = accounts.existing(Int(user.value)) else { return nil }
        return SeqLock.read(record) { LSN($0.get(AccountWord.lastEvent)) }
    }

    /// nil: no such user has been published.
    func userID(_ user: UserOrdinal) -> ShortText? {
        guard let record = published(user) else { return nil }
        return ViewedID(
            words: (record.get(AccountWord.id), record.get(AccountWord.idRest), record.get(AccountWord.idEnd))
        ).text { texts.withText($0) { ShortText($0)! } }
    }

    /// The e-mail, and whether it is still sealed. What is sealed may be zeroes by the time that it is read: then it is
    /// in the clear when it is asked for again.
    func withEmail<R>(_ user: UserOrdinal, _ body: (UnsafeRawBufferPointer, _ isSealed: Bool) -> R) -> R? {
        guard let reference = published(user)?[AccountWord.email].load(ordering: .acquiring) else { return nil }
        let isSealed = reference & Self.isSealed != 0
        let arena = isSealed ? sealedTexts : reference & Self.isOpened == 0 ? texts : openedTexts
        return arena.withText(reference & ~(Self.isOpened | Self.isSealed)) { body($0, isSealed) }
    }

    private func published(_ user: UserOrdinal) -> AtomicRecords.Record? {
        guard user != .none, let record = accounts.existing(Int(user.value)),
            record[AccountWord.id].load(ordering: .acquiring) != 0
        else { return nil }
        return record
    }

    func passport(_ id: PassportID) -> PassportView? {
        passportIDs.find(mix(id)) { [passports] in passports.existing($0)!.get(PassportWord.id) == id.value }
            .flatMap { passport(PassportOrdinal(UInt32($0))) }
    }

    func passport(_ ordinal: PassportOrdinal) -> PassportView? {
        guard ordinal != .none, let record = passports.existing(Int(ordinal.value)) else { return nil }
        return SeqLock.read(record) { record in
            let word = record.get(PassportWord.rights)
            var digest = Digest256.zero
            digest.words.a = record.get(PassportWord.digest)
            digest.words.b = record.get(PassportWord.digest + 1)
            digest.words.c = record.get(PassportWord.digest + 2)
            digest.words.d = record.get(PassportWord.digest + 3)
            return PassportView(
                ordinal: ordinal, id: PassportID(value: record.get(PassportWord.id)),
                user: UserOrdinal(UInt32(truncatingIfNeeded: word)), digest: digest,
                permissions: Permissions(rawValue: UInt8(truncatingIfNeeded: word >> 32)),
                scope: Scope(rawValue: UInt8(truncatingIfNeeded: word >> 40)) ?? .own,
                expires: Timestamp(nanoseconds: record.getSigned(PassportWord.expires)), revoked: word >> 48 & 1 == 1,
                rate: word >> 50 & 1 == 0 ? 0 : rate(ordinal), requiresKeys: word >> 49 & 1 == 1)
        }
    }

    private func rate(_ passport: PassportOrdinal) -> UInt32 {
        UInt32(truncatingIfNeeded: passportRates.existing(Int(passport.value))?.get(0) ?? 0)
    }

    func requestsPerHour(_ type: UserType) -> Int64 { requestLimits[Int(type.rawValue)].value.load(ordering: .relaxed) }

    /// Ids are random, but an operator may choose one: mixed with the ledger's seed, so that tables stay even.
    @inline(__always) private func mix(_ id: PassportID) -> UInt64 {
        let product = (id.value ^ seed).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
        return (product.high ^ product.low) &* 0xD6E8_FEB8_6659_FD93
    }
}

extension AccountView {
    /// Whether it has what lies in a record of its own.
    fileprivate var accrues: Bool { !debt.isZero || slope != 0 || lastingSlope != 0 || storage != nil }

    /// Words of a torn read may be anything: they are only judged once the lock says they belong together.
    fileprivate init(_ user: UserOrdinal, _ record: AtomicRecords.Record, _ accruals: AtomicRecords) {
        let kind = AccountKind(word: record.get(AccountWord.kind))
        let accrual = kind.accrues ? accruals.existing(Int(kind.accrual)) : nil
        self.init(
            user: user, type: kind.type, state: kind.state,
            paid: Money(nanos: record.getSigned(AccountWord.paid)),
            promo: Money(nanos: record.getSigned(AccountWord.promo)),
            held: Money(nanos: record.getSigned(AccountWord.held)),
            debt: Money(nanos: accrual?.getSigned(AccrualWord.debt) ?? 0),
            available: Money(nanos: record.getSigned(AccountWord.available)),
            asOf: Timestamp(nanoseconds: record.getSigned(AccountWord.asOf)),
            slope: accrual?.getSigned(AccrualWord.slope) ?? 0,
            validUntil: Timestamp(nanoseconds: record.getSigned(AccountWord.validUntil)),
            lasting: Money(nanos: record.getSigned(AccountWord.lasting)),
            lastingSlope: accrual?.getSigned(AccrualWord.lastingSlope) ?? 0,
            storage: accrual.flatMap { StorageAccrual(kind.storageDays, $0) })
    }
}

extension StorageAccrual {
    fileprivate init?(_ days: UInt8, _ accrual: AtomicRecords.Record) {
        guard days > 0 else { return nil }
        self.init(
            days: days, whole: accrual.getSigned(AccrualWord.storageWhole),
            rest: accrual.get(AccrualWord.storageRest), growth: accrual.get(AccrualWord.storageGrowth))
    }
}

private enum AccountWord {
    /// The sequence lock is word 0. See ``AccountKind``.
    static let kind = 1
    static let paid = 2, promo = 3, held = 4, available = 5, asOf = 6, validUntil = 7
    static let lastEvent = 8, lasting = 9

    // Set before `id` is, which publishes them, and (but for an e-mail that was opened late, or changed) never again:
    // they are read outside the lock.

    /// See ``ViewedID``.
    static let id = 10, idRest = 11, idEnd = 12
    static let hashHigh = 13, hashLow = 14
    /// A ``TextArena`` reference.
    static let email = 15
    static let count = 16
}

/// Written and read under the lock of the account whose it is.
private enum AccrualWord {
    static let debt = 0, slope = 1, lastingSlope = 2
    static let storageWhole = 3, storageRest = 4, storageGrowth = 5
    static let count = 8
}

/// One word: the type, the state, the days of the month in which storage accrues, whether the record for what accrues
/// counts now, and its number.
private struct AccountKind {
    let word: UInt64

    init(word: UInt64) { self.word = word }

    init(_ view: AccountView, accrual: UInt32) {
        word =
            UInt64(view.type.rawValue) | UInt64(view.state.rawValue) << 8 | UInt64(view.storage?.days ?? 0) << 16
            | (view.accrues ? 1 << 24 : 0) | UInt64(accrual) << 32
    }

    var type: UserType { UserType(rawValue: UInt8(truncatingIfNeeded: word)) ?? .free }
    var state: UserState { UserState(rawValue: UInt8(truncatingIfNeeded: word >> 8)) ?? .closed }
    var storageDays: UInt8 { UInt8(truncatingIfNeeded: word >> 16) }
    var accrues: Bool { word >> 24 & 1 == 1 }
    var accrual: UInt32 { UInt32(truncatingIfNeeded: word >> 32) }
}

private enum PassportWord {
    /// Four words. (The sequence lock is word 0.)
    static let digest = 1
    static let id = 5
    /// User, permissions, scope, revoked, KEYS, whether there is a rate.
    static let rights = 6
    static let expires = 7
    static let count = 8
}

/// A user's id in three words: a short one, as most are, in the words themselves.
private struct ViewedID {
    /// The first byte is the text's length and one more; or it is 255, and the second word refers to the arena.
    let words: (UInt64, UInt64, UInt64)
    private static let capacity = 23
    private static let isLonger: UInt8 = 255

    init(words: (UInt64, UInt64, UInt64)) { self.words = words }

    init(_ id: ShortText, longer: (UnsafeRawBufferPointer) -> TextArena.Reference) {
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        id.withBytes { text in
            if text.count > Self.capacity {
                words = (UInt64(Self.isLonger), longer(text), 0)
            } else {
                withUnsafeMutableBytes(of: &words) { bytes in
                    bytes[0] = UInt8(text.count + 1)
                    UnsafeMutableRawBufferPointer(rebasing: bytes[1...]).copyMemory(from: text)
                }
            }
        }
        self.words = words
    }

    func text(longer: (TextArena.Reference) -> ShortText) -> ShortText {
        withUnsafeBytes(of: words) { bytes in
            bytes[0] == Self.isLonger
                ? longer(words.1) : ShortText(UnsafeRawBufferPointer(rebasing: bytes[1..<Int(bytes[0])]))!
        }
    }
}
