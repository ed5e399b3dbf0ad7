package import LedgerCore

// A data directory
// ================
//
//      DATA/
//        FLORIN                      the marker: says in words what this is, which format, which ledger
//        LOCK                        held by the one process that has the ledger open
//        manifest.a  manifest.b      which segments and snapshots there are (Manifest)
//        journal/
//          0000000001.sealed         a compressed segment, immutable (SealedFormat)
//          0000000002.segment        a live segment (JournalFormat)
//          spare-1.segment           zero-filled or recycled, unused
//        snapshots/
//          00000000000000012345.snapshot     the state at that LSN (SnapshotFormat)
//        keys                        one key for each user's personal text (KeyStore)
//        pepper  pepper.check        the server's secret, and how to recognise it (Pepper)
//        last-used                   when passports were last used: a hint of the engine, no part of the ledger
//        recovery-pace               how fast the last start was: likewise
//        audited                     which snapshot was proven last: likewise
//
// One of these names and `.tmp` is a file that was never finished; opening the directory removes it. What bears another
// name is somebody else's and is left alone. Directories are 0700, files 0600.
//
// The marker is written last when a ledger is created and carries its own checksum. A directory with other contents and
// no marker is refused. `FLORIN.creating` without `FLORIN` is a creation that was interrupted: nothing in it was ever
// acknowledged, and creating again starts over.

/// The names inside a data directory, and its identity. A value; taking the lock is `LockedDirectory`.
package struct DataDirectory: Sendable {
    package let disk: any Disk
    package let path: String
    package let identity: LedgerIdentity

    init(disk: any Disk, path: String, identity: LedgerIdentity) {
        self.disk = disk
        self.path = path
        self.identity = identity
    }

    package var journal: String { path + "/journal" }
    package var snapshots: String { path + "/snapshots" }
    package var keys: String { path + "/keys" }
    package var pepper: String { path + "/pepper" }
    package var pepperCheck: String { path + "/pepper.check" }
    var lastUsed: String { path + "/last-used" }
    var recoveryPace: String { path + "/recovery-pace" }
    package var audited: String { path + "/audited" }
    var manifests: [String] { [path + "/manifest.a", path + "/manifest.b"] }

    package func segment(_ number: UInt64) -> String { "\(journal)/\(Self.padded(number, 10)).segment" }
    package func sealed(_ number: UInt64) -> String { "\(journal)/\(Self.padded(number, 10)).sealed" }
    func spare(_ number: UInt64) -> String { "\(journal)/spare-\(number).segment" }
    package func snapshot(_ lsn: LSN) -> String { "\(snapshots)/\(Self.padded(lsn.value, 20)).snapshot" }

    static func padded(_ number: UInt64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    /// The LSNs of the snapshot files that are there, listed or not.
    func presentSnapshots() throws(StorageError) -> [LSN] {
        (try disk.names(in: snapshots) ?? []).compactMap { Self.number(in: $0, suffix: ".snapshot") }.map { LSN($0) }
    }

    /// How a file is taken by who copies the directory while a server writes there.
    package enum Copying: Sendable {
        /// Before all others: it lists less than what is there a moment later, never more.
        case first
        /// Never changes and never goes: read from where it lies, by its name.
        case lasting
        /// Never changes, yet may go: opened at once.
        case kept
        /// Nobody needs it.
        case none
        case whole
    }

    package static func copying(of name: String) -> Copying {
        if name.hasPrefix("manifest.") { return .first }
        if name.hasSuffix(".sealed") { return .lasting }
        if name.hasSuffix(".snapshot") { return .kept }
        return name.hasPrefix("spare-") || name.hasSuffix(".tmp") ? .none : .whole
    }

    /// The number in a name such as `0000000007.segment`; nil for other names.
    static func number(in name: String, suffix: String, prefix: String = "") -> UInt64? {
        guard name.hasPrefix(prefix), name.hasSuffix(suffix) else { return nil }
        return UInt64(name.dropFirst(prefix.count).dropLast(suffix.count))
    }
}

// MARK: - The marker

extension DataDirectory {
    /// Which files there are and what each is for. Directories of format 0 are listed, and opened no more.
    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 1)
    static let oldestListed: UInt16 = 0

    static func marker(in path: String) -> String { path + "/FLORIN" }
    static func creating(in path: String) -> String { path + "/FLORIN.creating" }
    static func lockFile(in path: String) -> String { path + "/LOCK" }

    fileprivate static func markerText(_ identity: LedgerIdentity) -> [UInt8] {
        let text = """
            This is a Florin data directory: a ledger. Do not edit, add or remove files here.
            format \(version.current)
            reader \(version.minimumReader)
            ledger \(identity.uuid)
            shard \(identity.shard)

            """
        return Array(text.utf8) + checkLine(Array(text.utf8)[...])
    }

    private static func checkLine(_ text: ArraySlice<UInt8>) -> [UInt8] {
        Array("check \(text.withUnsafeBytes { $0.crc32c })\n".utf8)
    }

    /// Whether the last line is the checksum of those before it, whatever they say.
    private static func checks(_ marker: [UInt8]) -> Bool {
        guard let end = marker.dropLast().lastIndex(of: UInt8(ascii: "\n")) else { return false }
        return Array(marker[(end + 1)...]) == checkLine(marker[...end])
    }

    private static func parseMarker(
        _ bytes: [UInt8], _ path: String, toList: Bool
    ) throws(StorageError) -> LedgerIdentity {
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        var fields: [Substring: Substring] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: " ", maxSplits: 1)
            if parts.count == 2 { fields[parts[0]] = parts[1] }
        }
        guard text.hasPrefix("This is a Florin data directory") else {
            throw StorageError(.damagedMarker, path, "it does not begin like a marker")
        }
        // A newer format may word everything below differently, or end in another way; these two lines stay.
        let format = fields["format"].flatMap { UInt16($0) }
        let reader = fields["reader"].flatMap { UInt16($0) }
        if let reader, reader > version.current {
            throw StorageError(
                .newerFormat, path,
                "the directory has format \(fields["format"] ?? "?"), this Florin reads \(version.current)")
        }
        guard checks(bytes) else {
            throw StorageError(
                .damagedMarker, path,
                "its checksum does not match; restore this file from a backup of the directory, nothing was changed")
        }
        guard let format, reader != nil else { throw StorageError(.damagedMarker, path, "it names no format") }
        guard format >= (toList ? oldestListed : version.oldest) else {
            let folder = parentDirectory(of: path)
            throw StorageError(
                .olderFormat, path,
                "the directory has format \(format), this Florin reads format \(version.oldest); nothing was changed. "
                    + "florin journal \(folder) still lists its events; the Florin that wrote it opens it")
        }
        guard
            let uuid = fields["ledger"].flatMap({ LedgerUUID(String($0)) }),
            let shard = fields["shard"].flatMap({ UInt16($0) })
        else { throw StorageError(.damagedMarker, path, "it names no ledger") }
        return LedgerIdentity(uuid: uuid, shard: shard)
    }

    /// What is at a path, without touching it.
    package enum Kind: Sendable, Equatable {
        /// Nothing, an empty directory, or a creation that was interrupted.
        case vacant
        case ledger
        case other
    }

    package static func kind(of path: String, on disk: any Disk) throws(StorageError) -> Kind {
        guard try disk.exists(path) else { return .vacant }
        if try disk.exists(marker(in: path)) { return .ledger }
        let names: [String]
        do throws(StorageError) {
            names = try disk.list(path)
        } catch {
            throw error.isNoDirectory ? StorageError(.notADirectory, path) : error
        }
        // What a creation leaves that was interrupted at its very first steps is nobody's.
        let beginnings: Set = ["LOCK", "FLORIN.creating.tmp"]
        return names.allSatisfy(beginnings.contains) || names.contains("FLORIN.creating") ? .vacant : .other
    }

    /// Reads the marker of an existing ledger; takes no lock. For readers of what never changes (a fold beside
    /// a running server) and as the first step of `LockedDirectory.open`.
    /// `toList`: also one of a format whose journal can only be listed.
    package static func inspect(
        _ path: String, on disk: any Disk, toList: Bool = false
    ) throws(StorageError) -> DataDirectory {
        switch try kind(of: path, on: disk) {
        case .vacant: throw StorageError(.absent, path)
        case .other: throw StorageError(.notALedger, path)
        case .ledger:
            guard let bytes = try disk.contents(of: marker(in: path)) else { throw StorageError(.absent, path) }
            let identity = try parseMarker(bytes, marker(in: path), toList: toList)
            return DataDirectory(disk: disk, path: path, identity: identity)
        }
    }
}

// MARK: - One owner

/// A data directory that this process alone has open. The lock goes with the last reference.
package final class LockedDirectory: Sendable {
    package let directory: DataDirectory
    private let lock: any DiskLock

    private init(directory: DataDirectory, lock: any DiskLock) {
        self.directory = directory
        self.lock = lock
    }

    /// Opens a ledger that exists.
    package static func open(_ path: String, on disk: any Disk) throws(StorageError) -> LockedDirectory {
        let directory = try DataDirectory.inspect(path, on: disk)
        return LockedDirectory(directory: directory, lock: try takeLock(path, disk))
    }

    /// Makes a new, empty ledger in a vacant place: its first segment, its manifest, and last its marker.
    package static func create(
        _ path: String, on disk: any Disk, identity: LedgerIdentity,
        segmentBytes: Int = JournalFormat.defaultSegmentBytes
    ) throws(StorageError) -> LockedDirectory {
        precondition(
            segmentBytes % JournalFormat.block == 0 && segmentBytes >= 4 * JournalFormat.block,
            "a segment size that is no multiple of 4 KiB, or too small for header, batch and closing batch")
        let directory = DataDirectory(disk: disk, path: path, identity: identity)
        guard try DataDirectory.kind(of: path, on: disk) == .vacant else {
            throw StorageError(.notALedger, path, "a new ledger needs an empty directory")
        }
        do throws(StorageError) {
            try disk.makeDurableDirectory(path)
            let lock = try takeLock(path, disk)
            // Somebody may have created one between our look and our lock.
            guard try DataDirectory.kind(of: path, on: disk) == .vacant else { throw StorageError(.inUse, path) }
            try disk.replace(
                DataDirectory.creating(in: path), with: Array("a ledger is being created here\n".utf8), in: path)
            try disk.makeDurableDirectory(directory.journal)
            try disk.makeDurableDirectory(directory.snapshots)
            for folder in [directory.journal, directory.snapshots] {
                for name in try disk.list(folder) { try disk.remove(folder + "/" + name) }
            }
            for name in ["keys", "pepper.check"] { try disk.removeIfPresent(path + "/" + name) }

            let header = SegmentHeader(
                identity: identity, number: 1, firstLSN: LSN(1), firstSequence: 1, previousChain: .zero,
                capacity: segmentBytes)
            let file = try disk.open(directory.segment(1), .create)
            try file.write(header.encoded(), at: 0)
            try file.zeroFill(from: JournalFormat.block, count: segmentBytes - JournalFormat.block)
            try file.sync()
            try disk.syncDirectory(directory.journal)

            var manifest = Manifest(identity: identity)
            manifest.segments = [
                Manifest.Segment(number: 1, state: .raw, firstLSN: LSN(1), firstSequence: 1, fileBytes: segmentBytes)
            ]
            try manifest.save(to: directory)
            try disk.replace(DataDirectory.marker(in: path), with: DataDirectory.markerText(identity), in: path)
            try disk.remove(DataDirectory.creating(in: path))
            try disk.syncDirectory(path)
            return LockedDirectory(directory: directory, lock: lock)
        } catch {
            throw error.isReadOnly ? StorageError(.readOnlyDirectory, path, error.description) : error
        }
    }

    private static func takeLock(_ path: String, _ disk: any Disk) throws(StorageError) -> any DiskLock {
        let file = DataDirectory.lockFile(in: path)
        do throws(StorageError) {
            guard let lock = try disk.lock(file) else {
                throw StorageError(.inUse, path, "stop the other server first (its lock is \(file))")
            }
            return lock
        } catch {
            throw error.isReadOnly ? StorageError(.readOnlyDirectory, path, error.description) : error
        }
    }

    package func release() { lock.release() }
}
