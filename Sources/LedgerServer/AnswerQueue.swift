internal import LedgerCore
internal import RESP

/// Answers that are ready, in order, and that the socket has not taken.
///
/// A client may write a pipeline of any size before it reads, so what waits must be small. A receipt is a *reference*:
/// the LSN of its event, which the journal keeps anyway; it is read back and written out when the socket takes it.
/// Receipts of neighbouring events, as one client's pipeline of charges makes them, are one reference for all. What
/// cannot be read back (a read of the ledger as it was, a refusal, a secret that is shown once) waits as bytes, which
/// are counted. Commands that were refused because too much waits are a number.
struct AnswerQueue {
    /// What a receipt is made of when its turn comes.
    struct Reference: Equatable {
        enum Kind: UInt8 {
            /// The event of a command that was carried out.
            case receipt
            /// What was answered under a key before: an event, or a refusal that was remembered.
            case replay
        }
        var kind: Kind
        var lsn: LSN
        var version: RESPVersion
    }

    /// 16 bytes, whatever it stands for.
    struct Entry {
        enum Kind: UInt8 { case bytes, busy, receipt, replay }
        /// The first LSN of receipts.
        var lsn = LSN.none
        /// Bytes, commands refused, or receipts in a row.
        var count: UInt32
        var kind: Kind
        var version: RESPVersion
    }

    private var entries = ChunkQueue<Entry>(chunk: 1024)
    private var bytes = ChunkQueue<UInt8>(chunk: 64 << 10)

    var isEmpty: Bool { entries.isEmpty }
    /// What it takes, in bytes.
    var weight: Int { entries.count * MemoryLayout<Entry>.stride + bytes.count }
    var first: Entry? { entries.first }

    // MARK: Adding

    mutating func append(bytes added: [UInt8]) {
        bytes.append(contentsOf: added)
        add(Entry(count: UInt32(added.count), kind: .bytes, version: .v2)) { last in
            guard last.kind == .bytes else { return false }
            let (sum, overflow) = last.count.addingReportingOverflow(UInt32(added.count))
            if !overflow { last.count = sum }
            return !overflow
        }
    }

    mutating func append(_ reference: Reference) {
        let kind: Entry.Kind =
            switch reference.kind {
            case .receipt: .receipt
            case .replay: .replay
            }
        add(Entry(lsn: reference.lsn, count: 1, kind: kind, version: reference.version)) { last in
            guard last.kind == kind, last.version == reference.version, last.count < .max,
                last.lsn.value + UInt64(last.count) == reference.lsn.value
            else { return false }
            last.count += 1
            return true
        }
    }

    /// One more command that was read and not executed.
    mutating func appendBusy() {
        add(Entry(count: 1, kind: .busy, version: .v2)) { last in
            guard last.kind == .busy, last.count < .max else { return false }
            last.count += 1
            return true
        }
    }

    private mutating func add(_ entry: Entry, join: (inout Entry) -> Bool) {
        if !entries.updateLast(join) { entries.append(entry) }
    }

    // MARK: Taking

    /// Moves bytes that are first, `limit` at most, to the end of `output`.
    mutating func takeBytes(_ limit: Int, into output: inout [UInt8]) {
        let count = takeFirst(UInt32(limit), of: .bytes)
        bytes.take(Int(count)) { output.append(contentsOf: $0) }
    }

    /// Takes refused commands that are first; returns how many, `limit` at most.
    mutating func takeBusy(_ limit: Int) -> Int { Int(takeFirst(UInt32(limit), of: .busy)) }

    /// The next references, `limit` at most, also behind other answers, if these are not much. They stay until
    /// ``removeReferences(_:)``.
    func references(_ limit: Int) -> [Reference] {
        var found: [Reference] = []
        var passed = 0
        entries.prefix(4 * limit) { entry in
            let kind: Reference.Kind
            switch entry.kind {
            case .bytes:
                passed += Int(entry.count)
                return passed < Self.mostPassed
            case .busy: return false
            case .receipt: kind = .receipt
            case .replay: kind = .replay
            }
            for index in 0..<UInt64(entry.count) where found.count < limit {
                found.append(Reference(kind: kind, lsn: LSN(entry.lsn.value + index), version: entry.version))
            }
            return found.count < limit
        }
        return found
    }

    private static let mostPassed = 32 << 10

    /// Takes references out that are first.
    mutating func removeReferences(_ count: Int) {
        var left = UInt32(count)
        while left > 0, let kind = entries.first?.kind { left -= takeFirst(left, of: kind) }
    }

    /// Takes up to `limit` out of the first entry, if it is of this kind; returns how many.
    private mutating func takeFirst(_ limit: UInt32, of kind: Entry.Kind) -> UInt32 {
        guard let first = entries.first, first.kind == kind else { return 0 }
        let count = min(limit, first.count)
        if count == first.count {
            entries.removeFirst()
        } else {
            entries.updateFirst {
                $0.count -= count
                $0.lsn = LSN($0.lsn.value + UInt64(count))
            }
        }
        return count
    }
}
