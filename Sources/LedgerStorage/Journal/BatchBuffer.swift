internal import LedgerCore

/// The memory in which a batch grows and from which it is written: events are appended behind room for the header, and
/// the writer fills in the header, so a batch reaches the disk in one write and is never copied.
///
/// Allocates once, at creation. Owned by one thread at a time and handed over whole (the writer fills one while the
/// committer writes another); nothing in it is shared, which is what makes passing it between threads safe.
package final class BatchBuffer: @unchecked Sendable {
    private let buffer = AlignedBuffer(count: JournalFormat.maximumBatch)
    package private(set) var payloadBytes = 0
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// Whether an event of this size still fits; a group of events is asked about as one, with 4 bytes for each.
    package func fits(_ bytes: Int, events: Int = 1) -> Bool {
        payloadBytes + bytes + 4 * events <= JournalFormat.maximumPayload
    }

    /// Appends one event. The caller has asked `fits`.
    package func append(_ event: UnsafeRawBufferPointer) {
        precondition(fits(event.count), "a batch would grow beyond 1 MiB")
        let start = JournalFormat.headerBytes + payloadBytes
        buffer.bytes.store(UInt32(event.count), at: start)
        if event.count > 0 { buffer.bytes.slice(start + 4, event.count).copyMemory(from: event) }
        payloadBytes += 4 + event.count
        count += 1
    }

    package func append(_ event: [UInt8]) { event.withUnsafeBytes { append($0) } }

    /// Forgets all events; keeps the memory.
    package func removeAll() {
        payloadBytes = 0
        count = 0
    }

    package var payload: UnsafeRawBufferPointer { buffer.readable.slice(JournalFormat.headerBytes, payloadBytes) }

    /// Completes the batch: pads, checksums, writes the header. Returns all of its blocks and its chain hash.
    func finish(_ header: inout BatchHeader) -> (blocks: UnsafeRawBufferPointer, chain: Digest256) {
        precondition(header.count == count && header.payloadBytes == payloadBytes, "a header describes another payload")
        let end = JournalFormat.headerBytes + payloadBytes
        let padded = header.paddedBytes
        buffer.bytes.slice(end, padded - end).zero()
        header.payloadChecksum =
            buffer.readable.slice(JournalFormat.headerBytes, padded - JournalFormat.headerBytes).crc32c
        header.encode(into: buffer.bytes)
        let chain = BatchHeader.chainHash(
            header: buffer.readable.slice(0, JournalFormat.headerBytes), payload: payload)
        return (buffer.readable.slice(0, padded), chain)
    }
}
