internal import LedgerCore
internal import LedgerStorage

/// How fast a start is on this machine: for INFO's `recovery_seconds`, and for when a snapshot is due.
///
/// A guess at first. Each start puts in its place what its parts took, as far as there was enough of a part to tell a
/// pace from a beginning; the rest is what any start takes. Each fold corrects the two parts that it shares with a
/// start. It runs at the lowest priority beside a busy server, so its time is that of its thread, stretched as the last
/// start's was by waiting for the disk.
struct RecoveryPace: Equatable, Sendable {
    /// Seconds for one of each.
    var event = 5e-6
    /// Each unpacks to many, in rows that must be indexed.
    var snapshotByte = 1.3e-7
    /// Of sealed segments whose checksums are looked at before serving: beside the replay, so this is what a start
    /// waits for them once that is done.
    var historyByte = 1e-9
    /// Filling the views, opening keys.
    var user = 2e-6
    /// What a start takes besides.
    var fixed = 0.0
    /// Seconds that passed for a second of work.
    var stretch = 1.0

    /// What a start has to do.
    struct Size: Equatable, Sendable {
        var events: UInt64 = 0
        var snapshotBytes = 0
        var historyBytes = 0
        var users = 0
    }

    /// Of less than this, no pace is learned.
    private static let enough = Size(
        events: 10_000, snapshotBytes: 1 << 20, historyBytes: 8 << 20, users: 10_000)

    func seconds(_ size: Size) -> Double {
        fixed + Double(size.events) * event + Double(size.snapshotBytes) * snapshotByte
            + Double(size.historyBytes) * historyByte + Double(size.users) * user
    }

    /// As a start has just shown it, which took `seconds` in all, `users` of them for what it does for each user.
    mutating func learn(start size: Size, _ took: ReplayTimes, users: Double, seconds: Double) {
        fixed = 0
        func part(_ pace: inout Double, _ amount: Int, _ seconds: Double, enough: Int) {
            if amount >= enough {
                pace = seconds / Double(amount)
            } else {
                // Little as it is, each cannot have taken longer than all did.
                if amount > 0 { pace = min(pace, seconds / Double(amount)) }
                fixed += seconds - pace * Double(amount)
            }
        }
        part(&event, Int(size.events), took.journal.wall, enough: Int(Self.enough.events))
        part(&snapshotByte, size.snapshotBytes, took.snapshot.wall, enough: Self.enough.snapshotBytes)
        part(&historyByte, size.historyBytes, took.history.wall, enough: Self.enough.historyBytes)
        part(&user, size.users, users, enough: Self.enough.users)
        fixed += max(0, seconds - took.total.wall - users)
        let folded = took.snapshot + took.journal
        if folded.cpu >= 0.05 { stretch = max(1, folded.wall / folded.cpu) }
    }

    /// As a fold has just shown it.
    mutating func learn(fold size: Size, _ took: ReplayTimes) {
        if size.events >= Self.enough.events { event = took.journal.cpu * stretch / Double(size.events) }
        if size.snapshotBytes >= Self.enough.snapshotBytes {
            snapshotByte = took.snapshot.cpu * stretch / Double(size.snapshotBytes)
        }
    }

    /// Whether an estimate of this size is another one now, as far as anybody would notice.
    func differs(from old: RecoveryPace, at size: Size) -> Bool {
        let (new, old) = (seconds(size), old.seconds(size))
        return abs(new - old) > max(0.05, 0.1 * old)
    }
}

/// Where the pace is kept for the next start: a side file, one line of words and numbers. A hint, part of no hash;
/// without it, or where it makes no sense, the next start guesses. Written by a start, and by the fold beside it:
/// never two at once.
struct RecoveryPaceFile: Sendable {
    private let disk: any Disk
    private let path: String

    init(_ disk: any Disk, directory: String) {
        self.disk = disk
        path = directory + "/recovery-pace"
    }

    private static let fields: [(name: String, field: any WritableKeyPath<RecoveryPace, Double> & Sendable)] = [
        ("event", \.event), ("snapshot_byte", \.snapshotByte), ("history_byte", \.historyByte), ("user", \.user),
        ("fixed", \.fixed), ("stretch", \.stretch),
    ]

    func load() -> RecoveryPace? {
        guard let bytes = try? disk.contents(of: path), bytes.count < 1024 else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 2 * Self.fields.count else { return nil }
        var pace = RecoveryPace()
        for (index, field) in Self.fields.enumerated() {
            guard words[2 * index] == field.name, let value = Double(words[2 * index + 1]), value >= 0, value < 1e6
            else { return nil }
            pace[keyPath: field.field] = value
        }
        return pace
    }

    /// A failure leaves the old one, or none.
    func save(_ pace: RecoveryPace) {
        let text = Self.fields.map { "\($0.name) \(pace[keyPath: $0.field])" }.joined(separator: " ") + "\n"
        do throws(StorageError) {
            let temporary = path + ".tmp"
            if try disk.exists(temporary) { try disk.remove(temporary) }
            let file = try disk.open(temporary, .create)
            var failure: StorageError?
            Array(text.utf8).withUnsafeBytes { bytes in
                do throws(StorageError) { try file.write(bytes, at: 0) } catch { failure = error }
            }
            if let failure { throw failure }
            try disk.rename(temporary, to: path)
        } catch {
            return
        }
    }
}
