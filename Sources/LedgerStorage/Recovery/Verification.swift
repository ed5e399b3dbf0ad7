package import LedgerCore

/// What `florin verify` found.
package struct VerificationReport: Sendable {
    package struct Finding: Sendable {
        package enum Kind: Sendable {
            /// Worth knowing, and all right: a torn tail that the next start will cut, a pepper that lies elsewhere.
            case note
            /// Bytes, chain, sums, states or invariants are not what they must be.
            case damage
        }
        package var kind: Kind
        package var text: String
        /// Where the finding is a fault of a file.
        package var error: StorageError?
    }

    package var findings: [Finding] = []
    package var segments = 0
    package var sealedSegments = 0
    package var batches = 0
    package var events = 0
    package var journalBytes = 0
    package var snapshots = 0
    package var lastLSN: LSN = .none
    package var lastTime: Timestamp = .distantPast
    /// The journal was followed from the first event to its end. If not, `lastLSN` is as far as it was, and `digest`
    /// and `chain` mean nothing.
    package var isComplete = false
    /// The state after the last event, replayed from the first.
    package var digest: Digest256 = .zero
    package var chain: Digest256 = .zero

    /// No damage.
    package var isSound: Bool { !findings.contains { $0.kind == .damage } }
}

/// Reads everything and believes nothing: every checksum of every file, the chain from the first batch to the last,
/// LSNs without a gap, times that rise, books that sum to zero after every batch, every invariant of the state, and for
/// each snapshot that restoring it and replaying what follows leads to the same state as replaying from the first
/// event. Then what else a start needs: no file that nobody lists, a key for every user with sealed text, the pepper.
///
/// What cannot be read is an error, thrown, and no finding: it says nothing about the ledger.
///
/// Takes the directory's lock (a running server would move files under it) and changes nothing. Cost: one pass over the
/// whole journal, a second one over what lies behind the oldest snapshot, two over each snapshot; memory for one state.
///
/// The proof for snapshots goes step by step: the state replayed from genesis has, at each snapshot's LSN, the
/// snapshot's digest; and each snapshot, restored and replayed to the LSN of the next one (the last: to the end), has
/// the digest that genesis had there. So every snapshot with its tail equals the journal from genesis, and no event is
/// applied more than twice, however many snapshots there are.
package struct Verification<State: JournaledState & ~Copyable>: ~Copyable {
    private let directory: DataDirectory
    private let pepper: String?
    private var report = VerificationReport()

    /// `pepper` says where the pepper lies, if not in the directory.
    package static func run(
        _ path: String, on disk: any Disk, pepper: String? = nil
    ) throws(StorageError) -> VerificationReport {
        let lock: LockedDirectory
        do throws(StorageError) {
            lock = try LockedDirectory.open(path, on: disk)
        } catch  where error.reason == .damagedMarker {
            // Whose it is cannot be said any more, so nothing else can be looked at.
            var report = VerificationReport()
            report.findings.append(.init(kind: .damage, text: error.description, error: error))
            return report
        }
        defer { lock.release() }
        var verification = Verification(directory: lock.directory, pepper: pepper)
        return try verification.run()
    }

    private init(directory: DataDirectory, pepper: String?) {
        self.directory = directory
        self.pepper = pepper
    }

    private mutating func run() throws(StorageError) -> VerificationReport {
        do throws(StorageError) {
            let (manifest, warnings) = try Manifest.load(from: directory)
            for warning in warnings { damage(warning) }
            let good = try checkSnapshotFiles(manifest)
            report.snapshots = good.count
            let inspection = try JournalInspection(directory, manifest, pastCache: false)
            report.segments = inspection.currentIndex + 1
            report.sealedSegments = inspection.segments.count(where: \.isSealed)
            try checkLeftovers(inspection)
            if let digests = try replayFromGenesis(inspection, good) { try replaySnapshots(inspection, good, digests) }
        } catch {
            try damage(error)
        }
        return report
    }

    private mutating func damage(_ text: String) {
        report.findings.append(.init(kind: .damage, text: text, error: nil))
    }
    private mutating func damage(_ error: StorageError) throws(StorageError) {
        if error.isOfTheSystem { throw error }
        report.findings.append(.init(kind: .damage, text: error.description, error: error))
    }
    private mutating func note(_ text: String) { report.findings.append(.init(kind: .note, text: text, error: nil)) }

    // MARK: Snapshots by themselves

    /// Every byte of every snapshot file; returns the good ones, ascending.
    private mutating func checkSnapshotFiles(_ manifest: Manifest) throws(StorageError) -> [SnapshotDescription] {
        var good: [SnapshotDescription] = []
        if try !directory.disk.exists(directory.snapshots) {
            note("\(directory.snapshots) is missing; the next start makes it again, without snapshots")
        }
        for lsn in try unlistedSnapshots(manifest) {
            let path = directory.snapshot(lsn)
            do throws(StorageError) {
                let description = try SnapshotReader.verify(path, directory)
                guard description.head.lastLSN == lsn else {
                    throw StorageError(.damagedSnapshot, path, "it is of LSN \(description.head.lastLSN.value)")
                }
                good.append(description)
                note("\(path) is complete and not listed; the next start takes it")
            } catch {
                if error.isOfTheSystem { throw error }
                note("\(error); it is not listed, and the next start sets it aside")
            }
        }
        for listed in manifest.snapshots {
            do throws(StorageError) {
                let description = try SnapshotReader.verify(directory.snapshot(listed.lsn), directory)
                guard description.record == listed else {
                    throw StorageError(
                        .damagedSnapshot, directory.snapshot(listed.lsn), "it is not the one the manifest lists")
                }
                if description.booksSum != 0 {
                    damage("\(directory.snapshot(listed.lsn)): the books sum to \(description.booksSum)")
                }
                good.append(description)
            } catch {
                try damage(error)
            }
        }
        return good.sorted { $0.head.lastLSN < $1.head.lastLSN }
    }

    /// What a start would try although no manifest lists it: what a fold finished just before the end.
    private func unlistedSnapshots(_ manifest: Manifest) throws(StorageError) -> [LSN] {
        let listed = Set(manifest.snapshots.map(\.lsn))
        return try directory.presentSnapshots().filter { !listed.contains($0) }
    }

    // MARK: What else a start needs

    private mutating func checkLeftovers(_ inspection: JournalInspection) throws(StorageError) {
        do throws(StorageError) {
            let leftovers = try Leftovers.find(inspection, segmentBytes: JournalFormat.defaultSegmentBytes)
            for warning in leftovers.warnings { note(warning) }
        } catch {
            try damage(error)
        }
    }

    private mutating func checkKeys(_ state: borrowing State) throws(StorageError) {
        do throws(StorageError) {
            let findings = try KeyStore(reading: directory).findings(state, opening: true)
            for error in findings.first { try damage(error) }
            if findings.users > findings.first.count {
                damage(
                    "\(directory.keys): \(findings.users - findings.first.count) more users have lost their key, or it is another one's"
                )
            }
            if findings.survivors > 0 {
                note(
                    "\(directory.keys): keys of deleted users are there (\(findings.survivors)); the next start destroys them"
                )
            }
            if findings.strays > 0 {
                note(
                    "\(directory.keys): slots of no user are damaged (\(findings.strays)); they are written anew when needed"
                )
            }
        } catch {
            try damage(error)
        }
    }

    private mutating func checkPepper() throws(StorageError) {
        do throws(StorageError) {
            guard try Pepper.verify(directory, at: pepper) else {
                return note("the pepper was not checked: it is not in the directory (--pepper FILE says where it is)")
            }
        } catch {
            try damage(error)
        }
    }

    // MARK: The journal from its first event

    /// Digests of the replayed state at each snapshot and at the end (under the end's LSN); nil when the journal is
    /// damaged.
    private mutating func replayFromGenesis(
        _ inspection: JournalInspection, _ snapshots: [SnapshotDescription]
    ) throws(StorageError) -> [LSN: Digest256]? {
        var walk = GenesisWalk(waiting: snapshots[...])
        var head = JournalHead.genesis
        for index in 0...inspection.currentIndex {
            // After damage in one segment the others' bytes are still worth checking, each from its own beginning.
            if !walk.isWhole { head = inspection.segments[index].start! }
            do throws(StorageError) {
                let ending = try inspection.scanSegment(index, head: &head) { batch throws(StorageError) in
                    try examine(batch, &walk)
                    return .onward
                }
                if let ending, index == inspection.currentIndex { noteTail(ending, inspection.path(index)) }
            } catch {
                try damage(error)
                walk.isWhole = false
            }
        }
        guard walk.isWhole else {
            report.lastLSN = walk.state.lastLSN
            return nil
        }
        if walk.state.userCount > 0 {  // a ledger without any was never begun: its first start makes all of it
            try checkKeys(walk.state)
            try checkPepper()
        }
        meetSnapshot(at: head.nextSequence, head.chain, &walk)
        for snapshot in walk.waiting {
            damage("\(directory.snapshot(snapshot.head.lastLSN)) stands at no place of the journal")
        }
        for violation in walk.state.violations() { damage("after LSN \(head.lastLSN.value): \(violation)") }
        report.lastLSN = head.lastLSN
        report.lastTime = head.time
        report.chain = head.chain
        report.digest = StateDigest.of(walk.state)
        report.isComplete = true
        walk.digests[head.lastLSN] = report.digest
        return walk.waiting.isEmpty ? walk.digests : nil
    }

    private mutating func noteTail(_ ending: RawEnding, _ path: String) {
        if let why = ending.objection {
            note("\(path) at byte \(ending.offset): a torn tail (\(why)); the next start cuts it")
        } else if let remains = ending.remains {
            note(
                "\(path): what lies behind byte \(ending.offset) is not empty (from byte \(remains)); the next start cuts it. A "
                    + "batch that was never finished leaves this, and one whose beginning the disk has lost")
        }
    }

    private struct GenesisWalk: ~Copyable {
        var state = State()
        /// No damage so far: the state counts.
        var isWhole = true
        /// Snapshots whose place has not been reached.
        var waiting: ArraySlice<SnapshotDescription>
        var digests: [LSN: Digest256] = [:]
        var previousTime = Timestamp.distantPast
        var previousIsEmpty = true
    }

    private mutating func examine(_ batch: ScannedBatch, _ walk: inout GenesisWalk) throws(StorageError) {
        let header = batch.header
        let place = "\(batch.path) at byte \(batch.offset): batch \(header.sequence)"
        report.batches += 1
        report.events += header.count
        report.journalBytes += JournalFormat.headerBytes + header.payloadBytes
        if header.booksSum != 0 { damage("\(place): the books sum to \(header.booksSum)") }
        let mayBeEqual = header.count == 0 || walk.previousIsEmpty
        if header.baseTime < walk.previousTime || (header.baseTime == walk.previousTime && !mayBeEqual) {
            damage("\(place) was recorded before the one before it")
        }
        walk.previousTime = header.count == 0 ? header.baseTime : header.time(ofEvent: header.count - 1)
        walk.previousIsEmpty = header.count == 0
        if header.durableThrough >= header.firstLSN { damage("\(place) calls LSNs durable that come after it") }

        guard walk.isWhole else { return }
        meetSnapshot(at: header.sequence, header.previousChain, &walk)
        _ = try walk.state.apply(batch)
    }

    /// Compares the next waiting snapshot with the replayed state, where the two meet.
    private mutating func meetSnapshot(at sequence: UInt64, _ chain: Digest256, _ walk: inout GenesisWalk) {
        guard let snapshot = walk.waiting.first, snapshot.head.nextSequence <= sequence else { return }
        walk.waiting = walk.waiting.dropFirst()
        let path = directory.snapshot(snapshot.head.lastLSN)
        guard snapshot.head.nextSequence == sequence, snapshot.head.chain == chain else {
            return damage("\(path) belongs to another history of this ledger")
        }
        walk.digests[snapshot.head.lastLSN] = StateDigest.of(walk.state)
    }

    // MARK: The journal from each snapshot

    private mutating func replaySnapshots(
        _ inspection: JournalInspection, _ snapshots: [SnapshotDescription], _ digests: [LSN: Digest256]
    ) throws(StorageError) {
        for (index, snapshot) in snapshots.enumerated() {
            let path = directory.snapshot(snapshot.head.lastLSN)
            let goal = index + 1 < snapshots.count ? snapshots[index + 1].head.lastLSN : report.lastLSN
            do throws(StorageError) {
                var state = State()
                _ = try SnapshotReader.load(path, directory, into: &state)
                // A file whose rows have an earlier version says the same with other bytes.
                let digest = digests[snapshot.head.lastLSN]
                if digest != snapshot.digest, digest != StateDigest.of(state) {
                    damage("\(path): replaying from the first event leads to another state")
                }
                if snapshot.head.lastLSN < goal {
                    let first = inspection.index(holding: snapshot.head)
                    _ = try inspection.scan(from: first, limit: goal) { batch throws(StorageError) in
                        _ = try state.apply(batch)
                        return .onward
                    }
                }
                if StateDigest.of(state) != digests[goal] {
                    damage(
                        "\(path), replayed to LSN \(goal.value), leads to another state than the whole journal")
                }
                for violation in state.violations() { damage("\(path), replayed to LSN \(goal.value): \(violation)") }
            } catch {
                try damage(error)
            }
        }
    }
}
