import LedgerCore
import Testing

@Suite struct StorageSizeTests {
    private func sizes(_ gigabytes: some Sequence<Int>) -> Set<StorageSize> {
        Set(gigabytes.map { StorageSize(type: .pro, kind: .bucket, megabytes: Int64($0) * 1000) })
    }

    @Test func `sizes are whole gigabytes in order of type, kind and size`() {
        let all: Set = [
            StorageSize(type: .pro, kind: .bucket, megabytes: 2500),
            StorageSize(type: .pro, kind: .bucket, megabytes: 2000),
            StorageSize(type: .free, kind: .filestore, megabytes: 999),
            StorageSize(type: .free, kind: .bucket, megabytes: 9000),
        ]
        let ordered = StorageSize.thinned(all, to: 10)
        #expect(ordered.map(\.megabytes) == [9000, 0, 2000])
    }

    @Test func `too many are thinned evenly, from the smallest on`() {
        let thinned = StorageSize.thinned(sizes(0..<10_000), to: 1000)
        #expect(thinned.map { $0.megabytes / 1000 } == (0..<1000).map { Int64($0) * 10 })
        #expect(StorageSize.thinned(sizes(1...7), to: 3).map { $0.megabytes / 1000 } == [1, 3, 5])
        #expect(StorageSize.thinned(sizes(1...7), to: 0).isEmpty)
    }
}
