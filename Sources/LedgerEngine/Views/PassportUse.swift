internal import CIntrinsics
internal import LedgerCore
internal import LedgerStorage
internal import Synchronization

/// When each passport was last used: at AUTH, VERIFY and ADMIT. A hint for people who tidy up keys, never part of the
/// ledger: no event, no snapshot, no hash knows it. Kept in a side file that is written now and then and at a clean
/// stop; a crash loses the last minute of it, a damaged file all of it, and neither matters.
///
///      0  4  magic "FUSE"            8  4  number of passports
///      4  2  version                12  4  zero
///      6  2  oldest reader          16  8 × n  nanoseconds since 1970, 0: never
///      at the end  4  CRC32C of everything before
///
/// A file of a version that is not read is worth as much as none.
final class PassportUse: Sendable {
    private let records = AtomicRecords(words: 1)
    /// One more than the highest ordinal noted.
    private let count = Atomic<Int>(0)
    private let isDirty = Atomic<Bool>(false)
    private let disk: any Disk
    private let path: String

    private static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 1)
    private static let magic: UInt32 = 0x4553_5546
    private static let headerBytes = 16
    private static let limit = 1 << 26

    init(_ disk: any Disk, directory: String) {
        self.disk = disk
        path = directory + "/last-used"
        load()
    }

    /// Any thread. Two stores.
    func note(_ passport: PassportOrdinal, at now: Timestamp) {
        records.record(Int(passport.value)).set(0, now.nanoseconds)
        count.max(Int(passport.value) + 1, ordering: .relaxed)
        if !isDirty.load(ordering: .relaxed) { isDirty.store(true, ordering: .relaxed) }
    }

    /// `.distantPast`: never, as far as the hint goes.
    func lastUse(_ passport: PassportOrdinal) -> Timestamp {
        guard let record = records.existing(Int(passport.value)), case let time = record.getSigned(0), time != 0 else {
            return .distantPast
        }
        return Timestamp(nanoseconds: time)
    }

    private func load() {
        guard let bytes = try? disk.contents(of: path), bytes.count >= Self.headerBytes + 4 else { return }
        bytes.withUnsafeBytes { raw in
            func word(_ offset: Int) -> UInt32 {
                UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            }
            let passports = Int(word(8))
            let isRead =
                Self.version.objection(
                    to: UInt16(truncatingIfNeeded: word(4)), minimumReader: UInt16(word(4) >> 16)) == nil
            guard word(0) == Self.magic, isRead, passports <= Self.limit,
                raw.count == Self.headerBytes + 8 * passports + 4,
                word(raw.count - 4) == florin_crc32c(0, raw.baseAddress, raw.count - 4)
            else { return }
            for index in 0..<passports {
                let time = UInt64(
                    littleEndian: raw.loadUnaligned(fromByteOffset: Self.headerBytes + 8 * index, as: UInt64.self))
                if time != 0 { records.record(index).set(0, time) }
            }
            count.store(passports, ordering: .relaxed)
        }
    }

    /// Writes the side file if anything was noted since the last time. Failures are left for the next time: it is a
    /// hint.
    func save() {
        guard isDirty.exchange(false, ordering: .relaxed) else { return }
        let passports = min(count.load(ordering: .relaxed), Self.limit)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + 8 * passports + 4)
        func append<T: FixedWidthInteger>(_ value: T) {
            withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.magic)
        append(Self.version.current)
        append(Self.version.minimumReader)
        append(UInt32(passports))
        append(UInt32(0))
        for index in 0..<passports { append(records.existing(index)?.get(0) ?? 0) }
        append(bytes.withUnsafeBytes { florin_crc32c(0, $0.baseAddress, $0.count) })
        do throws(StorageError) {
            let temporary = path + ".tmp"
            if try disk.exists(temporary) { try disk.remove(temporary) }
            let file = try disk.open(temporary, .create)
            try bytes.withUnsafeBytes { raw in Result { () throws(StorageError) in try file.write(raw, at: 0) } }.get()
            try disk.rename(temporary, to: path)
        } catch {
            isDirty.store(true, ordering: .relaxed)
        }
    }
}
