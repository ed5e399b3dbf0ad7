internal import Crypto
package import LedgerCore
internal import Synchronization

#if canImport(FoundationEssentials)
internal import FoundationEssentials  // swift-crypto's AEAD speaks its protocols
#else
internal import Foundation
#endif

// The key file
// ============
//
// Names, e-mails and free text lie in journal and snapshots encrypted, each user's under a key of their own; the keys
// lie here and nowhere else. To delete a person is to destroy 32 bytes in this file: the books, the chain and every
// checksum stay as they are.
//
//      0                4096     4096 + 64 × ordinal
//      ├─ header ─ … ───┼── slot 0 ──┼── slot 1 ──┼── …
//
//      header (128 bytes used)             slot, 64 bytes (never across a 512-byte sector)
//        0  4  magic "FKEY"                  0  1  state: 0 empty, 1 key, 2 destroyed
//        4  2  version                       1  3  zero
//        6  2  oldest reader                 4  4  user ordinal
//        8 16  ledger UUID                   8 32  key (zero when destroyed)
//      124  4  CRC32C of bytes 0 to 123     40 20  zero
//                                           60  4  CRC32C of bytes 0 to 59
//
// A key is on disk before the journal batch that needs it (`sync`), so no acknowledged text is ever without its key.
// A key whose batch never came is used by the next user of that ordinal, who is the first.
//
// Sealed text is nonce (12 bytes, random) ‖ ciphertext ‖ tag (16), AES-256-GCM; ledger and ordinal are authenticated
// with it, so one user's text cannot be passed off as another's.

/// The keys of all users. `seal` and `open` may be called from any thread. In memory are new keys until the next
/// ``sync()``, and some thousands that were asked for lately: a user's texts come together, and receipts show them.
package final class KeyStore: Sendable {
    package static let overhead = 12 + 16

    let directory: DataDirectory
    let file: any DiskFile
    private let state: Lock<State>
    /// One sync at a time; `state` is free meanwhile, so that the next users' keys are made.
    private let syncing = Lock(())
    private let destructions = Atomic<UInt64>(0)

    /// How many keys were destroyed since it was opened: who has a copy of the file has more than there is now.
    package var destroyed: UInt64 { destructions.load(ordering: .acquiring) }

    private struct State {
        var fileBytes: Int
        /// Slots from here on are empty: they were zeroed by this process, or are yet to be, and hold no key.
        var vacantFrom: Int
        /// Slots of new keys, one behind the other, that lie in the file from `unwrittenFrom` on when they are written.
        var unwritten: [UInt8] = []
        var unwrittenFrom = 0
        var recent = RecentKeys()
        var random = RandomBytes()
        /// Something was written that is not synced.
        var isDirty = false
        /// A failed write or sync says nothing true afterwards; only a restart does.
        var fault: StorageError?
    }

    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 1)
    private static let magic: UInt32 = 0x5945_4B46  // "FKEY"
    static let slotBytes = 64
    static let slotsStart = 4096
    /// The file grows by this much at a time.
    static let growth = 64 << 10

    /// Opens the key file. A ledger that has no event yet gets a new one; for any other a missing file is an error.
    package convenience init(_ directory: DataDirectory, ledgerIsNew: Bool) throws(StorageError) {
        let disk = directory.disk
        if ledgerIsNew, try !disk.exists(directory.keys) {
            let header = [UInt8](record: Self.slotsStart) { bytes in
                bytes.store(Self.magic, at: 0)
                Self.version.stamp(bytes)
                bytes.store(directory.identity.uuid, at: 8)
                bytes.store(UnsafeRawBufferPointer(bytes).slice(0, 124).crc32c, at: 124)
            }
            try disk.replace(directory.keys, with: header, in: directory.path)
        }
        try self.init(directory, .readWrite)
    }

    /// Opens the key file to look at it: no key can be made.
    package convenience init(reading directory: DataDirectory) throws(StorageError) { try self.init(directory, .read) }

    private init(_ directory: DataDirectory, _ mode: OpenMode) throws(StorageError) {
        self.directory = directory
        guard try directory.disk.exists(directory.keys) else {
            throw StorageError(.missingKeyFile, directory.keys)
        }
        file = try directory.disk.open(directory.keys, mode)
        let header = try file.readBytes(count: 128) ?? []
        let trouble = header.withUnsafeBytes { bytes -> StorageError? in
            guard
                bytes.count == 128, bytes.number(at: 0) == Self.magic,
                bytes.slice(0, 124).crc32c == bytes.number(at: 124)
            else { return StorageError(.damagedKeyFile, directory.keys, at: 0) }
            if let fault = Self.version.objection(to: bytes) { return fault.error(directory.keys, at: 0) }
            guard bytes.uuid(at: 8) == directory.identity.uuid else {
                return StorageError(.foreignLedger, directory.keys, "it belongs to ledger \(bytes.uuid(at: 8))")
            }
            return nil
        }
        if let trouble { throw trouble }
        let size = try file.size()
        state = Lock(State(fileBytes: size, vacantFrom: size))
    }

    // MARK: Keys

    /// Makes a key for a user who has none. It is on disk after the next ``sync()``.
    ///
    /// `isNewUser` says that no event of this ordinal was ever recorded. Then a damaged slot is what a crash left of a
    /// key that nobody used, and is replaced; for anybody else it is an error.
    ///
    /// A user with sealed text had a key, so an empty slot of theirs has lost it. It stays empty: a new key in its
    /// place would make the loss final, and a restored key file useless.
    ///
    /// Cost: no look at the disk for an ordinal beyond all before.
    package func ensureKey(
        _ ordinal: UserOrdinal, isNewUser: Bool = false, hasSealedText: Bool = true
    ) throws(StorageError) {
        try state.withLock { (state: inout State) throws(StorageError) in
            if let fault = state.fault { throw fault }
            if state.recent[ordinal] != nil { return }
            do throws(StorageError) {
                switch try slot(ordinal, state) {
                case .key: return
                case .destroyed: throw StorageError(.destroyedKey, directory.keys, at: Self.offset(ordinal))
                case .empty: if !isNewUser && hasSealedText { throw missing(ordinal) }
                }
            } catch  where error.reason == .damagedKey && isNewUser {
            }
            try makeRoom(for: ordinal, &state)
            try makeKey(ordinal, &state)
        }
    }

    private func makeKey(_ ordinal: UserOrdinal, _ state: inout State) throws(StorageError) {
        let offset = Self.offset(ordinal)
        if state.unwrittenFrom + state.unwritten.count != offset || state.unwritten.count >= Self.growth {
            try write(&state)
            state.unwrittenFrom = offset
        }
        let key = state.random.take(32)
        state.unwritten += Self.encode(state: 1, ordinal) { slot in
            for (index, byte) in key.enumerated() { slot[8 + index] = byte }
        }
        state.vacantFrom = max(state.vacantFrom, offset + Self.slotBytes)
        state.recent[ordinal] = SymmetricKey(data: key)
        state.isDirty = true
    }

    /// Hands the new keys to the file.
    private func write(_ state: inout State) throws(StorageError) {
        guard !state.unwritten.isEmpty else { return }
        do throws(StorageError) {
            try file.write(state.unwritten, at: state.unwrittenFrom)
        } catch {
            state.fault = error
            throw error
        }
        state.unwritten.withUnsafeMutableBytes { $0.zero() }
        state.unwritten.removeAll(keepingCapacity: true)
    }

    /// Makes every key that was ensured durable. Call it before the journal batch that needs one. Cheap when none is
    /// new.
    package func sync() throws(StorageError) {
        try syncing.withLock { (_: inout Void) throws(StorageError) in
            let isDirty = try state.withLock { (state: inout State) throws(StorageError) -> Bool in
                if let fault = state.fault { throw fault }
                try write(&state)
                defer { state.isDirty = false }
                return state.isDirty
            }
            guard isDirty else { return }
            do throws(StorageError) {
                try file.sync()
            } catch {
                state.withLock { $0.fault = error }
                throw error
            }
        }
    }

    /// Destroys the keys of users, durably. What was sealed with them cannot be read again, and no key can be made for
    /// them. Where all are destroyed already nothing is written. Returns how many were not.
    @discardableResult
    package func destroy(_ users: [UserOrdinal]) throws(StorageError) -> Int {
        guard !users.isEmpty else { return 0 }
        return try state.withLock { (state: inout State) throws(StorageError) in
            if let fault = state.fault { throw fault }
            try write(&state)
            for ordinal in users { state.recent[ordinal] = nil }
            var destroyed = 0
            for ordinal in users where try !isDestroyed(ordinal, state) {
                try makeRoom(for: ordinal, &state)
                state.vacantFrom = max(state.vacantFrom, Self.offset(ordinal) + Self.slotBytes)
                do throws(StorageError) {
                    try file.write(Self.encode(state: 2, ordinal) { _ in }, at: Self.offset(ordinal))
                } catch {
                    state.fault = error
                    throw error
                }
                destroyed += 1
            }
            guard destroyed > 0 else { return 0 }
            do throws(StorageError) {
                try file.sync()
            } catch {
                state.fault = error
                throw error
            }
            state.isDirty = false
            destructions.wrappingAdd(UInt64(destroyed), ordering: .releasing)
            return destroyed
        }
    }

    /// A damaged slot may hold a part of a key.
    private func isDestroyed(_ ordinal: UserOrdinal, _ state: borrowing State) throws(StorageError) -> Bool {
        do throws(StorageError) {
            if case .destroyed = try slot(ordinal, state) { return true }
        } catch  where error.reason == .damagedKey {
        }
        return false
    }

    /// Zeroes first: a full disk is met here, before anything depends on it.
    private func makeRoom(for ordinal: UserOrdinal, _ state: inout State) throws(StorageError) {
        let end = Self.offset(ordinal) + Self.slotBytes
        guard end > state.fileBytes else { return }
        let size = end.rounded(upTo: Self.growth)
        try file.zeroFill(from: state.fileBytes, count: size - state.fileBytes)
        state.fileBytes = size
    }

    func missing(_ ordinal: UserOrdinal) -> StorageError {
        StorageError(
            .missingKey, directory.keys, at: Self.offset(ordinal),
            "user \(ordinal.value) has text under it; restore the key file from a backup")
    }

    // MARK: Text

    /// Encrypts under the user's key, which exists.
    package func seal(_ bytes: [UInt8], _ ordinal: UserOrdinal) throws(StorageError) -> [UInt8] {
        let (key, random) = try state.withLock {
            (state: inout State) throws(StorageError) -> (SymmetricKey, [UInt8]) in
            (try self.key(ordinal, &state), state.random.take(12))
        }
        guard let nonce = try? AES.GCM.Nonce(data: random),
            let box = try? AES.GCM.seal(bytes, using: key, nonce: nonce, authenticating: authenticated(ordinal)),
            let all = box.combined
        else { preconditionFailure("AES-GCM failed to seal a text") }
        return [UInt8](all)
    }

    /// Decrypts what `seal` made for this user in this ledger.
    package func open(_ sealed: [UInt8], _ ordinal: UserOrdinal) throws(StorageError) -> [UInt8] {
        let key = try state.withLock { (state: inout State) throws(StorageError) -> SymmetricKey in
            try self.key(ordinal, &state)
        }
        guard
            sealed.count >= Self.overhead, let box = try? AES.GCM.SealedBox(combined: sealed),
            let bytes = try? AES.GCM.open(box, using: key, authenticating: authenticated(ordinal))
        else {
            throw StorageError(
                .notAuthentic, directory.keys, at: Self.offset(ordinal), "user \(ordinal.value)'s key is another one's")
        }
        return [UInt8](bytes)
    }

    private func authenticated(_ ordinal: UserOrdinal) -> [UInt8] {
        [UInt8](record: 20) { bytes in
            bytes.store(directory.identity.uuid, at: 0)
            bytes.store(ordinal.value, at: 16)
        }
    }

    private func key(_ ordinal: UserOrdinal, _ state: inout State) throws(StorageError) -> SymmetricKey {
        if let key = state.recent[ordinal] { return key }
        switch try slot(ordinal, state) {
        case .key(let bytes):
            let key = SymmetricKey(data: bytes)
            state.recent[ordinal] = key
            return key
        case .destroyed: throw StorageError(.destroyedKey, directory.keys, at: Self.offset(ordinal))
        case .empty: throw StorageError(.missingKey, directory.keys, at: Self.offset(ordinal), "user \(ordinal.value)")
        }
    }

    // MARK: Slots

    enum Slot {
        case empty
        case key([UInt8])
        case destroyed
    }

    static func offset(_ ordinal: UserOrdinal) -> Int { slotsStart + Int(ordinal.value) * slotBytes }

    private func slot(_ ordinal: UserOrdinal, _ state: borrowing State) throws(StorageError) -> Slot {
        let offset = Self.offset(ordinal)
        if offset >= state.vacantFrom { return .empty }
        let place = offset - state.unwrittenFrom
        if place >= 0, place < state.unwritten.count {
            let slot = [UInt8](state.unwritten[place..<place + Self.slotBytes])
            return try decode(slot, ordinal)
        }
        guard let bytes = try file.readBytes(at: offset, count: Self.slotBytes) else { return .empty }
        return try decode(bytes, ordinal)
    }

    private func decode(_ slot: [UInt8], _ ordinal: UserOrdinal) throws(StorageError) -> Slot {
        try slot.withUnsafeBytes { slot in
            Result { () throws(StorageError) -> Slot in try decode(slot, ordinal) }
        }.get()
    }

    private func decode(_ slot: UnsafeRawBufferPointer, _ ordinal: UserOrdinal) throws(StorageError) -> Slot {
        switch Self.kind(slot, ordinal) {
        case .empty: return .empty
        case .key: return .key([UInt8](slot.slice(8, 32)))
        case .destroyed: return .destroyed
        case .damaged: throw damaged(ordinal)
        }
    }

    /// What a slot is, without taking the key out of it.
    enum Kind { case empty, key, destroyed, damaged }

    static func kind(_ slot: UnsafeRawBufferPointer, _ ordinal: UserOrdinal) -> Kind {
        if slot.isZero { return .empty }
        guard slot.slice(0, 60).crc32c == slot.number(at: 60), slot.number(at: 4) == ordinal.value else {
            return .damaged
        }
        switch slot[0] {
        case 1: return .key
        case 2: return .destroyed
        default: return .damaged
        }
    }

    func damaged(_ ordinal: UserOrdinal) -> StorageError {
        StorageError(.damagedKey, directory.keys, at: Self.offset(ordinal), "user \(ordinal.value)")
    }

    private static func encode(
        state: UInt8, _ ordinal: UserOrdinal, _ fill: (UnsafeMutableRawBufferPointer) -> Void
    ) -> [UInt8] {
        [UInt8](record: slotBytes) { slot in
            slot.store(state, at: 0)
            slot.store(ordinal.value, at: 4)
            fill(slot)
            slot.store(UnsafeRawBufferPointer(slot).slice(0, 60).crc32c, at: 60)
        }
    }
}

/// Keys by their users' ordinals, each in the one place where it may stand: the next user of that place takes it.
private struct RecentKeys {
    private var places = [(ordinal: UserOrdinal, key: SymmetricKey)?](repeating: nil, count: 4096)

    subscript(ordinal: UserOrdinal) -> SymmetricKey? {
        get {
            guard let found = places[place(ordinal)], found.ordinal == ordinal else { return nil }
            return found.key
        }
        set {
            if let newValue {
                places[place(ordinal)] = (ordinal, newValue)
            } else if places[place(ordinal)]?.ordinal == ordinal {
                places[place(ordinal)] = nil
            }
        }
    }

    private func place(_ ordinal: UserOrdinal) -> Int { Int(ordinal.value) % places.count }
}
