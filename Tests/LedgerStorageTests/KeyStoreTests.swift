import Glibc
import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct KeyStoreTests {
    private static func directory(on disk: SimulatedDisk = SimulatedDisk()) throws -> DataDirectory {
        try LockedDirectory.create("/data", on: disk, identity: ToyLedger.identity, segmentBytes: 16 << 10).directory
    }

    @Test func `text is sealed under its user's key and opened again`() throws {
        let directory = try Self.directory()
        let store = try KeyStore(directory, ledgerIsNew: true)
        let text = Array("Ada Lovelace <ada@example.org>".utf8)
        for ordinal in [0, 1, 7, 5000] { try store.ensureKey(UserOrdinal(UInt32(ordinal)), isNewUser: true) }
        try store.sync()
        let sealed = try store.seal(text, UserOrdinal(7))
        #expect(sealed.count == text.count + KeyStore.overhead)
        #expect(try store.seal(text, UserOrdinal(7)) != sealed)  // a fresh nonce each time
        #expect(try store.open(sealed, UserOrdinal(7)) == text)
        #expect(try store.open(store.seal([], UserOrdinal(0)), UserOrdinal(0)) == [])
        // And after a restart.
        let again = try KeyStore(directory, ledgerIsNew: false)
        #expect(try again.open(sealed, UserOrdinal(7)) == text)
        try again.ensureKey(UserOrdinal(7))
        #expect(try again.open(sealed, UserOrdinal(7)) == text)
    }

    @Test func `one user's text cannot be passed off as another's, nor changed`() throws {
        let store = try KeyStore(Self.directory(), ledgerIsNew: true)
        try store.ensureKey(UserOrdinal(1), isNewUser: true)
        try store.ensureKey(UserOrdinal(2), isNewUser: true)
        var sealed = try store.seal([1, 2, 3], UserOrdinal(1))
        #expect(reason { () throws(StorageError) in try store.open(sealed, UserOrdinal(2)) } == .notAuthentic)
        #expect(reason { () throws(StorageError) in try store.open([], UserOrdinal(1)) } == .notAuthentic)
        for byte in sealed.indices {
            sealed[byte] ^= 1
            #expect(reason { () throws(StorageError) in try store.open(sealed, UserOrdinal(1)) } == .notAuthentic)
            sealed[byte] ^= 1
        }
    }

    @Test func `users who share a place in memory keep their own keys`() throws {
        let store = try KeyStore(Self.directory(), ledgerIsNew: true)
        let users = [3, 3 + 4096, 3 + 2 * 4096].map { UserOrdinal(UInt32($0)) }
        for user in users { try store.ensureKey(user, isNewUser: true) }
        let sealed = try users.map { try store.seal([7], $0) }
        try store.sync()
        for _ in 1...2 {
            for (user, text) in zip(users, sealed) { #expect(try store.open(text, user) == [7]) }
        }
        // The key of the last one is in memory, and the others' are on disk.
        #expect(try store.destroy([users[2], users[0]]) == 2)
        #expect(reason { () throws(StorageError) in try store.open(sealed[2], users[2]) } == .destroyedKey)
        #expect(reason { () throws(StorageError) in try store.open(sealed[0], users[0]) } == .destroyedKey)
        #expect(try store.open(sealed[1], users[1]) == [7])
    }

    @Test func `a destroyed key is gone, also from the file, and never comes back`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let store = try KeyStore(directory, ledgerIsNew: true)
        try store.ensureKey(UserOrdinal(3), isNewUser: true)
        let sealed = try store.seal([1, 2, 3], UserOrdinal(3))
        try store.sync()
        let key = Array(disk.bytes(of: directory.keys)![(4096 + 3 * 64 + 8)..<(4096 + 3 * 64 + 40)])
        #expect(try store.destroy([UserOrdinal(3)]) == 1)
        #expect(!disk.afterPowerCut(seed: 1).bytes(of: directory.keys)!.contains(key))
        #expect(reason { () throws(StorageError) in try store.open(sealed, UserOrdinal(3)) } == .destroyedKey)
        #expect(reason { () throws(StorageError) in try store.ensureKey(UserOrdinal(3)) } == .destroyedKey)
        let again = try KeyStore(directory, ledgerIsNew: false)
        #expect(reason { () throws(StorageError) in try again.seal([1], UserOrdinal(3)) } == .destroyedKey)
        // Once more writes nothing; nor does nobody.
        let operations = disk.operations
        #expect(try again.destroy([UserOrdinal(3)]) == 0 && again.destroy([]) == 0)
        #expect(disk.operations == operations)
    }

    @Test func `who never had a key cannot get one any more, and a damaged one is wiped`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let store = try KeyStore(directory, ledgerIsNew: true)
        for user in 0..<3 as Range<UInt32> { try store.ensureKey(UserOrdinal(user), isNewUser: true) }
        try store.sync()
        let key = Array(disk.bytes(of: directory.keys)![(4096 + 64 + 16)..<(4096 + 64 + 40)])
        disk.flip(directory.keys, byte: 4096 + 64 + 9, bit: 0)
        // Beyond the end of the file, empty, damaged, whole: with one sync.
        let before = disk.log.count { $0.hasPrefix("sync") }
        #expect(try store.destroy([UserOrdinal(1), UserOrdinal(2), UserOrdinal(7), UserOrdinal(5000)]) == 4)
        #expect(disk.log.count { $0.hasPrefix("sync") } == before + 1)
        #expect(disk.bytes(of: directory.keys)!.firstRange(of: key) == nil)
        for user in [1, 2, 7, 5000] as [UInt32] {
            let ensure = reason { () throws(StorageError) in try store.ensureKey(UserOrdinal(user), isNewUser: true) }
            #expect(ensure == .destroyedKey)
        }
        #expect(try store.open(store.seal([6], UserOrdinal(0)), UserOrdinal(0)) == [6])
    }

    @Test func `a missing key, file or slot is an error`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        #expect(reason { () throws(StorageError) in try KeyStore(directory, ledgerIsNew: false) } == .missingKeyFile)
        #expect(reason { () throws(StorageError) in try KeyStore(reading: directory) } == .missingKeyFile)
        let store = try KeyStore(directory, ledgerIsNew: true)
        #expect(reason { () throws(StorageError) in try store.seal([1], UserOrdinal(0)) } == .missingKey)
        try store.ensureKey(UserOrdinal(0), isNewUser: true)
        #expect(reason { () throws(StorageError) in try store.seal([1], UserOrdinal(1)) } == .missingKey)
    }

    @Test func `no bit of a slot can flip unnoticed`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let store = try KeyStore(directory, ledgerIsNew: true)
        try store.ensureKey(UserOrdinal(1), isNewUser: true)
        try store.sync()
        let users = PeopledToy(users: 2, sealed: [1])
        #expect(try store.findings(users).users == 0)
        for bit in 0..<512 {
            disk.flip(directory.keys, byte: 4096 + 64 + bit / 8, bit: bit % 8)
            let store = try KeyStore(directory, ledgerIsNew: false)
            #expect(reason { () throws(StorageError) in try store.seal([1], UserOrdinal(1)) } == .damagedKey)
            #expect(try store.findings(users).first.map(\.reason) == [.damagedKey])
            disk.flip(directory.keys, byte: 4096 + 64 + bit / 8, bit: bit % 8)
        }
    }

    @Test func `a lost key is not replaced by a new one`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let store = try KeyStore(directory, ledgerIsNew: true)
        for user in 0..<3 { try store.ensureKey(UserOrdinal(UInt32(user)), isNewUser: true) }
        try store.sync()
        let sealed = try store.seal([1, 2, 3], UserOrdinal(1))
        let whole = disk.bytes(of: directory.keys)!
        let users = PeopledToy(users: 4, sealed: [0, 1, 2])
        #expect(try store.findings(users).users == 0)

        var holed = whole
        holed.replaceSubrange(4160..<4224, with: [UInt8](repeating: 0, count: 64))
        for (bytes, lost) in [(holed, 1), (Array(whole[..<4096]), 3), (Array(whole[..<4200]), 2)] {
            disk.replace(directory.keys, with: bytes)
            let start = try KeyStore(directory, ledgerIsNew: false)
            let findings = try start.findings(users)
            #expect(findings.users == lost)
            #expect(findings.first.map(\.reason) == [StorageError.Reason](repeating: .missingKey, count: lost))
            #expect(findings.first.first?.offset == (lost == 3 ? 4096 : 4160))
            do throws(StorageError) {
                try start.ensureKey(UserOrdinal(1), hasSealedText: true)
                Issue.record("a new key")
            } catch {
                #expect(error.reason == .missingKey && error.offset == 4160 && error.path == directory.keys)
            }
            // Others are served: who has none yet, and who is new.
            try start.ensureKey(UserOrdinal(3), hasSealedText: false)
            try start.ensureKey(UserOrdinal(9), isNewUser: true)
            try start.sync()
            #expect(try start.findings(users).users == lost)
        }
        disk.replace(directory.keys, with: whole)
        #expect(try KeyStore(directory, ledgerIsNew: false).open(sealed, UserOrdinal(1)) == [1, 2, 3])
    }

    @Test func `a damaged slot of nobody is no loss`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let store = try KeyStore(directory, ledgerIsNew: true)
        for user in 0..<3 { try store.ensureKey(UserOrdinal(UInt32(user)), isNewUser: true) }
        try store.sync()
        disk.flip(directory.keys, byte: 4096 + 2 * 64 + 9, bit: 0)
        let findings = try store.findings(PeopledToy(users: 2, sealed: [0, 1]))
        #expect(findings.users == 0)
        #expect(findings.strays == 1)
    }

    @Test func `a synced key survives any power cut; a torn one of nobody is replaced`() throws {
        for seed in 0..<40 {
            let disk = SimulatedDisk()
            let directory = try Self.directory(on: disk)
            let store = try KeyStore(directory, ledgerIsNew: true)
            try store.ensureKey(UserOrdinal(0), isNewUser: true)
            try store.sync()
            let sealed = try store.seal([4, 5], UserOrdinal(0))
            try store.ensureKey(UserOrdinal(1), isNewUser: true)
            // Written, and the power fails before it is synced.
            disk.fail(operation: 2, with: EIO)
            #expect(throws: StorageError.self) { try store.sync() }
            let after = DataDirectory(
                disk: disk.afterPowerCut(seed: UInt64(seed)), path: "/data", identity: directory.identity)
            let again = try KeyStore(after, ledgerIsNew: false)
            #expect(try again.open(sealed, UserOrdinal(0)) == [4, 5])
            try again.ensureKey(UserOrdinal(1), isNewUser: true)
            #expect(try again.open(again.seal([6], UserOrdinal(1)), UserOrdinal(1)) == [6])
        }
    }

    @Test func `a failed sync is final`() throws {
        let disk = SimulatedDisk()
        let store = try KeyStore(Self.directory(on: disk), ledgerIsNew: true)
        try store.ensureKey(UserOrdinal(0), isNewUser: true)
        disk.fail(operation: 1, with: EIO)
        #expect(throws: StorageError.self) { try store.sync() }
        #expect(throws: StorageError.self) { try store.sync() }
        #expect(disk.filesSyncedAfterFailure.isEmpty)
    }

    @Test func `new keys are one write, and none of them is read`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let store = try KeyStore(directory, ledgerIsNew: true)
        try store.ensureKey(UserOrdinal(0), isNewUser: true)  // makes room
        try store.sync()
        let before = disk.log.count
        var sealed: [[UInt8]] = []
        for user in 1..<500 as Range<UInt32> {
            try store.ensureKey(UserOrdinal(user), isNewUser: true)
            sealed.append(try store.seal([UInt8(user % 250)], UserOrdinal(user)))
        }
        #expect(disk.log.count == before)
        // Before they are written as well as afterwards, and by a store that never saw them.
        for user in [17, 3, 499] { #expect(try store.open(sealed[user - 1], UserOrdinal(UInt32(user))).count == 1) }
        try store.sync()
        #expect(disk.log[before...].map { $0.split(separator: " ")[0] } == ["write", "sync"])
        let again = try KeyStore(directory, ledgerIsNew: false)
        for user in 1..<500 {
            #expect(try again.open(sealed[user - 1], UserOrdinal(UInt32(user))) == [UInt8(user % 250)])
        }
    }

    @Test func `random bytes are given out once`() {
        var random = RandomBytes()
        var seen: Set<[UInt8]> = []
        for _ in 0..<1000 { #expect(seen.insert(random.take(12)).inserted) }
        #expect(random.take(1024).contains { $0 != 0 } && random.take(0).isEmpty)
    }

    @Test func `syncing nothing new costs nothing`() throws {
        let disk = SimulatedDisk()
        let store = try KeyStore(Self.directory(on: disk), ledgerIsNew: true)
        try store.ensureKey(UserOrdinal(0), isNewUser: true)
        try store.sync()
        let operations = disk.operations
        try store.ensureKey(UserOrdinal(0), isNewUser: true)
        try store.sync()
        #expect(disk.operations == operations)
    }
}

@Suite(.timeLimit(.minutes(15))) struct PepperTests {
    private static func directory(on disk: SimulatedDisk) throws -> DataDirectory {
        try LockedDirectory.create("/data", on: disk, identity: ToyLedger.identity, segmentBytes: 16 << 10).directory
    }

    @Test func `the first start makes a pepper, later ones find it`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let pepper = try Pepper.open(directory, ledgerIsNew: true)
        let digest = pepper.digest(Array("fl_secret".utf8))
        #expect(try Pepper.open(directory, ledgerIsNew: false).digest(Array("fl_secret".utf8)) == digest)
        #expect(pepper.digest(Array("fl_secreT".utf8)) != digest)
        // Interrupted between its own steps, it still is the one.
        #expect(try Pepper.open(directory, ledgerIsNew: true).digest(Array("fl_secret".utf8)) == digest)
    }

    @Test func `a folder that is not there is named`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        do throws(StorageError) {
            _ = try Pepper.open(directory, at: "/nowhere/pepper", ledgerIsNew: true)
            Issue.record("opened")
        } catch {
            #expect(error.reason == .noSuchFolder && error.path == "/nowhere")
        }
    }

    @Test func `it may lie elsewhere`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        try disk.makeDirectory("/secrets")
        let pepper = try Pepper.open(directory, at: "/secrets/florin", ledgerIsNew: true)
        #expect(disk.bytes(of: "/secrets/florin") != nil)
        #expect(disk.bytes(of: directory.pepper) == nil)
        #expect(try Pepper.open(directory, at: "/secrets/florin", ledgerIsNew: false).digest([1]) == pepper.digest([1]))
        #expect(reason { () throws(StorageError) in try Pepper.open(directory, ledgerIsNew: false) } == .missingPepper)
    }

    @Test func `a missing, different or damaged pepper stops the start`() throws {
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        _ = try Pepper.open(directory, ledgerIsNew: true)
        let good = disk.bytes(of: directory.pepper)!
        disk.replace(directory.pepper, with: nil)
        #expect(reason { () throws(StorageError) in try Pepper.open(directory, ledgerIsNew: false) } == .missingPepper)
        var different = good
        different[20] = different[20] == 0x61 ? 0x62 : 0x61
        disk.replace(directory.pepper, with: different)
        #expect(
            reason { () throws(StorageError) in try Pepper.open(directory, ledgerIsNew: false) } == .differentPepper)
        disk.replace(directory.pepper, with: Array(good.dropLast()))
        #expect(reason { () throws(StorageError) in try Pepper.open(directory, ledgerIsNew: false) } == .damagedPepper)
        disk.replace(directory.pepper, with: good)
        disk.replace(directory.pepperCheck, with: nil)
        #expect(reason { () throws(StorageError) in try Pepper.open(directory, ledgerIsNew: false) } == .damagedPepper)
    }

    @Test func `it is HMAC-SHA-256`() throws {
        // RFC 4231 has no 32-byte key; the value is from an independent implementation.
        let disk = SimulatedDisk()
        let directory = try Self.directory(on: disk)
        let secret = String(repeating: "0b", count: 32)
        disk.replace(directory.pepper, with: Array("florin pepper 1\n\(secret)\n".utf8))
        let pepper = try Pepper.open(directory, ledgerIsNew: true)
        #expect(
            pepper.digest(Array("Hi There".utf8)).hex
                == "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7")
    }
}
