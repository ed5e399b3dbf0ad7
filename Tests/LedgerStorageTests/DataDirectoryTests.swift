import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct DataDirectoryTests {
    @Test func `a new ledger is made in an empty place only`() throws {
        let disk = SimulatedDisk()
        #expect(try DataDirectory.kind(of: "/data", on: disk) == .vacant)
        #expect(reason { () throws(StorageError) in try DataDirectory.inspect("/data", on: disk) } == .absent)
        let lock = try LockedDirectory.create("/data", on: disk, identity: ToyLedger.identity, segmentBytes: 16 << 10)
        #expect(try DataDirectory.kind(of: "/data", on: disk) == .ledger)
        #expect(try DataDirectory.inspect("/data", on: disk).identity == ToyLedger.identity)
        lock.release()
        #expect(
            reason { () throws(StorageError) in
                try LockedDirectory.create("/data", on: disk, identity: ToyLedger.identity, segmentBytes: 16 << 10)
            } == .notALedger)
    }

    @Test func `somebody else's directory is refused and left alone`() throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/data")
        disk.replace("/data/holiday.jpg", with: [1, 2, 3])
        #expect(reason { () throws(StorageError) in try LockedDirectory.open("/data", on: disk) } == .notALedger)
        #expect(
            reason { () throws(StorageError) in
                try LockedDirectory.create("/data", on: disk, identity: ToyLedger.identity, segmentBytes: 16 << 10)
            } == .notALedger)
        #expect(disk.paths == ["/data/holiday.jpg"])
    }

    @Test func `a directory newer than we can read is refused by name`() throws {
        let disk = SimulatedDisk()
        try ToyLedger(on: disk).close()
        let marker = String(decoding: disk.bytes(of: "/data/FLORIN")!, as: UTF8.self)
        let newer = marker.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line == "reader 1" ? "reader 7" : line == "format 1" ? "format 9" : String(line)
        }
        disk.replace("/data/FLORIN", with: Array(newer.joined(separator: "\n").utf8))
        do {
            _ = try ToyLedger(on: disk)
            Issue.record("opened")
        } catch {
            #expect(error.reason == .newerFormat)
            #expect(error.description.contains("format 9"))
        }
    }

    @Test func `a newer marker that asks for no newer reader is read, whatever else it says`() throws {
        let disk = SimulatedDisk()
        try ToyLedger(on: disk).close()
        let marker = String(decoding: disk.bytes(of: "/data/FLORIN")!, as: UTF8.self)
        var lines = marker.split(separator: "\n").dropLast().map(String.init)
        lines[lines.firstIndex(of: "format 1")!] = "format 2"
        lines.append("something that only later versions know")
        let text = Array((lines.joined(separator: "\n") + "\n").utf8)
        let check = text.withUnsafeBytes { crc32c($0) }
        disk.replace("/data/FLORIN", with: text + Array("check \(check)\n".utf8))
        try ToyLedger(on: disk).close()
        disk.replace("/data/FLORIN", with: text + Array("check \(check &+ 1)\n".utf8))
        #expect(reason { () throws(StorageError) in try ToyLedger(on: disk) } == .damagedMarker)
    }

    @Test(arguments: [
        ("/x/n/m/led", ["/", "/x", "/x/n", "/x/n/m"]), ("/led", ["/"]), ("led", ["."]), ("a/led/", [".", "a"]),
    ])
    func `every directory that is made is durable in the one above it`(path: String, parents: [String]) throws {
        let disk = SimulatedDisk()
        _ = try LockedDirectory.create(path, on: disk, identity: ToyLedger.identity, segmentBytes: 16 << 10)
        let firstFile = disk.log.firstIndex { $0.hasPrefix("create") }!
        for parent in parents {
            #expect(disk.log[..<firstFile].contains("sync directory \(parent)"), "\(disk.log[..<firstFile])")
        }
        // Whoever made it before may have died before it was durable.
        let other = SimulatedDisk()
        try other.makeDirectory(path)
        _ = try LockedDirectory.create(path, on: other, identity: ToyLedger.identity, segmentBytes: 16 << 10)
        #expect(other.log.first == "sync directory \(parents.last!)")
    }

    @Test func `both manifests lost, one lost, a file where a directory should be: each is said with what can be done`()
        throws
    {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        try ledger.append()
        let one = disk.afterProcessDeath()
        one.replace("/data/manifest.b", with: nil)
        #expect(try ToyLedger(on: one).report.warnings == ["/data/manifest.b is missing; the other copy is used"])
        let both = disk.afterProcessDeath()
        both.replace("/data/manifest.a", with: nil)
        both.replace("/data/manifest.b", with: [1, 2, 3])
        do {
            _ = try ToyLedger(on: both)
            Issue.record("opened")
        } catch {
            #expect(error.reason == .damagedManifest)
            for words in ["manifest.a is missing", "manifest.b is damaged", "backup", "nothing was changed"] {
                #expect(error.description.contains(words), "\(error)")
            }
        }
        disk.replace("/file", with: [1])
        #expect(reason { () throws(StorageError) in try ToyLedger(on: disk, at: "/file") } == .notADirectory)
    }

    @Test func `no byte of the marker can change unnoticed`() throws {
        let disk = SimulatedDisk()
        try ToyLedger(on: disk).close()
        for byte in 0..<disk.bytes(of: "/data/FLORIN")!.count {
            let dead = disk.afterProcessDeath()
            dead.flip("/data/FLORIN", byte: byte, bit: 0)
            let found = reason { () throws(StorageError) in try ToyLedger(on: dead) }
            #expect(found == .damagedMarker || found == .newerFormat, "byte \(byte): \(found as Any)")
        }
    }

    @Test func `a second opener is told that the directory is in use`() throws {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: disk) } == .inUse)
        try ledger.close()
        _ = try ToyLedger(on: disk)
    }

    @Test func `a directory that cannot be written to is called that`() throws {
        let disk = SimulatedDisk()
        try ToyLedger(on: disk).close()
        disk.isReadOnly = true
        #expect(reason { () throws(StorageError) in try ToyLedger(on: disk) } == .readOnlyDirectory)
        let empty = SimulatedDisk()
        empty.isReadOnly = true
        #expect(reason { () throws(StorageError) in try ToyLedger(on: empty) } == .readOnlyDirectory)
    }

    @Test func `a manifest of another ledger is refused`() throws {
        let disk = SimulatedDisk()
        try ToyLedger(on: disk).close()
        let other = Manifest(identity: LedgerIdentity(uuid: LedgerUUID(high: 5, low: 5)))
        disk.replace("/data/manifest.a", with: other.encoded())
        #expect(reason { () throws(StorageError) in try ToyLedger(on: disk) } == .foreignLedger)
    }

    @Test func `an identity is shown and read in the usual form`() {
        let uuid = LedgerUUID(high: 0x6f96_19ff_8b86_4011, low: 0xb42d_00c0_4fc9_64ff)
        #expect("\(uuid)" == "6f9619ff-8b86-4011-b42d-00c04fc964ff")
        #expect(LedgerUUID("\(uuid)") == uuid)
        #expect(LedgerUUID("6f9619ff-8b86-4011-b42d-00c04fc964f") == nil)
        #expect(LedgerUUID("6f9619ff+8b86-4011-b42d-00c04fc964ff") == nil)
        let random = LedgerUUID.random()
        #expect("\(random)".dropFirst(14).first == "4")
        #expect(LedgerUUID("\(random)") == random)
    }
}
