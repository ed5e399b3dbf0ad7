package import LedgerStorage

/// A disk that hands everything on to another one. Doubles are made of it: `wrap` puts a file of theirs around one of
/// the other disk's.
package final class ForwardingDisk: Disk {
    private let base: any Disk
    private let wrap: @Sendable (any DiskFile) -> any DiskFile

    package init(_ base: any Disk, wrap: @escaping @Sendable (any DiskFile) -> any DiskFile) {
        self.base = base
        self.wrap = wrap
    }

    package func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        wrap(try base.open(path, mode))
    }
    package func exists(_ path: String) throws(StorageError) -> Bool { try base.exists(path) }
    package func isRegularFile(_ path: String) throws(StorageError) -> Bool { try base.isRegularFile(path) }
    package func rename(_ path: String, to target: String) throws(StorageError) { try base.rename(path, to: target) }
    package func remove(_ path: String) throws(StorageError) { try base.remove(path) }
    package func list(_ directory: String) throws(StorageError) -> [String] { try base.list(directory) }
    package func makeDirectory(_ path: String) throws(StorageError) { try base.makeDirectory(path) }
    package func syncDirectory(_ path: String) throws(StorageError) { try base.syncDirectory(path) }
    package func lock(_ path: String) throws(StorageError) -> (any DiskLock)? { try base.lock(path) }
    package func freeSpace(_ directory: String) throws(StorageError) -> Int { try base.freeSpace(directory) }
}

/// A file that hands everything on to another one, but for what its own type does in another way.
package protocol ForwardingFile: DiskFile {
    var base: any DiskFile { get }
}

extension ForwardingFile {
    package var path: String { base.path }
    package func size() throws(StorageError) -> Int { try base.size() }
    package func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try base.read(into: buffer, at: offset)
    }
    package func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try base.readPastCache(into: buffer, at: offset)
    }
    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        try base.write(bytes, at: offset)
    }
    package func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) throws(StorageError) {
        try base.write(pieces, at: offset)
    }
    package func zeroFill(from offset: Int, count: Int) throws(StorageError) {
        try base.zeroFill(from: offset, count: count)
    }
    package func sync() throws(StorageError) { try base.sync() }
}
