internal import Glibc

/// A fault: the world failed, or bytes are not what was written. For the log it is final; nobody retries.
///
/// It always says which file, where in it if that is known, and why. `reason` is what programs and tests look at;
/// `description` is what people read.
package struct StorageError: Error, Sendable, Equatable {
    package enum Reason: Sendable, Equatable {
        // The system
        /// A system call failed; `errno` of `operation`.
        case system(operation: String, errno: Int32)
        /// The log has seen a failed write or sync before; only a restart, which looks at the disk itself, may go on.
        case latched
        /// There is no zero-filled room; nothing was written.
        case noRoom

        // The directory as a whole
        case absent
        case notADirectory
        case noSuchFolder
        case notALedger
        case newerFormat
        case olderFormat
        case inUse
        case readOnlyDirectory
        case foreignLedger

        // Segments
        case missingSegment
        case truncatedSegment
        case misplacedSegment
        case damagedSegmentHeader
        case unlistedSegment

        // Batches and frames
        case damagedBatch
        case damagedFrame
        case brokenChain
        case lostAcknowledged
        case noSuchEvent
        case refusedByState

        // Other files
        case damagedManifest
        case damagedMarker
        case damagedSnapshot
        case missingSnapshot
        case missingPepper
        case differentPepper
        case damagedPepper
        case missingKeyFile
        case damagedKeyFile
        case damagedKey
        case missingKey
        case destroyedKey
        case notAuthentic
    }

    package var reason: Reason
    package var path: String
    package var offset: Int?
    package var detail: String

    package init(_ reason: Reason, _ path: String, at offset: Int? = nil, _ detail: String = "") {
        self.reason = reason
        self.path = path
        self.offset = offset
        self.detail = detail
    }

    /// A failed `operation`, with its errno.
    static func system(_ operation: String, _ path: String, at offset: Int? = nil, _ code: Int32) -> StorageError {
        StorageError(.system(operation: operation, errno: code), path, at: offset)
    }

    /// The disk or the quota is full: the journal goes read-only instead of dying.
    package var isOutOfSpace: Bool {
        if case .system(_, let code) = reason { return code == ENOSPC || code == EDQUOT }
        return reason == .noRoom
    }

    /// Whether a fault may be a running server's doing. A batch that was half written when it was read, and had a
    /// successor a moment later, looks like damage. A segment that was sealed since the manifest was read has lost its
    /// live file, or that file holds a later segment by now; the manifest that says so was there before. Damage is
    /// still there at the next look, with the same manifest.
    package var mayPass: Bool {
        let passing: [Reason] = [
            .damagedBatch, .damagedSegmentHeader, .brokenChain, .missingSegment, .misplacedSegment, .truncatedSegment,
            .lostAcknowledged,
        ]
        return passing.contains(reason) || isNoSuchFile
    }

    var isNoSuchFile: Bool {
        if case .system(_, ENOENT) = reason { return true }
        return false
    }

    var isNoDirectory: Bool {
        if case .system(_, ENOTDIR) = reason { return true }
        return false
    }

    /// The system did not let us look, or failed while we did: says nothing about what the bytes are.
    package var isOfTheSystem: Bool {
        if case .system = reason { return true }
        return false
    }

    var isReadOnly: Bool {
        if case .system(_, let code) = reason { return code == EROFS || code == EACCES || code == EPERM }
        return false
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        let place = offset.map { "\(path) at byte \($0)" } ?? path
        return detail.isEmpty ? "\(place): \(reason.sentence)" : "\(place): \(reason.sentence): \(detail)"
    }
}

extension StorageError.Reason {
    /// What happened, in words, without the file.
    package var sentence: String {
        switch self {
        case .system(let operation, let code): "\(operation) failed: \(String(cString: strerror(code))) (errno \(code))"
        case .latched: "the journal stopped after a failed write or sync; restart to recover"
        case .noRoom: "no zero-filled room for another batch"
        case .absent: "there is no ledger here"
        case .notADirectory: "this is not a directory; a ledger needs one of its own, empty or not there yet"
        case .noSuchFolder: "there is no such folder"
        case .notALedger: "this directory holds other files and is not a Florin data directory"
        case .newerFormat: "written by a newer Florin than this one; use that version to open it"
        case .olderFormat: "written by an older Florin, in a format that this one does not read any more"
        case .inUse: "another process has this data directory open"
        case .readOnlyDirectory: "the data directory cannot be written to"
        case .foreignLedger: "this file belongs to another ledger"
        case .missingSegment: "a journal segment is missing"
        case .truncatedSegment: "a journal segment is shorter than it must be"
        case .misplacedSegment: "this file is another segment of the journal (swapped or duplicated)"
        case .damagedSegmentHeader: "the segment's header is damaged"
        case .unlistedSegment: "a segment holds journal data that the manifest does not list"
        case .damagedBatch: "a batch of the journal is damaged"
        case .damagedFrame: "a compressed frame of the journal is damaged"
        case .brokenChain: "the journal's chain is broken"
        case .lostAcknowledged: "acknowledged batches are missing from the end of the journal"
        case .noSuchEvent: "the journal holds no such event"
        case .refusedByState: "the ledger refuses what the journal says"
        case .damagedManifest: "the manifest is damaged"
        case .damagedMarker: "the directory's marker is damaged"
        case .damagedSnapshot: "the snapshot is damaged"
        case .missingSnapshot: "a snapshot is missing"
        case .missingPepper:
            "the pepper file is missing; without it no passport can be checked: restore it, or say where it lies (--pepper)"
        case .differentPepper: "this pepper does not belong to this ledger"
        case .damagedPepper: "the pepper file is damaged"
        case .missingKeyFile:
            "the key file is missing; without it no name can be read: restore it from a backup, nothing was changed"
        case .damagedKeyFile: "the key file is damaged: restore it from a backup, nothing was changed"
        case .damagedKey: "a user's key is damaged"
        case .missingKey: "a user's key is missing"
        case .destroyedKey: "the user's key was destroyed with the user"
        case .notAuthentic: "the sealed text does not belong to this user and ledger"
        }
    }
}
