internal import LedgerCore
internal import Synchronization

/// Requests in a sliding hour, for one number space (users, or passports): thirteen five-minute slots each, in atomic
/// words (slot number, count). Volatile: a restart forgives, the journal never hears of it.
///
/// The thirteen slots cover at least an hour and at most an hour and five minutes, so no hour ever has more requests
/// than the limit. Any thread; when several threads race for the last request, both may be refused, never both let in.
final class RequestMeter: Sendable {
    private static let slots = 13
    private static let slotNanoseconds: Int64 = 300 * 1_000_000_000
    private let records = AtomicRecords(words: slots)

    /// Counts one request if that stays within `limit`.
    func admit(_ number: UInt32, limit: Int64, at now: Timestamp) -> Bool {
        guard limit != Limits.none else { return true }
        guard limit > 0 else { return false }
        let record = records.record(Int(number))
        let slot = UInt32(truncatingIfNeeded: now.nanoseconds / Self.slotNanoseconds)
        let word = record + Int(slot % UInt32(Self.slots))
        add(1, word, slot)
        if count(record, slot) <= limit { return true }
        add(-1, word, slot)
        return false
    }

    /// Takes back a request that `admit` let in at the same instant, because something else refused it.
    func withdraw(_ number: UInt32, at now: Timestamp) {
        let slot = UInt32(truncatingIfNeeded: now.nanoseconds / Self.slotNanoseconds)
        guard let record = records.existing(Int(number)) else { return }
        add(-1, record + Int(slot % UInt32(Self.slots)), slot)
    }

    /// Requests in the last hour.
    func count(_ number: UInt32, at now: Timestamp) -> Int64 {
        guard let record = records.existing(Int(number)) else { return 0 }
        return count(record, UInt32(truncatingIfNeeded: now.nanoseconds / Self.slotNanoseconds))
    }

    private func add(_ change: Int64, _ word: AtomicRecords.Record, _ slot: UInt32) {
        var old = word.pointee.load(ordering: .relaxed)
        while true {
            let current = UInt32(truncatingIfNeeded: old >> 32) == slot ? Int64(old & 0xFFFF_FFFF) : 0
            let new = UInt64(slot) << 32 | UInt64(max(0, current + change))
            let (done, found) = word.pointee.compareExchange(
                expected: old, desired: new, ordering: .sequentiallyConsistent)
            if done { return }
            old = found
        }
    }

    private func count(_ record: AtomicRecords.Record, _ slot: UInt32) -> Int64 {
        var sum: Int64 = 0
        for index in 0..<Self.slots {
            let word = record[index].load(ordering: .sequentiallyConsistent)
            if slot &- UInt32(truncatingIfNeeded: word >> 32) < UInt32(Self.slots) { sum += Int64(word & 0xFFFF_FFFF) }
        }
        return sum
    }
}
