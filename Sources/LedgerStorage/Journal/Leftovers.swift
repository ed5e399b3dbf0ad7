internal import LedgerCore

// Files beside the listed ones
// ============================
//
// A crash between two steps leaves files that no manifest lists: a segment that was named and not yet listed, the live
// file of a segment that is sealed, a spare, a temporary. They are told from lost data by what is in them, never by
// their names: a file goes, or is used again, only if it holds nothing, or what it holds is sealed in this ledger.
// Everything else that looks like a segment stops the start, named, untouched: a file that somebody renamed may be the
// only copy there is.

/// What lies beside the listed files. Finding it changes nothing; `tidy` does.
struct Leftovers {
    /// Numbers of unused files of the right size.
    var spares: [UInt64] = []
    /// Live files of segments that are sealed already.
    var retained: [(number: UInt64, bytes: Int)] = []
    /// What an interrupted step left, and nobody needs.
    var removable: [String] = []
    /// A sentence for each file that looks like the ledger's and is not.
    var warnings: [String] = []

    /// Looks at the files beside those that the inspection has found whole. Throws at what may be needed.
    static func find(_ inspection: JournalInspection, segmentBytes: Int) throws(StorageError) -> Leftovers {
        let finder = Finder(
            directory: inspection.directory,
            states: Dictionary(
                inspection.manifest.segments.map { ($0.number, $0.state) }, uniquingKeysWith: { $1 }),
            segmentBytes: segmentBytes)
        var leftovers = Leftovers()
        try finder.addTemporaries(to: &leftovers)
        for name in try inspection.directory.disk.list(inspection.directory.journal) where !name.hasSuffix(".tmp") {
            try finder.examine(name, &leftovers)
        }
        return leftovers
    }

    /// Removes what nobody needs, and makes the names that are there durable.
    func tidy(_ directory: DataDirectory) throws(StorageError) {
        for path in removable { try directory.disk.remove(path) }
        try directory.disk.removeIfPresent(DataDirectory.creating(in: directory.path))
        try directory.disk.syncDirectory(directory.journal)
    }

    private struct Finder {
        let directory: DataDirectory
        let states: [UInt64: Manifest.SegmentState]
        let segmentBytes: Int

        private var disk: any Disk { directory.disk }

        func addTemporaries(to leftovers: inout Leftovers) throws(StorageError) {
            for folder in [directory.path, directory.journal, directory.snapshots] {
                for name in try disk.names(in: folder) ?? [] where name.hasSuffix(".tmp") {
                    let path = folder + "/" + name
                    if directory.names(String(path.dropLast(4))), try disk.isRegularFile(path) {
                        leftovers.removable.append(path)
                    } else {
                        leftovers.warnings.append("\(path) is not a file of this ledger: left alone")
                    }
                }
            }
        }

        func examine(_ name: String, _ leftovers: inout Leftovers) throws(StorageError) {
            let path = directory.journal + "/" + name
            guard directory.names(path), try disk.isRegularFile(path) else {
                leftovers.warnings.append("\(path) is not a file of this ledger: left alone")
                return
            }
            if let number = DataDirectory.number(in: name, suffix: ".segment", prefix: "spare-") {
                try refuseNeeded(path, named: nil)
                if try disk.open(path, .read).size() == segmentBytes {
                    leftovers.spares.append(number)
                } else {
                    leftovers.removable.append(path)
                }
            } else if let number = DataDirectory.number(in: name, suffix: ".segment") {
                switch states[number] {
                case .raw, .prepared: break
                case .sealed:
                    try refuseNeeded(path, named: number)
                    leftovers.retained.append((number, try disk.open(path, .read).size()))
                case nil:
                    // Named and not listed yet: nothing can have been written into it. Unless a manifest was lost.
                    try refuseNeeded(path, named: number)
                    leftovers.removable.append(path)
                }
            } else if let number = DataDirectory.number(in: name, suffix: ".sealed") {
                switch states[number] {
                case .sealed: break
                case .raw:
                    // Complete, but the live file still counts; it will be sealed again.
                    try refuseOther(try Holding.ofSealed(path, directory), path, named: number)
                    leftovers.removable.append(path)
                case .prepared, nil:
                    let holding = try Holding.ofSealed(path, directory)
                    try refuseOther(holding, path, named: number)
                    let words = holding.words(in: directory) ?? "its header is damaged"
                    throw StorageError(.unlistedSegment, path, words + Self.advice)
                }
            }
        }

        /// Passes a live file in which nothing is, or nothing that is not sealed.
        private func refuseNeeded(_ path: String, named number: UInt64?) throws(StorageError) {
            let holding = try Holding.ofLive(path, directory)
            switch holding {
            case .nothing: return
            case .segment(let found, directory.identity) where states[found] == .sealed: return
            case .segment(number, directory.identity):
                throw StorageError(.unlistedSegment, path, holding.words(in: directory)! + Self.advice)
            case .segment, .unreadable: try refuseOther(holding, path, named: number)
            }
        }

        /// Throws at another segment's or another ledger's bytes, and at those in a format that is not read.
        private func refuseOther(_ holding: Holding, _ path: String, named number: UInt64?) throws(StorageError) {
            switch holding {
            case .nothing, .segment(number, directory.identity): return
            case .segment(_, directory.identity):
                throw StorageError(.misplacedSegment, path, holding.words(in: directory)! + Self.advice)
            case .segment:
                throw StorageError(.foreignLedger, path, holding.words(in: directory)! + Self.advice)
            case .unreadable(let fault): throw fault.error(path, at: 0)
            }
        }

        private static let advice =
            "; give it its own name again, take it out of the directory, or restore the directory from a backup. Nothing was changed"
    }
}

/// What a file of the journal holds by its own bytes, whatever it is called.
enum Holding: Equatable {
    /// No header and no batch that can be believed.
    case nothing
    case segment(UInt64, LedgerIdentity)
    case unreadable(FormatFault)

    /// "it holds segment 4 of this ledger"
    func words(in directory: DataDirectory) -> String? {
        guard case .segment(let number, let identity) = self else { return nil }
        return "it holds segment \(number) of "
            + (identity == directory.identity ? "this ledger" : "another ledger, \(identity.uuid)")
    }

    /// The header tells. Where it is destroyed or blank, every block is looked at: the newest batch tells.
    static func ofLive(_ path: String, _ directory: DataDirectory) throws(StorageError) -> Holding {
        let file = try directory.disk.open(path, .read)
        switch try file.readBytes(count: JournalFormat.block)?.withUnsafeBytes({ SegmentHeader.decode($0) }) {
        case .header(let header): return .segment(header.number, header.identity)
        case .unreadable(let fault): return .unreadable(fault)
        case .some(.none), nil: break
        }
        let size = try file.size()
        var window = SegmentWindow(file: file, limit: size, pastCache: false)
        var newest: UInt64?
        for place in stride(from: 0, to: size, by: JournalFormat.block) {
            switch BatchHeader.decode(try window.bytes(at: place, count: min(JournalFormat.block, size - place))) {
            case .header(let batch):
                guard batch.identity == directory.identity else { return .segment(batch.segment, batch.identity) }
                newest = max(newest ?? 0, batch.segment)
            case .unreadable(let fault): return .unreadable(fault)
            case .none: break
            }
        }
        return newest.map { .segment($0, directory.identity) } ?? .nothing
    }

    /// By the header alone: a sealed file was whole before it had a name.
    static func ofSealed(_ path: String, _ directory: DataDirectory) throws(StorageError) -> Holding {
        let header = try directory.disk.open(path, .read).readBytes(count: SealedFormat.headerBytes) ?? []
        return header.withUnsafeBytes { SealedFormat.holding($0) }
    }
}

extension DataDirectory {
    /// Whether a path is one that this directory's files have: the right folder, the whole name, the number written as
    /// we write it.
    func names(_ path: String) -> Bool {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        if let number = Self.number(in: name, suffix: ".segment", prefix: "spare-") { return path == spare(number) }
        if let number = Self.number(in: name, suffix: ".segment") { return path == segment(number) }
        if let number = Self.number(in: name, suffix: ".sealed") { return path == sealed(number) }
        if let number = Self.number(in: name, suffix: ".snapshot") { return path == snapshot(LSN(number)) }
        return
            (manifests + [
                keys, pepper, pepperCheck, lastUsed, recoveryPace, audited, Self.marker(in: self.path),
                Self.creating(in: self.path),
            ])
            .contains(path)
    }
}
