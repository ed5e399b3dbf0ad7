import Glibc
import LedgerCore
@testable import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

/// The real disk, in a directory of its own that goes away with the test.
final class TemporaryDirectory {
    let path: String

    init() {
        let base = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/florin-storage-XXXXXX".utf8CString)
        path = template.withUnsafeMutableBufferPointer { String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit { Self.remove(path) }

    private static func remove(_ path: String) {
        let disk = PosixDisk()
        for name in (try? disk.list(path)) ?? [] {
            let child = path + "/" + name
            if unlink(child) != 0 { remove(child) }
        }
        rmdir(path)
    }
}

@Suite(.timeLimit(.minutes(15))) struct PosixDiskTests {
    let directory = TemporaryDirectory()
    let disk = PosixDisk()
    var file: String { directory.path + "/file" }

    private func mode(_ path: String) -> mode_t {
        var status = stat()
        return stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
    }

    @Test func `what is written reads back, with and without the page cache, at any offset`() throws {
        let file = try disk.open(file, .create)
        let bytes = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try file.write(bytes, at: 3000)
        try file.sync()
        #expect(try file.size() == 13_000)
        for (offset, count) in [(0, 13_000), (2999, 3), (4095, 5000), (12_999, 1), (8192, 4096)] {
            let cached = try file.readBytes(at: offset, count: count)
            #expect(cached != nil)
            #expect(try file.readBytes(at: offset, count: count, pastCache: true) == cached)
        }
        #expect(try file.readBytes(at: 3000, count: 10_000) == bytes)
        // Behind the end there is nothing.
        #expect(try file.readBytes(at: 12_999, count: 2) == nil)
        #expect(try file.readBytes(at: 12_999, count: 2, pastCache: true) == nil)
        #expect(try file.readBytes(at: 50_000, count: 1, pastCache: true) == nil)
    }

    @Test func `files and directories are for their owner alone, whatever the umask`() throws {
        let path = directory.path + "/a/b/c"
        try disk.makeDirectory(path)
        #expect(mode(path) == 0o700)
        #expect(mode(directory.path + "/a") == 0o700)
        _ = try disk.open(path + "/file", .create)
        #expect(mode(path + "/file") == 0o600)
        let lock = try disk.lock(path + "/LOCK")
        #expect(lock != nil)
        #expect(mode(path + "/LOCK") == 0o600)
    }

    @Test func `an error says which path, and why`() throws {
        #expect(
            reason { () throws(StorageError) in try disk.open(file, .read) }
                == .system(operation: "open", errno: ENOENT))
        _ = try disk.open(file, .create)
        #expect(
            reason { () throws(StorageError) in try disk.open(file, .create) }
                == .system(operation: "open", errno: EEXIST))
        do {
            _ = try disk.open(directory.path + "/none", .readWrite)
        } catch {
            #expect(error.description.contains("No such file"))
            #expect(error.path.hasSuffix("/none"))
        }
    }

    @Test func `a lock is held against other openers, also of this process`() throws {
        let path = directory.path + "/LOCK"
        let first = try disk.lock(path)
        #expect(first != nil)
        #expect(try disk.lock(path) == nil)
        first?.release()
        #expect(try disk.lock(path) != nil)
    }

    @Test func `removing the lock's file lets nobody in`() throws {
        let path = directory.path + "/LOCK"
        let first = try disk.lock(path)
        #expect(first != nil)
        unlink(path)
        #expect(try disk.lock(path) == nil)
        #expect(try !disk.exists(path))
        // Nor does another file under its name.
        _ = try disk.open(path, .create)
        #expect(try disk.lock(path) == nil)
        first?.release()
        #expect(try disk.lock(path) != nil)
    }

    @Test func `a file and a link to nowhere are no directory`() throws {
        _ = try disk.open(file, .create)
        #expect(reason { () throws(StorageError) in try disk.makeDirectory(file) } == .notADirectory)
        #expect(reason { () throws(StorageError) in try ToyLedger(on: disk, at: file) } == .notADirectory)
        symlink(directory.path + "/nowhere", directory.path + "/link")
        #expect(
            reason { () throws(StorageError) in try ToyLedger(on: disk, at: directory.path + "/link") }
                == .notADirectory)
        #expect(try !disk.isRegularFile(directory.path + "/link"))
        #expect(try !disk.isRegularFile(directory.path))
        #expect(try !disk.isRegularFile(directory.path + "/none"))
        #expect(try disk.isRegularFile(file))
    }

    @Test func `names are listed in order, renamed and removed`() throws {
        for name in ["b", "a", "c"] { _ = try disk.open(directory.path + "/" + name, .create) }
        #expect(try disk.list(directory.path) == ["a", "b", "c"])
        try disk.rename(directory.path + "/a", to: directory.path + "/d")
        try disk.remove(directory.path + "/b")
        try disk.syncDirectory(directory.path)
        #expect(try disk.list(directory.path) == ["c", "d"])
        #expect(try disk.exists(directory.path + "/d"))
        #expect(try !disk.exists(directory.path + "/a"))
        #expect(try disk.freeSpace(directory.path) > 0)
    }

    @Test func `zero-filling allocates, and what is behind stays`() throws {
        let file = try disk.open(file, .create)
        try file.write([1, 2, 3], at: 3 << 20)
        try file.zeroFill(from: 0, count: 3 << 20)
        #expect(try file.readBytes(at: 0, count: 3 << 20)?.allSatisfy { $0 == 0 } == true)
        #expect(try file.readBytes(at: 3 << 20, count: 3) == [1, 2, 3])
        var status = stat()
        stat(self.file, &status)
        #expect(Int(status.st_blocks) * 512 >= 3 << 20)
    }

    @Test func `a whole ledger lives on it`() throws {
        let path = directory.path + "/deeply/nested/data"
        let ledger = try ToyLedger(on: disk, at: path, segmentBytes: 64 << 10)
        try ledger.fill(sealedSegments: 2)
        try ledger.snapshot()
        for _ in 0..<3 { try ledger.append() }
        let digest = ledger.digest
        let events = try ledger.allEvents()
        try ledger.close()
        let report = try Verification<ToyState>.run(path, on: disk)
        #expect(report.isSound, "\(report.findings.map(\.text))")
        let again = try ToyLedger(on: disk, at: path, segmentBytes: 64 << 10)
        #expect(again.digest == digest)
        #expect(try again.allEvents() == events)
        for folder in [path, path + "/journal", path + "/snapshots"] {
            #expect(mode(folder) == 0o700)
            for name in try disk.list(folder) where name != "journal" && name != "snapshots" {
                #expect(mode(folder + "/" + name) == 0o600, "\(name)")
            }
        }
    }
}

/// Many threads at once. Under ThreadSanitizer this is the test that counts.
@Suite(.timeLimit(.minutes(15))) struct ConcurrencyTests {
    private final class Shared: Sendable {
        let isDone = Atomic(false)
        let finished = Lock(0)
    }

    @Test func `readers and sealing beside the writer: every event whole, in order, never beyond what is durable`()
        async throws
    {
        let disk = SimulatedDisk()
        let ledger = try ToyLedger(on: disk, segmentBytes: 48 << 10)
        let journal = ledger.journal
        let shared = Shared()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for reader in 0..<2 {
                group.addTask {
                    var generator = SeededGenerator(seed: UInt64(reader))
                    var read: UInt64 = 0
                    while !shared.isDone.load(ordering: .acquiring) || read < 50 {
                        let durable = journal.durableLSN
                        guard !durable.isNone else {
                            await Task.yield()
                            continue
                        }
                        // Downwards from somewhere, as a user's history is read.
                        var lsn = UInt64.random(in: 1...durable.value, using: &generator)
                        for _ in 0..<5 where lsn >= 1 {
                            let wanted = lsn
                            let found = try journal.reader.withEvent(at: LSN(wanted)) { ToyEvent($0)?.lsn.value }
                            #expect(found == wanted)
                            lsn -= min(lsn, UInt64.random(in: 1...9, using: &generator))
                            read += 1
                        }
                        await Task.yield()
                    }
                    shared.finished.withLock { $0 += 1 }
                }
            }
            group.addTask {
                var next: UInt64 = 1
                while true {
                    let isLast = shared.isDone.load(ordering: .acquiring)
                    while let slice = try journal.reader.slice(from: LSN(next), through: journal.durableLSN, limit: 50)
                    {
                        slice.visit { event in
                            #expect(event.lsn.value == next)
                            next += 1
                            return true
                        }
                    }
                    if isLast { break }
                    await Task.yield()
                }
                #expect(LSN(next - 1) == journal.durableLSN)
            }
            group.addTask {
                while !shared.isDone.load(ordering: .acquiring) {
                    try journal.maintain()
                    await Task.yield()
                }
            }
            // The writer is this task's: nobody else touches it.
            for _ in 0..<200 {
                while journal.batchesOfRoom == 0 { await Task.yield() }
                try ledger.append(ballast: 200)
                await Task.yield()
            }
            shared.isDone.store(true, ordering: .releasing)
            try await group.waitForAll()
        }
        #expect(journal.sealedCount > 3)
        #expect(shared.finished.withLock { $0 } == 2)
        #expect(try ToyLedger(on: disk.afterProcessDeath(), segmentBytes: 48 << 10).digest == ledger.digest)
    }
}
