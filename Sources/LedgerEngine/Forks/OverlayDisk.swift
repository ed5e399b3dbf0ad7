internal import Glibc
internal import LedgerCore
package import LedgerStorage

/// What another disk held at one moment, and whatever is written since, in memory: the disk of a fork. Nothing that is
/// done here reaches the other one.
///
/// Files that never change (sealed segments, snapshots) are opened at that moment and read from where they lie, also
/// when their names are gone later; all others are copied.
final class OverlayDisk: Disk {
    private let memory: MemoryDisk
    private let below: Lock<[String: any DiskFile]>

    /// Takes what lies in a directory and below it; `isFrozen`: the file never changes any more. Its owner keeps files
    /// from being removed meanwhile.
    init(
        of directory: String, also files: [String], on disk: any Disk, isFrozen: (String) -> Bool
    ) throws(StorageError) {
        memory = MemoryDisk()
        var found: [String: any DiskFile] = [:]
        var left = [directory]
        while let place = left.popLast() {
            try memory.makeDirectory(place)
            for name in try disk.list(place) {
                let path = place + "/" + name
                guard try disk.isRegularFile(path) else {
                    if try disk.exists(path) { left.append(path) }
                    continue
                }
                let file: any DiskFile
                // What is renamed or removed meanwhile was only on its way to its name, or is not needed any more.
                do throws(StorageError) { file = try disk.open(path, .read) } catch {
                    if try disk.exists(path) { throw error }
                    continue
                }
                if isFrozen(name) {
                    found[path] = file
                } else {
                    try Self.copy(file, to: memory.open(path, .create))
                }
            }
        }
        for path in files where try !memory.exists(path) {
            try Self.copy(disk.open(path, .read), to: memory.open(path, .create))
        }
        below = Lock(found)
    }

    private static func copy(_ file: any DiskFile, to target: any DiskFile) throws(StorageError) {
        if let bytes = try file.readBytes(count: file.size()) { try target.write(bytes, at: 0) }
    }

    private func file(below path: String) -> (any DiskFile)? { below.withLock { $0[path] } }

    func open(_ path: String, _ mode: OpenMode) throws(StorageError) -> any DiskFile {
        guard let file = file(below: path) else { return try memory.open(path, mode) }
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
        if file(below: path) != nil { return true }
        return try memory.exists(path)
    }

    func isRegularFile(_ path: String) throws(StorageError) -> Bool {
        if file(below: path) != nil { return true }
        return try memory.isRegularFile(path)
    }

    func rename(_ path: String, to target: String) throws(StorageError) {
        if file(below: path) != nil { _ = try open(path, .readWrite) }
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
