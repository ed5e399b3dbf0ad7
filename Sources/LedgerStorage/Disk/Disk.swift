internal import Glibc

/// A disk: the only way out of this module. `PosixDisk` is a real one; the test kit has one that forgets what was not
/// synced, tears sectors and fails on demand.
///
/// Paths are plain strings; directories are never created implicitly. The promises that everything above rests on:
///
/// - What `DiskFile.sync` returned from is on disk, whatever happens next. What was written and not synced may be
///   there, wholly, in part (512-byte sectors, any subset), or not at all.
/// - A directory change (create, rename, remove) is on disk once `syncDirectory` returned. Until then it may be lost.
/// - `rename` replaces its target in one step: a crash shows the old file or the new one.
/// - After a failed write or sync nothing is known about the file, and asking again proves nothing: a kernel forgets
///   the error and the pages. Callers give up on it.
package protocol Disk: Sendable {
    /// Opens a file. `create` makes it (0600) and refuses one that exists; the others refuse one that does not.
    func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile
    func exists(_ path: String) throws(StorageError) -> Bool
    /// Whether there is a file there: no directory, no link, nothing else.
    func isRegularFile(_ path: String) throws(StorageError) -> Bool
    func rename(_ path: String, to target: String) throws(StorageError)
    func remove(_ path: String) throws(StorageError)
    /// The names in a directory, sorted, without `.` and `..`.
    func list(_ directory: String) throws(StorageError) -> [String]
    /// Makes a directory (0700) and, where they are missing, its parents; one that exists is left alone. Nothing of it
    /// is durable yet (`makeDurableDirectory` is).
    func makeDirectory(_ path: String) throws(StorageError)
    func syncDirectory(_ path: String) throws(StorageError)
    /// Takes an exclusive lock on a file, creating it if needed, and on the directory it lies in, so that removing the
    /// file lets nobody in; nil when somebody else holds either. Held until released or until the process ends, however
    /// it ends.
    func lock(_ path: String) throws(StorageError) -> (any DiskLock)?
    /// Bytes that an ordinary user may still write in this directory's filesystem.
    func freeSpace(_ directory: String) throws(StorageError) -> Int
}

package enum OpenMode: Sendable {
    case read
    case readWrite
    case create
}

/// An open file. Offsets are bytes from the start. Safe to use from several threads; closed when released.
package protocol DiskFile: AnyObject, Sendable {
    var path: String { get }
    func size() throws(StorageError) -> Int
    /// Fills `buffer` from `offset`; less only where the file ends. Returns the count.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int
    /// As `read`, but what the *disk* holds, not what the page cache believes it holds. Slow; for recovery and
    /// read-back.
    func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int
    /// Writes all of `bytes`, or throws having written anything between nothing and all of it.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError)
    /// Writes some pieces of memory one behind the other, as one write.
    func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) throws(StorageError)
    /// Writes zeroes, so that later writes meet allocated blocks and no full disk.
    func zeroFill(from offset: Int, count: Int) throws(StorageError)
    /// `fdatasync`: contents, and as much metadata as it takes to read them back.
    func sync() throws(StorageError)
}

/// A held lock; released by `release` or with the last reference.
package protocol DiskLock: AnyObject, Sendable {
    func release()
}

// MARK: - Small conveniences over any disk

extension DiskFile {
    /// For files that have no better way: gathers the pieces in one.
    package func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) throws(StorageError) {
        var whole: [UInt8] = []
        whole.reserveCapacity(pieces.reduce(0) { $0 + $1.count })
        for piece in pieces { whole.append(contentsOf: piece) }
        try write(whole, at: offset)
    }

    /// The whole file, or exactly `count` bytes of it; nil where the file is shorter.
    package func readBytes(at offset: Int = 0, count: Int, pastCache: Bool = false) throws(StorageError) -> [UInt8]? {
        // An array made for nothing would write into the one empty array that all threads share.
        guard count > 0 else { return [] }
        var failure: StorageError?
        var got = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(StorageError) {
                let raw = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: count)
                got = try pastCache ? readPastCache(into: raw, at: offset) : read(into: raw, at: offset)
            } catch {
                failure = error
            }
            initialized = got
        }
        if let failure { throw failure }
        return got == count ? bytes : nil
    }

    /// Fills `buffer` from `offset`; false where the file is shorter.
    func fill(
        _ buffer: UnsafeMutableRawBufferPointer, at offset: Int, pastCache: Bool
    ) throws(StorageError) -> Bool {
        let count = try pastCache ? readPastCache(into: buffer, at: offset) : read(into: buffer, at: offset)
        return count == buffer.count
    }

    package func write(_ bytes: [UInt8], at offset: Int) throws(StorageError) {
        let result = bytes.withUnsafeBytes { raw in
            Result { () throws(StorageError) in try write(raw, at: offset) }
        }
        try result.get()
    }
}

extension Disk {
    /// For disks on which nobody else makes anything.
    package func isRegularFile(_ path: String) throws(StorageError) -> Bool { try exists(path) }

    /// Makes a directory and its missing parents, each durable in the one above it before the next is made. The last
    /// one's entry is synced even if it was there: an earlier attempt may have died between the two.
    func makeDurableDirectory(_ path: String) throws(StorageError) {
        var missing: [String] = []
        var place = path
        while place != "/", place != ".", try !exists(place) {
            missing.append(place)
            place = parentDirectory(of: place)
        }
        for place in missing.reversed() {
            try makeDirectory(place)
            try syncDirectory(parentDirectory(of: place))
        }
        if missing.isEmpty { try syncDirectory(parentDirectory(of: path)) }
    }

    /// The names in a directory; nil where there is none.
    func names(in directory: String) throws(StorageError) -> [String]? {
        do throws(StorageError) {
            return try list(directory)
        } catch {
            if error.isNoSuchFile { return nil }
            throw error
        }
    }

    /// The whole of a small file; nil where there is none.
    package func contents(of path: String, pastCache: Bool = false) throws(StorageError) -> [UInt8]? {
        let file: any DiskFile
        do throws(StorageError) {
            file = try open(path, .read)
        } catch {
            if error.isNoSuchFile { return nil }
            throw error
        }
        let size = try file.size()
        guard let bytes = try file.readBytes(count: size, pastCache: pastCache) else {
            throw StorageError.system("read", path, at: size, EIO)
        }
        return bytes
    }

    /// Replaces a small file in one step and makes that durable: temporary file, sync, rename, directory sync.
    /// A crash leaves the old contents or the new ones (and perhaps `path.tmp`, which the next call replaces).
    package func replace(_ path: String, with bytes: [UInt8], in directory: String) throws(StorageError) {
        let temporary = path + ".tmp"
        try removeIfPresent(temporary)
        let file = try open(temporary, .create)
        do throws(StorageError) {
            try file.write(bytes, at: 0)
            try file.sync()
        } catch {
            try? remove(temporary)  // give a full disk its space back
            throw error
        }
        try rename(temporary, to: path)
        try syncDirectory(directory)
    }

    func removeIfPresent(_ path: String) throws(StorageError) {
        if try exists(path) { try remove(path) }
    }
}

/// The directory in which a path's last name is an entry: `.` for a bare name, `/` for one in the root.
func parentDirectory(of path: String) -> String {
    func trimmed(_ path: Substring) -> Substring {
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        return path
    }
    let path = trimmed(path[...])
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(trimmed(path[..<slash]))
}
