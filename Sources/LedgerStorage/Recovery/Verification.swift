package import LedgerCore

/// What `florin verify` found.
package struct VerificationReport: Sendable {
    package struct Finding: Sendable {
        package enum Kind: Sendable {
            /// Worth knowing, and all right: a torn tail that the next start will cut.
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
    /// The state after the last event, replayed from the first.
    package var digest: Digest256 = .zero
    package var chain: Digest256 = .zero

    /// No damage.
    package var isSound: Bool { !findings.contains { $0.kind == .damage } }
}

/// Reads everything and believes nothing: every checksum of every file, the chain from the first batch to the last,
/// LSNs without a gap, times that rise, books that sum to zero after every batch, every invariant of the state, and for
/// each snapshot that restoring it and replaying what follows leads to the same state as replaying from the first
/// event.
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
    private var report = VerificationReport()

    package static func run(_ path: String, on disk: any Disk) throws(StorageError) -> VerificationReport {
        let lock = try LockedDirectory.open(path, on: disk)
        defer { lock.release() }
        var verification = Verification(directory: lock.directory)
        return verification.run()
    }

    private init(directory: DataDirectory) { self.directory = directory }

    private mutating func run() -> VerificationReport {
        do throws(StorageError) {
            let (manifest, warnings) = try Manifest.load(from: directory)
            for warning in warnings { damage(warning) }
            let good = checkSnapshotFiles(manifest)
            let inspection = try JournalInspection(directory, manifest, pastCache: false)
            report.segments = inspection.currentIndex + 1
            report.sealedSegments = inspection.segments.count(where: { $0.sealed != nil })
            if let digests = replayFromGenesis(inspection, good) { replaySnapshots(inspection, good, digests) }
            report.snapshots = good.count
            try checkKeys()
        } catch {
            damage(error)
        }
        return report
    }

    private mutating func damage(_ text: String) {
        report.findings.append(.init(kind: .damage, text: text, error: nil))
    }
    private mutating func damage(_ error: StorageError) {
        report.findings.append(.init(kind: .damage, text: error.description, error: error))
    }
    private mutating func note(_ text: String) { report.findings.append(.init(kind: .note, text: text, error: nil)) }

    // MARK: Snapshots by themselves

    /// Every byte of every snapshot file; returns the good ones, ascending.
    private mutating func checkSnapshotFiles(_ manifest: Manifest) -> [SnapshotDescription] {
        var good: [SnapshotDescription] = []
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
                damage(error)
            }
        }
        return good
    }

    private mutating func checkKeys() throws(StorageError) {
        guard try directory.disk.exists(directory.keys) else { return }
        for error in try KeyStore(directory, ledgerIsNew: false).damagedSlots() { damage(error) }
    }

    // MARK: The journal from its first event

    /// Digests of the replayed state at each snapshot and at the end (under the end's LSN); nil when the journal is
    /// damaged.
    private mutating func replayFromGenesis(
        _ inspection: JournalInspection, _ snapshots: [SnapshotDescription]
    ) -> [LSN: Digest256]? {
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
                if let ending, index == inspection.currentIndex, let why = ending.objection {
                    note(
                        "\(inspection.path(index)) at byte \(ending.offset): a torn tail (\(why)); the next start cuts it"
                    )
                }
            } catch {
                damage(error)
                walk.isWhole = false
            }
        }
        guard walk.isWhole else { return nil }
        meetSnapshot(at: head.nextSequence, head.chain, &walk)
        for snapshot in walk.waiting {
            damage("\(directory.snapshot(snapshot.head.lastLSN)) stands at no place of the journal")
        }
        for violation in walk.state.violations() { damage("after LSN \(head.lastLSN.value): \(violation)") }
        report.lastLSN = head.lastLSN
        report.lastTime = head.time
        report.chain = head.chain
        report.digest = StateDigest.of(walk.state)
        walk.digests[head.lastLSN] = report.digest
        return walk.waiting.isEmpty ? walk.digests : nil
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
        if header.stateDigest != .zero, StateDigest.of(walk.state) != header.stateDigest {
            damage("\(place): the state after it has another digest")
        }
    }

    /// Compares the next waiting snapshot with the replayed state, where the two meet.
    private mutating func meetSnapshot(at sequence: UInt64, _ chain: Digest256, _ walk: inout GenesisWalk) {
        guard let snapshot = walk.waiting.first, snapshot.head.nextSequence <= sequence else { return }
        walk.waiting = walk.waiting.dropFirst()
        let path = directory.snapshot(snapshot.head.lastLSN)
        guard snapshot.head.nextSequence == sequence, snapshot.head.chain == chain else {
            return damage("\(path) belongs to another history of this ledger")
        }
        let digest = StateDigest.of(walk.state)
        walk.digests[snapshot.head.lastLSN] = digest
        if digest != snapshot.digest { damage("\(path): replaying from the first event leads to another state") }
    }

    // MARK: The journal from each snapshot

    private mutating func replaySnapshots(
        _ inspection: JournalInspection, _ snapshots: [SnapshotDescription], _ digests: [LSN: Digest256]
    ) {
        for (index, snapshot) in snapshots.enumerated() {
            let path = directory.snapshot(snapshot.head.lastLSN)
            let goal = index + 1 < snapshots.count ? snapshots[index + 1].head.lastLSN : report.lastLSN
            do throws(StorageError) {
                var state = State()
                _ = try SnapshotReader.load(path, directory, into: &state)
                if snapshot.head.lastLSN < goal {
                    let first = inspection.index(holding: snapshot.head)
                    _ = try inspection.scan(from: first, limit: goal) { batch throws(StorageError) in
                        _ = try state.apply(batch)
                        return .onward
                    }
                }
                if StateDigest.of(state) != digests[goal] {
                    damage(
                        "\(path), replayed to LSN \(goal.value), leads to another state than the journal from genesis")
                }
                for violation in state.violations() { damage("\(path), replayed to LSN \(goal.value): \(violation)") }
            } catch {
                damage(error)
            }
        }
    }
}
