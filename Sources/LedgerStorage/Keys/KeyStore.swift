internal import Crypto
package import LedgerCore

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

/// The keys of all users. `seal` and `open` may be called from any thread; nothing is kept in memory.
package final class KeyStore: Sendable {
    package static let overhead = 12 + 16

    private let directory: DataDirectory
    private let file: any DiskFile
    private let state: Lock<State>

    private struct State {
        var fileBytes: Int
        var isDirty = false
        /// A failed sync says nothing true afterwards; only a restart does.
        var fault: StorageError?
    }

    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 1)
    private static let magic: UInt32 = 0x5945_4B46  // "FKEY"
    private static let slotBytes = 64
    private static let slotsStart = 4096
    /// The file grows by this much at a time.
    private static let growth = 64 << 10

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
        state = Lock(State(fileBytes: try file.size()))
    }

    // MARK: Keys

    /// Makes a key for a user who has none. Written, not yet synced.
    ///
    /// `isNewUser` says that no event of this ordinal was ever recorded. Then a damaged slot is what a crash left of a
    /// key that nobody used, and is replaced; for anybody else it is an error.
    ///
    /// A user with sealed text had a key, so an empty slot of theirs has lost it. It stays empty: a new key in its
    /// place would make the loss final, and a restored key file useless.
    package func ensureKey(
        _ ordinal: UserOrdinal, isNewUser: Bool = false, hasSealedText: Bool = true
    ) throws(StorageError) {
        try state.withLock { (state: inout State) throws(StorageError) in
            if let fault = state.fault { throw fault }
            let offset = Self.offset(ordinal)
            do throws(StorageError) {
                switch try slot(ordinal) {
                case .key: return
                case .destroyed: throw StorageError(.destroyedKey, directory.keys, at: offset)
                case .empty: if !isNewUser && hasSealedText { throw missing(ordinal) }
                }
            } catch  where error.reason == .damagedKey && isNewUser {
            }
            try makeRoom(for: ordinal, &state)
            var generator = SystemRandomNumberGenerator()
            let words = (0..<4).map { _ in generator.next() }
            try file.write(
                Self.encode(state: 1, ordinal) { slot in
                    for (index, word) in words.enumerated() { slot.store(word, at: 8 + 8 * index) }
                }, at: offset)
            state.isDirty = true
        }
    }

    /// Makes every key that was ensured durable. Call it before the journal batch that needs one. Cheap when none is
    /// new.
    package func sync() throws(StorageError) {
        try state.withLock { (state: inout State) throws(StorageError) in
            if let fault = state.fault { throw fault }
            guard state.isDirty else { return }
            do throws(StorageError) {
                try file.sync()
            } catch {
                state.fault = error
                throw error
            }
            state.isDirty = false
        }
    }

    /// Destroys the keys of users, durably. What was sealed with them cannot be read again, and no key can be made for
    /// them. Where all are destroyed already nothing is written. Returns how many were not.
    @discardableResult
    package func destroy(_ users: [UserOrdinal]) throws(StorageError) -> Int {
        guard !users.isEmpty else { return 0 }
        return try state.withLock { (state: inout State) throws(StorageError) in
            if let fault = state.fault { throw fault }
            var destroyed = 0
            for ordinal in users where try !isDestroyed(ordinal) {
                try makeRoom(for: ordinal, &state)
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
            return destroyed
        }
    }

    /// A damaged slot may hold a part of a key.
    private func isDestroyed(_ ordinal: UserOrdinal) throws(StorageError) -> Bool {
        do throws(StorageError) {
            if case .destroyed = try slot(ordinal) { return true }
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

    // MARK: Looking for loss

    /// What a look at every slot has found.
    package struct Findings: Sendable {
        /// Users whose key is damaged, or gone although there is text under it, or another than the text's.
        package var users = 0
        /// The first of them.
        package var first: [StorageError] = []
        /// Damaged slots of no user: what a crash left of a key that nobody used.
        package var strays = 0
        /// Keys of deleted users that are still there: what an end between a deletion and its key leaves.
        package var survivors = 0
        package static let listed = 20
    }

    /// Compares every slot with what the ledger says of its users. Cost: a pass over the file; `opening`, a few
    /// microseconds for each user as well, to see whether each key opens what it should.
    package func findings<State: JournaledState & ~Copyable>(
        _ ledger: borrowing State, opening: Bool = false
    ) throws(StorageError) -> Findings {
        var findings = Findings()
        let users = ledger.userCount
        let slots = max(users, (try file.size() - Self.slotsStart) / Self.slotBytes)
        let portion = Self.growth / Self.slotBytes
        let buffer = AlignedBuffer(count: Self.growth)
        for first in stride(from: 0, to: slots, by: portion) {
            let count = try file.read(into: buffer.bytes, at: Self.offset(UserOrdinal(UInt32(first))))
            for number in first..<min(first + portion, slots) {
                let ordinal = UserOrdinal(UInt32(number))
                let place = (number - first) * Self.slotBytes
                var trouble: StorageError?
                do throws(StorageError) {
                    let isThere = place + Self.slotBytes <= count
                    let slot = isThere ? try decode(buffer.readable.slice(place, Self.slotBytes), ordinal) : .empty
                    if case .empty = slot, number < users, ledger.hasSealedText(ordinal) { trouble = missing(ordinal) }
                    if case .key = slot, ledger.isDeleted(ordinal) { findings.survivors += 1 }
                    if case .key = slot, number < users, opening {
                        let text = ledger.sealedText(ordinal)
                        if !text.isEmpty { _ = try open(text, ordinal) }
                    }
                } catch {
                    trouble = error
                }
                guard let trouble else { continue }
                guard number < users else {
                    findings.strays += 1
                    continue
                }
                findings.users += 1
                if findings.first.count < Findings.listed { findings.first.append(trouble) }
            }
        }
        return findings
    }

    /// What a start has to say about the keys of the ledger that it found; nothing when all are there.
    static func warnings<State: JournaledState & ~Copyable>(
        _ directory: DataDirectory, _ ledger: borrowing State
    ) -> [String] {
        guard ledger.userCount > 0 else { return [] }
        do throws(StorageError) {
            let findings = try KeyStore(reading: directory).findings(ledger)
            guard let first = findings.first.first else { return [] }
            let users = findings.users == 1 ? "1 user has" : "\(findings.users) users have"
            return [
                "\(directory.keys): \(users) lost the key to name, address and texts, the first at byte \(first.offset ?? 0); "
                    + "nothing new can be sealed for them. Restore the key file from a backup"
            ]
        } catch {
            return ["\(error)"]
        }
    }

    private func missing(_ ordinal: UserOrdinal) -> StorageError {
        StorageError(
            .missingKey, directory.keys, at: Self.offset(ordinal),
            "user \(ordinal.value) has text under it; restore the key file from a backup")
    }

    // MARK: Text

    /// Encrypts under the user's key, which exists.
    package func seal(_ bytes: [UInt8], _ ordinal: UserOrdinal) throws(StorageError) -> [UInt8] {
        let key = try key(ordinal)
        guard let box = try? AES.GCM.seal(bytes, using: key, authenticating: authenticated(ordinal)),
            let all = box.combined
        else { preconditionFailure("AES-GCM failed to seal a text") }
        return [UInt8](all)
    }

    /// Decrypts what `seal` made for this user in this ledger.
    package func open(_ sealed: [UInt8], _ ordinal: UserOrdinal) throws(StorageError) -> [UInt8] {
        let key = try key(ordinal)
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

    private func key(_ ordinal: UserOrdinal) throws(StorageError) -> SymmetricKey {
        switch try slot(ordinal) {
        case .key(let bytes): return SymmetricKey(data: bytes)
        case .destroyed: throw StorageError(.destroyedKey, directory.keys, at: Self.offset(ordinal))
        case .empty: throw StorageError(.missingKey, directory.keys, at: Self.offset(ordinal), "user \(ordinal.value)")
        }
    }

    // MARK: Slots

    private enum Slot {
        case empty
        case key([UInt8])
        case destroyed
    }

    private static func offset(_ ordinal: UserOrdinal) -> Int { slotsStart + Int(ordinal.value) * slotBytes }

    private func slot(_ ordinal: UserOrdinal) throws(StorageError) -> Slot {
        let offset = Self.offset(ordinal)
        guard let bytes = try file.readBytes(at: offset, count: Self.slotBytes) else { return .empty }
        return try bytes.withUnsafeBytes { slot in
            Result { () throws(StorageError) -> Slot in try decode(slot, ordinal) }
        }.get()
    }

    private func decode(_ slot: UnsafeRawBufferPointer, _ ordinal: UserOrdinal) throws(StorageError) -> Slot {
        if slot.isZero { return .empty }
        let isWhole = slot.slice(0, 60).crc32c == slot.number(at: 60) && slot.number(at: 4) == ordinal.value
        switch slot[0] {
        case 1 where isWhole: return .key([UInt8](slot.slice(8, 32)))
        case 2 where isWhole: return .destroyed
        default:
            throw StorageError(.damagedKey, directory.keys, at: Self.offset(ordinal), "user \(ordinal.value)")
        }
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
