internal import LedgerCore

extension JournalInspection {
    /// As ``scan(from:limit:_:)``, in two threads: one reads, unpacks and checks the batches, with the chain that they
    /// form, while this one visits those before. It may have read some megabytes beyond where `visit` stops, never
    /// beyond `limit`; what it found there is not told.
    func scanAhead(
        from first: Int, limit: LSN? = nil, _ visit: (ScannedBatch) throws(StorageError) -> ScanStep
    ) throws(StorageError) -> End {
        let spares = Lock<[BatchPack]>([])
        let packs = Ahead<BatchPack, End>("journal", most: 3) { (give) throws(StorageError) in
            func empty() -> BatchPack { spares.withLock { $0.popLast() } ?? BatchPack() }
            var pack = empty()
            let end = Result { () throws(StorageError) in
                try scan(from: first, limit: limit) { (batch) throws(StorageError) in
                    if pack.add(batch) { return .onward }
                    guard give(pack) else { return .stop }
                    pack = empty()
                    let isThere = pack.add(batch)
                    precondition(isThere, "a batch is larger than batches are")
                    return .onward
                }
            }
            // What came before a fault is visited before it is told.
            _ = give(pack)
            return try end.get()
        }
        var head = segments[first].start!
        while true {
            switch try packs.next() {
            case .end(let end): return end
            case .item(let pack):
                defer { spares.withLock { $0.append(pack.emptied()) } }
                for batch in pack.batches {
                    if try visit(batch) == .stop { return End(head: head) }
                    head = head.after(batch.header, chain: batch.chain)
                }
            }
        }
    }
}

/// Some batches and their bytes, one behind the other in memory that serves the next ones.
///
/// Unchecked Sendable: one thread fills it and gives it away under a lock, another reads it and gives it back so.
private final class BatchPack: @unchecked Sendable {
    private let memory = AlignedBuffer(count: 2 * JournalFormat.maximumBatch)
    private var used = 0
    /// Their pointers are valid until it is emptied.
    private(set) var batches: [ScannedBatch] = []

    /// False where there is no room for it any more; there is for any when it is empty.
    func add(_ batch: ScannedBatch) -> Bool {
        let (header, payload) = (batch.headerBytes, batch.payload)
        guard used + header.count + payload.count <= memory.bytes.count else { return false }
        let kept = memory.bytes.slice(used, header.count + payload.count)
        kept.slice(0, header.count).copyMemory(from: header)
        if !payload.isEmpty { kept.slice(header.count, payload.count).copyMemory(from: payload) }
        used += kept.count
        let bytes = UnsafeRawBufferPointer(kept)
        batches.append(
            ScannedBatch(
                header: batch.header, headerBytes: bytes.slice(0, header.count),
                payload: bytes.slice(header.count, payload.count), chain: batch.chain, path: batch.path,
                offset: batch.offset, isLive: batch.isLive))
        return true
    }

    func emptied() -> BatchPack {
        used = 0
        batches.removeAll(keepingCapacity: true)
        return self
    }
}
