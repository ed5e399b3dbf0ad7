internal import CIntrinsics
internal import Glibc

/// The real disk: Linux system calls, interrupted calls repeated, short writes finished. Files are 0600, directories
/// 0700, whatever the umask; every descriptor is closed on exec.
package struct PosixDisk: Disk {
    package init() {}

    package func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        let flags =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT | O_EXCL
            }
        return PosixFile(path: path, descriptor: try openDescriptor(path, flags))
    }

    package func exists(_ path: String) throws(StorageError) -> Bool {
        var status = stat()
        if stat(path, &status) == 0 { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw .system("stat", path, errno)
    }

    package func isRegularFile(_ path: String) throws(StorageError) -> Bool {
        var status = stat()
        if lstat(path, &status) == 0 { return status.st_mode & S_IFMT == S_IFREG }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw .system("lstat", path, errno)
    }

    package func rename(_ path: String, to target: String) throws(StorageError) {
        if Glibc.rename(path, target) != 0 { throw .system("rename to \(target)", path, errno) }
    }

    package func remove(_ path: String) throws(StorageError) {
        if unlink(path) != 0 { throw .system("unlink", path, errno) }
    }

    package func list(_ directory: String) throws(StorageError) -> [String] {
        guard let stream = opendir(directory) else { throw .system("opendir", directory, errno) }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw .system("readdir", directory, errno) }
                return names.sorted()
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
    }

    package func makeDirectory(_ path: String) throws(StorageError) {
        if mkdir(path, 0o700) == 0 { return }
        switch errno {
        case EEXIST:
            var status = stat()
            guard stat(path, &status) == 0 else {
                throw StorageError(.notADirectory, path, "it is a symbolic link that leads nowhere")
            }
            guard status.st_mode & S_IFMT == S_IFDIR else { throw StorageError(.notADirectory, path) }
        case ENOENT:
            guard let slash = path.dropLast().lastIndex(of: "/"), slash > path.startIndex else {
                throw .system("mkdir", path, ENOENT)
            }
            try makeDirectory(String(path[..<slash]))
            if mkdir(path, 0o700) != 0, errno != EEXIST { throw .system("mkdir", path, errno) }
        default: throw .system("mkdir", path, errno)
        }
    }

    package func syncDirectory(_ path: String) throws(StorageError) {
        let descriptor = try openDescriptor(path, O_RDONLY | O_DIRECTORY)
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw .system("fsync", path, errno) }
    }

    package func lock(_ path: String) throws(StorageError) -> (any DiskLock)? {
        // The directory first: its lock stays where it is when somebody removes the file.
        let folder = parentDirectory(of: path)
        let lock = PosixLock(try openDescriptor(folder, O_RDONLY | O_DIRECTORY))
        do throws(StorageError) {
            guard try lock.takeLast(folder) else { return nil }
        } catch {
            // NFS locks only what is open for writing; there the file alone has to do.
            guard case .system(_, let code) = error.reason, code == EBADF || code == EINVAL || code == EOPNOTSUPP else {
                throw error
            }
        }
        while true {
            do throws(StorageError) {
                lock.add(try openDescriptor(path, O_RDWR | O_CREAT))
            } catch {
                // A directory that only lets us read can still be verified, and still wants to be left alone meanwhile.
                guard error.isReadOnly else { throw error }
                guard let readable = try? openDescriptor(path, O_RDONLY) else {
                    if try exists(path) { throw error }
                    return lock
                }
                lock.add(readable)
            }
            guard try lock.takeLast(path) else { return nil }
            // Between our open and our lock the file may have been removed, or another put in its place.
            if lock.lastIsNamed(path) { return lock }
            lock.dropLast()
        }
    }

    package func freeSpace(_ directory: String) throws(StorageError) -> Int {
        var status = statvfs()
        if statvfs(directory, &status) != 0 { throw .system("statvfs", directory, errno) }
        return Int(
            clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }

    private func openDescriptor(_ path: String, _ flags: Int32) throws(StorageError) -> Int32 {
        while true {
            let descriptor = Glibc.open(path, flags | O_CLOEXEC, 0o600)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw .system("open", path, errno) }
        }
    }
}

/// Locked descriptors; closing one is what gives its lock up.
private final class PosixLock: DiskLock {
    private let descriptors: Lock<[Int32]>
    init(_ descriptor: Int32) { descriptors = Lock([descriptor]) }
    deinit { release() }

    func add(_ descriptor: Int32) { descriptors.withLock { $0.append(descriptor) } }

    func dropLast() { descriptors.withLock { _ = close($0.removeLast()) } }

    /// Locks the descriptor that was added last; false when somebody else has.
    func takeLast(_ path: String) throws(StorageError) -> Bool {
        let descriptor = descriptors.withLock { $0.last! }
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            if code == EWOULDBLOCK { return false }
            if code != EINTR { throw .system("flock", path, code) }
        }
        return true
    }

    /// Whether the descriptor that was added last is what lies at the path.
    func lastIsNamed(_ path: String) -> Bool {
        var (held, named) = (stat(), stat())
        guard fstat(descriptors.withLock { $0.last! }, &held) == 0, stat(path, &named) == 0 else { return false }
        return held.st_dev == named.st_dev && held.st_ino == named.st_ino
    }

    func release() {
        descriptors.withLock { held in
            for descriptor in held { close(descriptor) }
            held = []
        }
    }
}

final class PosixFile: DiskFile {
    let path: String
    private let descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func size() throws(StorageError) -> Int {
        var status = stat()
        if fstat(descriptor, &status) != 0 { throw .system("fstat", path, errno) }
        return Int(status.st_size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        try Self.read(descriptor, path, into: buffer, at: offset)
    }

    /// Dirty pages go out first, clean ones are dropped, then `O_DIRECT` reads into an aligned buffer of our own, so
    /// that callers need no alignment. Filesystems without `O_DIRECT` (tmpfs) get the dropped pages and an ordinary
    /// read.
    func readPastCache(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        let direct = Glibc.open("/proc/self/fd/\(descriptor)", O_RDONLY | O_CLOEXEC | florin_o_direct())
        guard direct >= 0 else { return try read(into: buffer, at: offset) }
        defer { close(direct) }
        let block = 4096
        let bounce = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: block)
        defer { bounce.deallocate() }
        var done = 0
        while done < buffer.count {
            let start = (offset + done) / block * block
            let skip = offset + done - start
            let wanted = min(bounce.count, (skip + buffer.count - done + block - 1) / block * block)
            let got = pread(direct, bounce.baseAddress!, wanted, off_t(start))
            if got < 0 {
                if errno == EINTR { continue }
                if errno == EINVAL { return try read(into: buffer, at: offset) }
                throw .system("pread", path, at: start, errno)
            }
            if got <= skip { break }
            let count = min(got - skip, buffer.count - done)
            UnsafeMutableRawBufferPointer(rebasing: buffer[done..<(done + count)])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bounce[skip..<(skip + count)]))
            done += count
            if got % block != 0 { break }  // the end of the file; anything else short is simply continued
        }
        return done
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(StorageError) {
        var done = 0
        while done < bytes.count {
            let count = pwrite(descriptor, bytes.baseAddress! + done, bytes.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 {
                throw .system("pwrite", path, at: offset + done, ENOSPC)
            } else if errno != EINTR {
                throw .system("pwrite", path, at: offset + done, errno)
            }
        }
    }

    /// One `pwritev`; what a short one leaves over is written piece by piece.
    func write(_ pieces: [UnsafeRawBufferPointer], at offset: Int) throws(StorageError) {
        let vectors = pieces.map {
            iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
        }
        var done = 0
        while done == 0 {
            done = pwritev(descriptor, vectors, Int32(vectors.count), off_t(offset))
            if done == 0 { throw .system("pwritev", path, at: offset, ENOSPC) }
            if done < 0 {
                if errno != EINTR { throw .system("pwritev", path, at: offset, errno) }
                done = 0
            }
        }
        var start = 0
        for piece in pieces {
            let skip = min(max(0, done - start), piece.count)
            try write(UnsafeRawBufferPointer(rebasing: piece[skip...]), at: offset + start + skip)
            start += piece.count
        }
    }

    func zeroFill(from offset: Int, count: Int) throws(StorageError) {
        let zeroes = UnsafeMutableRawBufferPointer.allocate(byteCount: min(count, 1 << 20), alignment: 4096)
        defer { zeroes.deallocate() }
        zeroes.initializeMemory(as: UInt8.self, repeating: 0)
        var done = 0
        while done < count {
            let portion = UnsafeRawBufferPointer(rebasing: zeroes[..<min(zeroes.count, count - done)])
            try write(portion, at: offset + done)
            done += portion.count
        }
    }

    func sync() throws(StorageError) {
        // Not repeated on EINTR or anything else: after a failed sync the kernel may have dropped the pages.
        if fdatasync(descriptor) != 0 { throw .system("fdatasync", path, errno) }
    }

    private static func read(
        _ descriptor: Int32, _ path: String, into buffer: UnsafeMutableRawBufferPointer, at offset: Int
    ) throws(StorageError) -> Int {
        var done = 0
        while done < buffer.count {
            let count = pread(descriptor, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            if count > 0 {
                done += count
            } else if count == 0 {
                break
            } else if errno != EINTR {
                throw .system("pread", path, at: offset + done, errno)
            }
        }
        return done
    }
}
