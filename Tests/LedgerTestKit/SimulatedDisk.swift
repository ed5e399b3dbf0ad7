import Glibc
package import LedgerStorage
import Synchronization

/// A disk in memory that keeps exactly the promises of `Disk`, and not one more.
///
/// Each file has two images: what everybody reads (the page cache) and what is on the platter. Writes change the first
/// and mark 512-byte sectors dirty; `sync` copies them. `afterPowerCut` gives the disk as the next start finds it: of
/// every dirty sector, by seed, the new bytes, the old ones, or a torn mixture; of each directory's unsynced changes a
/// prefix.
///
/// Faults by number: the n-th changing operation can fail with an errno, or be the one at which the power goes (it
/// takes effect in the cache, and everything after it fails). A failed sync behaves like a kernel's: what was dirty
/// reads on as if nothing had happened, will never reach the platter, and the next sync succeeds.
package final class SimulatedDisk: Disk, @unchecked Sendable {  // everything mutable is behind one lock
    package static let sector = 512

    fileprivate final class Inode {
        var cached: [UInt8] = []
        var durable: [UInt8] = []
        var dirty: Set<Int> = []  // sectors
        var failedSyncs = 0
        var syncsAfterFailure = 0

        func copy() -> Inode {
            let copy = Inode()
            copy.cached = cached
            copy.durable = durable
            copy.dirty = dirty
            return copy
        }
    }

    private enum Change {
        case link(String, Inode)
        case unlink(String)
        case rename(String, String)
    }

    private struct World {
        var entries: [String: Inode] = [:]
        var durableEntries: [String: Inode] = [:]
        var pending: [(directory: String, change: Change)] = []
        var directories: Set<String> = ["/"]
        var locks: Set<String> = []
        var operations = 0
        var failures: [Int: Int32] = [:]
        var powerCut: Int?
        var isOff = false
        var capacity: Int?
        var isReadOnly = false
        var corruptions: [String] = []
        var log: [String] = []
    }

    /// Open files now, and the most there have been at once.
    fileprivate let openFiles = Lock((now: 0, most: 0))
    package var mostOpenFiles: Int { openFiles.withLock { $0.most } }

    private let lock = Lock<Void>(())
    /// Touched, with all its inodes, only while `lock` is held.
    private var unlocked: World

    package init() { unlocked = World() }

    private init(_ start: World) { unlocked = start }

    private func withWorld<R>(_ body: (inout World) throws(StorageError) -> R) throws(StorageError) -> R {
        lock.acquire()
        defer { lock.release() }
        return try body(&unlocked)
    }

    /// As `withWorld`, for what cannot fail.
    private func peek<R>(_ body: (inout World) -> R) -> R {
        lock.acquire()
        defer { lock.release() }
        return body(&unlocked)
    }

    // MARK: Faults

    /// Changing operations so far: create, write, zero-fill, sync, rename, remove, sync of a directory.
    package var operations: Int { peek { $0.operations } }
    /// What each of them was.
    package var log: [String] { peek { $0.log.map { $0 } } }  // storage of its own, as `Box.get()` says

    /// The n-th changing operation from now (1: the next) fails with this errno.
    package func fail(operation n: Int, with code: Int32) { peek { $0.failures[$0.operations + n] = code } }
    /// At the n-th changing operation from now the power goes; 0 is at once.
    package func cutPower(atOperation n: Int) { peek { $0.powerCut = $0.operations + n } }
    /// The next write of more than 16 bytes into a file whose path contains this arrives with one bit changed.
    package func corruptNextWrite(to part: String) { peek { $0.corruptions.append(part) } }
    package var isOff: Bool { peek { $0.isOff } }
    /// Files may hold this many bytes in all; nil: as many as they like.
    package var capacity: Int? {
        get { peek { $0.capacity } }
        set { peek { $0.capacity = newValue } }
    }
    package var isReadOnly: Bool {
        get { peek { $0.isReadOnly } }
        set { peek { $0.isReadOnly = newValue } }
    }
    package var bytesUsed: Int { peek { Self.used($0) } }

    /// Files on which somebody called sync again after a sync had failed: forbidden to the journal.
    package var filesSyncedAfterFailure: [String] {
        peek { world in world.entries.filter { $0.value.syncsAfterFailure > 0 }.map(\.key).sorted() }
    }

    /// What the next start finds after the power has gone now.
    package func afterPowerCut(seed: UInt64) -> SimulatedDisk {
        var generator = SeededGenerator(seed: seed)
        return SimulatedDisk(peek { Self.survivors(of: $0, &generator) })
    }

    /// The same disk after the process alone has died: everything written is still there, locks are not.
    package func afterProcessDeath() -> SimulatedDisk {
        SimulatedDisk(
            peek { old in
                var world = World()
                world.directories = old.directories
                var copies: [ObjectIdentifier: Inode] = [:]
                func copy(_ inode: Inode) -> Inode {
                    let copy = copies[ObjectIdentifier(inode)] ?? inode.copy()
                    copies[ObjectIdentifier(inode)] = copy
                    return copy
                }
                world.entries = old.entries.mapValues(copy)
                world.durableEntries = old.durableEntries.mapValues(copy)
                world.pending = old.pending.map { pending in
                    guard case .link(let path, let inode) = pending.change else { return pending }
                    return (pending.directory, .link(path, copy(inode)))
                }
                return world
            })
    }

    private static func survivors(of old: World, _ generator: inout SeededGenerator) -> World {
        // Every directory loses its own suffix of changes.
        var entries = old.durableEntries
        for directory in Set(old.pending.map(\.directory)).sorted() {
            let changes = old.pending.filter { $0.directory == directory }.map(\.change)
            for change in changes.prefix(Int.random(in: 0...changes.count, using: &generator)) {
                apply(change, to: &entries)
            }
        }
        var world = World()
        world.directories = old.directories
        for (path, inode) in entries.sorted(by: { $0.key < $1.key }) {
            let survivor = Inode()
            survivor.durable = platter(of: inode, &generator)
            survivor.cached = survivor.durable
            world.entries[path] = survivor
        }
        world.durableEntries = world.entries
        return world
    }

    private static func platter(of inode: Inode, _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = inode.durable
        if inode.cached.count > bytes.count, Bool.random(using: &generator) {
            bytes += [UInt8](repeating: 0, count: inode.cached.count - bytes.count)
        }
        let mood = Int.random(in: 0..<4, using: &generator)  // mostly kept, mostly dropped, or anything
        for sector in inode.dirty.sorted() {
            let start = sector * Self.sector
            let end = min(start + Self.sector, inode.cached.count, bytes.count)
            guard start < end else { continue }
            let chance = Int.random(in: 0..<10, using: &generator)
            let isKept = mood == 0 ? chance < 9 : mood == 1 ? chance < 1 : chance < 5
            if isKept {
                bytes.replaceSubrange(start..<end, with: inode.cached[start..<end])
            } else if chance == 9 {
                let middle = Int.random(in: start...end, using: &generator)
                bytes.replaceSubrange(start..<middle, with: inode.cached[start..<middle])
            }
        }
        return bytes
    }

    private static func apply(_ change: Change, to entries: inout [String: Inode]) {
        switch change {
        case .link(let path, let inode): entries[path] = inode
        case .unlink(let path): entries[path] = nil
        case .rename(let path, let target):
            if let inode = entries.removeValue(forKey: path) { entries[target] = inode }
        }
    }

    private static func used(_ world: World) -> Int { world.entries.values.reduce(0) { $0 + $1.cached.count } }

    // MARK: Surgery

    package var paths: [String] { peek { $0.entries.keys.sorted() } }

    package func bytes(of path: String) -> [UInt8]? { peek { $0.entries[path]?.cached } }

    /// Makes a file hold these bytes, on the platter too; nil removes it.
    package func replace(_ path: String, with bytes: [UInt8]?) {
        peek { world in
            guard let bytes else {
                world.entries[path] = nil
                world.durableEntries[path] = nil
                return
            }
            let inode = Inode()
            inode.cached = bytes
            inode.durable = bytes
            world.entries[path] = inode
            world.durableEntries[path] = inode
        }
    }

    /// Takes a directory away, with everything in it.
    package func removeTree(_ path: String) {
        peek { world in
            world.directories = world.directories.filter { $0 != path && !$0.hasPrefix(path + "/") }
            world.entries = world.entries.filter { !$0.key.hasPrefix(path + "/") }
            world.durableEntries = world.durableEntries.filter { !$0.key.hasPrefix(path + "/") }
        }
    }

    package func flip(_ path: String, byte: Int, bit: Int) {
        peek { world in
            guard let inode = world.entries[path] else { return }
            inode.cached[byte] ^= 1 << UInt8(bit)
            if byte < inode.durable.count { inode.durable[byte] ^= 1 << UInt8(bit) }
        }
    }

    // MARK: Disk

    package func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        switch mode {
        case .read, .readWrite:
            return try perform(path) { world throws(StorageError) in
                guard let inode = world.entries[path] else { throw Self.error("open", path, ENOENT) }
                if mode == .readWrite, world.isReadOnly { throw Self.error("open", path, EROFS) }
                return SimulatedFile(disk: self, path: path, inode: inode)
            }
        case .create:
            return try change("create", path) { world throws(StorageError) in
                guard world.entries[path] == nil else { throw Self.error("open", path, EEXIST) }
                guard world.directories.contains(Self.parent(path)) else { throw Self.error("open", path, ENOENT) }
                let inode = Inode()
                Self.record(.link(path, inode), in: Self.parent(path), &world)
                return SimulatedFile(disk: self, path: path, inode: inode)
            }
        }
    }

    package func exists(_ path: String) throws(StorageError) -> Bool {
        try perform(path) { $0.entries[path] != nil || $0.directories.contains(path) }
    }

    package func isRegularFile(_ path: String) throws(StorageError) -> Bool {
        try perform(path) { $0.entries[path] != nil }
    }

    package func rename(_ path: String, to target: String) throws(StorageError) {
        try change("rename", path) { world throws(StorageError) in
            guard world.entries[path] != nil else { throw Self.error("rename", path, ENOENT) }
            precondition(Self.parent(path) == Self.parent(target), "this disk renames within a directory only")
            Self.record(.rename(path, target), in: Self.parent(path), &world)
        }
    }

    package func remove(_ path: String) throws(StorageError) {
        try change("remove", path) { world throws(StorageError) in
            guard world.entries[path] != nil else { throw Self.error("unlink", path, ENOENT) }
            Self.record(.unlink(path), in: Self.parent(path), &world)
        }
    }

    package func list(_ directory: String) throws(StorageError) -> [String] {
        try perform(directory) { world throws(StorageError) in
            if world.entries[directory] != nil { throw Self.error("opendir", directory, ENOTDIR) }
            guard world.directories.contains(directory) else { throw Self.error("opendir", directory, ENOENT) }
            let files = world.entries.keys.filter { Self.parent($0) == directory }
            let folders = world.directories.filter { $0 != directory && Self.parent($0) == directory }
            return (files + folders).map { String($0.dropFirst(directory == "/" ? 1 : directory.count + 1)) }.sorted()
        }
    }

    package func makeDirectory(_ path: String) throws(StorageError) {
        try perform(path) { world throws(StorageError) in
            if world.isReadOnly, !world.directories.contains(path) { throw Self.error("mkdir", path, EROFS) }
            var path = path
            while path != "/" {
                world.directories.insert(path)
                path = Self.parent(path)
            }
        }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        try change("sync directory", path) { world in
            for pending in world.pending where pending.directory == path {
                Self.apply(pending.change, to: &world.durableEntries)
            }
            world.pending.removeAll { $0.directory == path }
        }
    }

    package func lock(_ path: String) throws(StorageError) -> (any DiskLock)? {
        if try !exists(path) {
            try change("create", path) { world in
                Self.record(.link(path, Inode()), in: Self.parent(path), &world)
            }
        }
        let isNew = try perform(path) { $0.locks.insert(path).inserted }
        return isNew ? SimulatedLock(disk: self, path: path) : nil
    }

    fileprivate func unlock(_ path: String) { peek { _ = $0.locks.remove(path) } }

    package func freeSpace(_ directory: String) throws(StorageError) -> Int {
        try perform(directory) { world in world.capacity.map { max(0, $0 - Self.used(world)) } ?? 1 << 40 }
    }

    // MARK: Files

    fileprivate func size(_ inode: Inode, _ path: String) throws(StorageError) -> Int {
        try perform(path) { _ in inode.cached.count }
    }

    fileprivate func read(
        _ inode: Inode, _ path: String, into buffer: UnsafeMutableRawBufferPointer, at offset: Int, pastCache: Bool
    ) throws(StorageError) -> Int {
        return try perform(path) { _ in
            let count = max(0, min(buffer.count, inode.cached.count - offset))
            guard count > 0 else { return 0 }
            inode.cached.withUnsafeBytes {
                buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + count)]))
            }
            guard pastCache else { return count }
            // Dirty pages would be written first; what a failed sync lost comes from the platter.
            for sector in offset / Self.sector...(offset + count - 1) / Self.sector where !inode.dirty.contains(sector)
            {
                let start = max(offset, sector * Self.sector)
                let end = min(offset + count, (sector + 1) * Self.sector)
                let known = max(start, min(end, inode.durable.count))
                let target = UnsafeMutableRawBufferPointer(rebasing: buffer[(start - offset)..<(end - offset)])
                target.initializeMemory(as: UInt8.self, repeating: 0)
                inode.durable.withUnsafeBytes {
                    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<known]))
                }
            }
            return count
        }
    }

    fileprivate func write(
        _ inode: Inode, _ path: String, _ bytes: UnsafeRawBufferPointer?, count: Int, at offset: Int
    ) throws(StorageError) {
        try change(bytes == nil ? "zero-fill" : "write", path) { world throws(StorageError) in
            let growth = max(0, offset + count - inode.cached.count)
            if let capacity = world.capacity, Self.used(world) + growth > capacity {
                throw Self.error("pwrite", path, ENOSPC)
            }
            inode.cached += [UInt8](repeating: 0, count: growth)
            guard count > 0 else { return }
            inode.cached.withUnsafeMutableBytes { all in
                let target = UnsafeMutableRawBufferPointer(rebasing: all[offset..<(offset + count)])
                if let bytes {
                    target.copyMemory(from: bytes)
                } else {
                    target.initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
            if let corruption = world.corruptions.firstIndex(where: path.contains), bytes != nil, count > 16 {
                world.corruptions.remove(at: corruption)
                inode.cached[offset + count / 2] ^= 4
            }
            var sector = offset / Self.sector
            while sector * Self.sector < offset + count {
                inode.dirty.insert(sector)
                sector += 1
            }
        }
    }

    fileprivate func sync(_ inode: Inode, _ path: String) throws(StorageError) {
        if inode.failedSyncs > 0 { inode.syncsAfterFailure += 1 }
        do throws(StorageError) {
            try change("sync", path) { world in
                Self.makeDurable(inode)
            }
        } catch {
            if !isOff {
                inode.failedSyncs += 1
                inode.dirty = []
            }
            throw error
        }
    }

    private static func makeDurable(_ inode: Inode) {
        if inode.durable.count < inode.cached.count {
            inode.durable += [UInt8](repeating: 0, count: inode.cached.count - inode.durable.count)
        }
        inode.cached.withUnsafeBytes { cached in
            inode.durable.withUnsafeMutableBytes { durable in
                for sector in inode.dirty {
                    let start = sector * Self.sector
                    memcpy(
                        durable.baseAddress! + start, cached.baseAddress! + start,
                        min(Self.sector, cached.count - start))
                }
            }
        }
        inode.dirty = []
    }

    // MARK: Operations

    private func perform<R>(
        _ path: String, _ body: (inout World) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try withWorld { world throws(StorageError) in
            if world.isOff { throw Self.error("any call", path, EIO) }
            return try body(&world)
        }
    }

    private func change<R>(
        _ operation: String, _ path: String, _ body: (inout World) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        try withWorld { world throws(StorageError) in
            if world.isOff || world.powerCut.map({ $0 <= world.operations }) == true {
                world.isOff = true
                throw Self.error(operation, path, EIO)
            }
            if world.isReadOnly { throw Self.error(operation, path, EROFS) }
            world.operations += 1
            world.log.append("\(operation) \(path)")
            if let code = world.failures[world.operations] { throw Self.error(operation, path, code) }
            let isLast = world.powerCut == world.operations
            if isLast, operation.hasPrefix("sync") {
                world.isOff = true  // the power went before the platter answered
                throw Self.error(operation, path, EIO)
            }
            let result = try body(&world)
            if isLast {
                world.isOff = true
                throw Self.error(operation, path, EIO)
            }
            return result
        }
    }

    private static func record(_ change: Change, in directory: String, _ world: inout World) {
        apply(change, to: &world.entries)
        world.pending.append((directory, change))
    }

    private static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    private static func error(_ operation: String, _ path: String, _ code: Int32) -> StorageError {
        StorageError(.system(operation: operation, errno: code), path)
    }
}

/// An open file of a simulated disk. `@unchecked` because its inode is touched only under the disk's lock.
private final class SimulatedFile: DiskFile, @unchecked Sendable {
    let disk: SimulatedDisk
    let path: String
    let inode: SimulatedDisk.Inode

    init(disk: SimulatedDisk, path: String, inode: SimulatedDisk.Inode) {
        self.disk = disk
        self.path = path
        self.inode = inode
        disk.openFiles.withLock { files in
            files.now += 1
            files.most = max(files.most, files.now)
        }
    }

    deinit { disk.openFiles.withLock { $0.now -= 1 } }

    func size() throws(StorageError) -> Int { try disk.size(inode, path) }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try disk.read(inode, path, into: buffer, at: offset, pastCache: false)
    }
    func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try disk.read(inode, path, into: buffer, at: offset, pastCache: true)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try disk.write(inode, path, bytes, count: bytes.count, at: offset)
    }
    func zeroFill(from offset: Int, count: Int) throws(StorageError) {
        try disk.write(inode, path, nil, count: count, at: offset)
    }
    func sync() throws(StorageError) { try disk.sync(inode, path) }
}

private final class SimulatedLock: DiskLock {
    private let disk: SimulatedDisk
    private let path: String
    private let isHeld = Atomic(true)

    init(disk: SimulatedDisk, path: String) {
        self.disk = disk
        self.path = path
    }

    deinit { release() }
    func release() { if isHeld.exchange(false, ordering: .relaxed) { disk.unlock(path) } }
}
