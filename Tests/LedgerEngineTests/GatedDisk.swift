import Glibc
import LedgerStorage

@testable import LedgerEngine

/// A memory disk whose journal syncs wait at a gate: what happens before durability, held still to be looked at.
final class GatedDisk: Disk {
    let gate = SyncGate()
    private let base = MemoryDisk()

    func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        let file = try base.open(path, mode)
        return path.hasSuffix(".segment") ? GatedFile(file, gate) : file
    }
    func exists(_ path: String) throws(StorageError) -> Bool { try base.exists(path) }
    func rename(_ path: String, to target: String) throws(StorageError) { try base.rename(path, to: target) }
    func remove(_ path: String) throws(StorageError) { try base.remove(path) }
    func list(_ directory: String) throws(StorageError) -> [String] { try base.list(directory) }
    func makeDirectory(_ path: String) throws(StorageError) { try base.makeDirectory(path) }
    func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    func lock(_ path: String) throws(StorageError) -> (any DiskLock)? { try base.lock(path) }
    func freeSpace(_ directory: String) throws(StorageError) -> Int { try base.freeSpace(directory) }
}

private final class GatedFile: DiskFile {
    private let base: any DiskFile
    private let gate: SyncGate
    var path: String { base.path }
    init(_ base: any DiskFile, _ gate: SyncGate) {
        self.base = base
        self.gate = gate
    }
    func size() throws(StorageError) -> Int { try base.size() }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try base.read(into: buffer, at: offset)
    }
    func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try base.readPastCache(into: buffer, at: offset)
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try base.write(bytes, at: offset)
    }
    func zeroFill(from offset: Int, count: Int) throws(StorageError) { try base.zeroFill(from: offset, count: count) }
    func sync() throws(StorageError) {
        gate.pass()
        try base.sync()
    }
}

/// Syncs wait while it is closed.
final class SyncGate: @unchecked Sendable {  // everything is touched under the monitor
    private let monitor = Monitor()
    private var isOpen = true
    private var waiting = 0
    private var delay: UInt32 = 0

    /// Every sync takes so long.
    func setDelay(microseconds: UInt32) { monitor.withLock { delay = microseconds } }

    func pass() {
        let delay = monitor.withLock { self.delay }
        if delay > 0 { usleep(delay) }
        monitor.withLock {
            waiting += 1
            monitor.wake()
            _ = monitor.wait { isOpen }
            waiting -= 1
        }
    }
    func close() { monitor.withLock { isOpen = false } }
    func open() {
        monitor.withLock {
            isOpen = true
            monitor.wake()
        }
    }
    /// Returns when a sync stands before the closed gate.
    func waitForSync() { monitor.withLock { _ = monitor.wait { waiting > 0 } } }
}
