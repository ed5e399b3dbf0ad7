package import LedgerCore

/// A place between two batches: everything before it is named by `chain`, and the next batch must carry exactly these
/// numbers. Two heads are equal only if the histories before them are.
package struct JournalHead: Equatable, Sendable {
    package var nextLSN: LSN
    package var nextSequence: UInt64
    package var chain: Digest256
    /// The time of the last event or closing batch before this place.
    package var time: Timestamp

    package init(nextLSN: LSN, nextSequence: UInt64, chain: Digest256, time: Timestamp) {
        self.nextLSN = nextLSN
        self.nextSequence = nextSequence
        self.chain = chain
        self.time = time
    }

    /// Before the first batch of a ledger.
    package static let genesis = JournalHead(nextLSN: LSN(1), nextSequence: 1, chain: .zero, time: .distantPast)

    package var lastLSN: LSN { LSN(nextLSN.value - 1) }

    /// The place behind a batch that begins here.
    func after(_ header: BatchHeader, chain: Digest256) -> JournalHead {
        let last = header.count == 0 ? header.baseTime : header.time(ofEvent: header.count - 1)
        return JournalHead(
            nextLSN: header.nextLSN, nextSequence: header.sequence + 1, chain: chain, time: Swift.max(time, last))
    }

    /// Why a batch with this (believable) header cannot begin here; nil when it can.
    func objection(to header: BatchHeader) -> String? {
        if header.sequence != nextSequence { return "batch \(header.sequence) where batch \(nextSequence) belongs" }
        if header.firstLSN != nextLSN { return "LSN \(header.firstLSN.value) where LSN \(nextLSN.value) belongs" }
        if header.previousChain != chain { return "the batch follows another history" }
        return nil
    }
}
