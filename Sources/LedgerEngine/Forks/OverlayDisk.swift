internal import Glibc
internal import LedgerCore
package import LedgerStorage

/// What another disk held at one moment, and whatever is written since, in memory: the disk of a fork, and of who only
/// looks. Nothing that is done here reaches the other one.
///
/// Files that never change (sealed segments, snapshots) are read from where they lie; all others are copied. A server
/// may be at work there meanwhile, in this process or in another:
///
///   manifests first   what they list is there a moment later too, and more
///   live segments     backwards, see `copy`
///   keys last         those of all that is in the journal
///
/// What a server in another process recycles or removes in between shows as a fault of a file: then it is made anew.
final class OverlayDisk: Disk {
    private enum Below {
        case open(any DiskFile)
        /// Opened whenever it is asked for: a history may have more files than a process.
        case lasting
    }

    private let disk: any Disk
    private let memory: MemoryDisk
    private let below: Lock<[String: Below]>

    /// Takes what lies in a directory and below it, and some files from elsewhere. Memory: that of the unsealed
    /// segments, and of the key file.
    init(of directory: String, also files: [String], on disk: any Disk) throws(StorageError) {
        self.disk = disk
        memory = MemoryDisk()
        var found: [String: Below] = [:]
        try Self.take(directory, from: disk, into: memory, &found)
        for path in files where try !memory.exists(path) {
            try Self.copy(disk.open(path, .read), to: memory.open(path, .create))
        }
        below = Lock(found)
    }

    /// What was copied and what was written since takes so many bytes. Cost: one load.
    var byteCount: Int { memory.byteCount }

    private static func take(
        _ place: String, from disk: any Disk, into memory: MemoryDisk, _ found: inout [String: Below]
    ) throws(StorageError) {
        try memory.makeDirectory(place)
        var later: [String] = []
        for name in try disk.list(place) {
            guard DataDirectory.copying(of: name) == .first else {
                later.append(name)
                continue
            }
            try takeFile(place + "/" + name, .first, from: disk, into: memory, &found)
        }
        var files: [String] = []
        for name in later {
            let path = place + "/" + name
            if try disk.isRegularFile(path) {
                files.append(name)
            } else if try disk.exists(path) {
                try take(path, from: disk, into: memory, &found)
            }
        }
        for name in files {
            try takeFile(place + "/" + name, DataDirectory.copying(of: name), from: disk, into: memory, &found)
        }
    }

    private static func takeFile(
        _ path: String, _ copying: DataDirectory.Copying, from disk: any Disk, into memory: MemoryDisk,
        _ found: inout [String: Below]
    ) throws(StorageError) {
        switch copying {
        case .none: return
        case .lasting: found[path] = .lasting
        case .first, .kept, .whole:
            let file: any DiskFile
            // What is renamed or removed meanwhile was only on its way to its name, or is not needed any more.
            do throws(StorageError) { file = try disk.open(path, .read) } catch {
                if try disk.exists(path) { throw error }
                return
            }
            if case .kept = copying {
                found[path] = .open(file)
            } else {
                try copy(file, to: memory.open(path, .create))
            }
        }
    }

    private static let piece = 256 << 10
    private static let block = 4 << 10

    /// From its end to its beginning, a block at a time where there is anything. Who appends meanwhile writes each
    /// block after those before it, so whatever the copy holds, it holds all that was written before: it ends like a
    /// file whose last write was torn, and nothing stands behind a gap.
    private static func copy(_ file: any DiskFile, to target: any DiskFile) throws(StorageError) {
        let size = try file.size()
        try target.zeroFill(from: 0, count: size)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: piece, alignment: block)
        defer { buffer.deallocate() }
        var end = size
        while end > 0 {
            let start = (end - 1) / piece * piece
            let count = try file.read(
                into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<(end - start)]), at: start)
            var place = count
            // Nothing there when it was looked at: so it stays.
            if UnsafeRawBufferPointer(rebasing: buffer[..<count]).isZero { place = 0 }
            while place > 0 {
                let from = (place - 1) / block * block
                let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(place - from)])
                let got = try file.read(into: part, at: start + from)
                try target.write(UnsafeRawBufferPointer(rebasing: part[..<got]), at: start + from)
                place = from
            }
            end = start
        }
    }

    private func file(below path: String) throws(StorageError) -> (any DiskFile)? {
        switch below.withLock({ $0[path] }) {
        case nil: nil
        case .open(let file): file
        case .lasting: try disk.open(path, .read)
        }
    }

    private func isBelow(_ path: String) -> Bool { below.withLock { $0[path] != nil } }

    func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        guard let file = try file(below: path) else { return try memory.open(path, mode) }
        switch mode {
        case .read: return file
        case .create: throw StorageError(.system(operation: "open", errno: EEXIST), path)
        case .readWrite:
            // Nobody writes to what is frozen; who asks for it so gets a copy.
            let copy = try memory.open(path, .create)
            try Self.copy(file, to: copy)
            below.withLock { $0[path] = nil }
            return copy
        }
    }

    func exists(_ path: String) throws(StorageError) -> Bool {
        if isBelow(path) { return true }
        return try memory.exists(path)
    }

    func isRegularFile(_ path: String) throws(StorageError) -> Bool {
        if isBelow(path) { return true }
        return try memory.isRegularFile(path)
    }

    func rename(_ path: String, to target: String) throws(StorageError) {
        if isBelow(path) { _ = try open(path, .readWrite) }
        below.withLock { $0[target] = nil }
        try memory.rename(path, to: target)
    }

    func remove(_ path: String) throws(StorageError) {
        let wasBelow = below.withLock { $0.removeValue(forKey: path) != nil }
        if !wasBelow { try memory.remove(path) }
    }

    func list(_ directory: String) throws(StorageError) -> [String] {
        let start = directory + "/"
        let frozen = below.withLock { files in
            files.keys.filter { $0.hasPrefix(start) && !$0.dropFirst(start.count).contains("/") }
                .map { String($0.dropFirst(start.count)) }
        }
        return Array(Set(try memory.list(directory) + frozen)).sorted()
    }

    func makeDirectory(_ path: String) throws(StorageError) { try memory.makeDirectory(path) }
    func syncDirectory(_ path: String) throws(StorageError) {}
    func lock(_ path: String) throws(StorageError) -> (any DiskLock)? { try memory.lock(path) }
    func freeSpace(_ directory: String) throws(StorageError) -> Int { 1 << 40 }
}
