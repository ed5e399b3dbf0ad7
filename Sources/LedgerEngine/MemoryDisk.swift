internal import Glibc
internal import LedgerCore
package import LedgerStorage
internal import Synchronization

/// A disk that is memory: for a ledger that nobody keeps. Syncs are free and mean nothing.
package final class MemoryDisk: Disk {
    private struct Contents {
        var files: [String: MemoryFile] = [:]
        var directories: Set<String> = []
        var locks: Set<String> = []
    }
    private let contents = Lock(Contents())
    private let meter = Meter()

    package init() {}

    /// What its files take, in bytes, those included that were removed and are still open. Cost: one load.
    package var byteCount: Int { meter.bytes.load(ordering: .relaxed) }

    /// What the files of one disk take.
    fileprivate final class Meter: Sendable {
        let bytes = Atomic<Int>(0)
    }

    package func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        let file = contents.withLock { contents -> MemoryFile? in
            let found = contents.files[path]
            guard mode == .create else { return found }
            guard found == nil else { return nil }
            let file = MemoryFile(path, meter)
            contents.files[path] = file
            return file
        }
        guard let file else { throw MemoryDisk.error("open", path, mode == .create ? EEXIST : ENOENT) }
        return file
    }

    package func exists(_ path: String) throws(StorageError) -> Bool {
        contents.withLock { $0.files[path] != nil || $0.directories.contains(path) }
    }

    package func isRegularFile(_ path: String) throws(StorageError) -> Bool {
        contents.withLock { $0.files[path] != nil }
    }

    package func rename(_ path: String, to target: String) throws(StorageError) {
        let isDone = contents.withLock { contents in
            guard let file = contents.files.removeValue(forKey: path) else { return false }
            contents.files[target] = file
            return true
        }
        if !isDone { throw MemoryDisk.error("rename", path, ENOENT) }
    }

    package func remove(_ path: String) throws(StorageError) {
        if contents.withLock({ $0.files.removeValue(forKey: path) }) == nil {
            throw MemoryDisk.error("unlink", path, ENOENT)
        }
    }

    package func list(_ directory: String) throws(StorageError) -> [String] {
        contents.withLock { contents in
            let paths = Array(contents.files.keys) + contents.directories
            let start = directory + "/"
            return paths.filter { $0.hasPrefix(start) && !$0.dropFirst(start.count).contains("/") }
                .map { String($0.dropFirst(start.count)) }.sorted()
        }
    }

    package func makeDirectory(_ path: String) throws(StorageError) {
        contents.withLock { _ = $0.directories.insert(path) }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {}

    package func lock(_ path: String) throws(StorageError) -> (any DiskLock)? {
        let isOurs = contents.withLock { $0.locks.insert(path).inserted }
        guard isOurs else { return nil }
        return MemoryLock { [self] in contents.withLock { _ = $0.locks.remove(path) } }
    }

    package func freeSpace(_ directory: String) throws(StorageError) -> Int { 1 << 40 }

    private static func error(_ operation: String, _ path: String, _ code: Int32) -> StorageError {
        StorageError(.system(operation: operation, errno: code), path)
    }
}

/// What was never written, or zeroed at the end, takes no memory: a segment is zeroes until it is used.
private final class MemoryFile: DiskFile {
    private struct Contents {
        var size = 0
        /// As far as something was written.
        var bytes: [UInt8] = []
    }

    let path: String
    private let contents = Lock(Contents())

    private let meter: MemoryDisk.Meter

    init(_ path: String, _ meter: MemoryDisk.Meter) { (self.path, self.meter) = (path, meter) }

    deinit { meter.bytes.subtract(contents.withLock { $0.bytes.capacity }, ordering: .relaxed) }

    func size() throws(StorageError) -> Int { contents.withLock { $0.size } }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        nonisolated(unsafe) let target = buffer  // the caller's, for the time of this call
        return contents.withLock { contents in
            let count = max(0, min(target.count, contents.size - offset))
            let written = max(0, min(count, contents.bytes.count - offset))
            if written > 0 {
                contents.bytes.withUnsafeBytes {
                    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + written]))
                }
            }
            if count > written { memset(target.baseAddress! + written, 0, count - written) }
            return count
        }
    }

    func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try read(into: buffer, at: offset)
    }

    func write(_ source: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        nonisolated(unsafe) let source = source
        contents.withLock { contents in
            guard !source.isEmpty else { return }
            let missing = offset + source.count - contents.bytes.count
            if missing > 0 {
                let before = contents.bytes.capacity
                contents.bytes += [UInt8](repeating: 0, count: missing)
                meter.bytes.add(contents.bytes.capacity - before, ordering: .relaxed)
            }
            contents.size = max(contents.size, offset + source.count)
            contents.bytes.withUnsafeMutableBytes { target in
                UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + source.count]).copyMemory(from: source)
            }
        }
    }

    func zeroFill(from offset: Int, count: Int) throws(StorageError) {
        contents.withLock { contents in
            let end = offset + count
            contents.size = max(contents.size, end)
            guard offset < contents.bytes.count else { return }
            let written = min(contents.bytes.count, end)
            contents.bytes.withUnsafeMutableBytes { memset($0.baseAddress! + offset, 0, written - offset) }
        }
    }

    func sync() throws(StorageError) {}
}

private final class MemoryLock: DiskLock {
    private let held: Lock<(@Sendable () -> Void)?>
    init(_ release: @escaping @Sendable () -> Void) { held = Lock(release) }
    deinit { release() }
    func release() {
        let action = held.withLock { held in
            defer { held = nil }
            return held
        }
        action?()
    }
}
