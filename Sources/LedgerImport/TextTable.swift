internal import Glibc

/// Texts that differ, kept once each and numbered from 0 in the order in which they came.
///
/// A log has as many session ids as jobs: here one costs its bytes and some twenty more, and no allocation of its own.
struct TextTable {
    private var bytes: [UInt8] = []
    private var entries: [Entry] = []
    /// Open addressing over the entries, at most half full: an entry's number plus one, 0 where there is none.
    private var slots = [UInt32](repeating: 0, count: 64)

    private struct Entry {
        var end: Int
        var hash: UInt32
    }

    var count: Int { entries.count }

    /// The text's number, which it may have had before.
    mutating func insert(_ text: [UInt8]) -> (number: Int, isNew: Bool) {
        var hasher = Hasher()  // seeded: no log can make it slow
        text.withUnsafeBytes { hasher.combine(bytes: $0) }
        let hash = UInt32(truncatingIfNeeded: hasher.finalize())
        let mask = slots.count - 1
        var slot = Int(hash) & mask
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if entries[number].hash == hash, isText(number, text) { return (number, false) }
            slot = (slot + 1) & mask
        }
        precondition(entries.count < UInt32.max, "more texts than numbers of 32 bits")
        bytes.append(contentsOf: text)
        entries.append(Entry(end: bytes.count, hash: hash))
        slots[slot] = UInt32(entries.count)
        if 2 * entries.count > slots.count { grow() }
        return (entries.count - 1, true)
    }

    func withText<R>(_ number: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        bytes.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range(of: number)])) }
    }

    subscript(number: Int) -> String { withText(number) { String(decoding: $0, as: UTF8.self) } }

    private func isText(_ number: Int, _ text: [UInt8]) -> Bool {
        withText(number) { $0.count == text.count && memcmp($0.baseAddress!, text, text.count) == 0 }
    }

    private func range(of number: Int) -> Range<Int> {
        (number == 0 ? 0 : entries[number - 1].end)..<entries[number].end
    }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: 2 * slots.count)
        let mask = slots.count - 1
        for number in entries.indices {
            var slot = Int(entries[number].hash) & mask
            while slots[slot] != 0 { slot = (slot + 1) & mask }
            slots[slot] = UInt32(number + 1)
        }
    }
}
