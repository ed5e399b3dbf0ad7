import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(5))) struct ViewIndexTests {
    /// In few segments, so that their tables grow past a page. Some share the bits that tell them apart in a table.
    private func hashes(_ count: Int) -> [UInt64] {
        var random = SeededGenerator(seed: UInt64(count))
        return (0..<count).map { number in
            let hash = UInt64.random(in: 0..<1 << 57, using: &random)
            return number % 50 == 1 ? hash & ~0xFFFF_FFFF_FFFF | 0xFFFF_0000_0000 : hash
        }
    }

    @Test(arguments: [0, 1, 40, 9_000])
    func `numbers are found by their hashes, stored one by one or all at once`(count: Int) {
        let hashes = hashes(count)
        let (one, all) = (ViewIndex(), ViewIndex())
        for (number, hash) in hashes.enumerated() { one.insert(hash, number) }
        all.insertAll(Array(hashes.prefix(count / 2)))
        for number in count / 2..<count { all.insert(hashes[number], number) }
        var missed = 0
        for index in [one, all] {
            for (number, hash) in hashes.enumerated() where index.find(hash, { $0 == number }) != number { missed += 1 }
        }
        #expect(missed == 0)
        for index in [one, all] {
            let (nobody, elsewhere) = (index.find(1 << 40) { _ in false }, index.find(.max) { _ in true })
            #expect(nobody == nil && elsewhere == nil)
        }
    }

    @Test func `readers find everybody while tables are outgrown and give their memory back`() {
        let count = 60_000
        let (index, hashes) = (ViewIndex(), hashes(count))
        let published = Atomic<Int>(0)
        let missed = Atomic<Int>(0)
        let looks = Atomic<Int>(0)
        let readers = (0..<2).map { seed in
            NamedThread.start("reader") {
                var random = SeededGenerator(seed: UInt64(seed))
                while published.load(ordering: .acquiring) < count {
                    let limit = published.load(ordering: .acquiring)
                    guard limit > 0 else { continue }
                    let number = Int.random(in: 0..<limit, using: &random)
                    if index.find(hashes[number], { hashes[$0] == hashes[number] && $0 == number }) != number {
                        missed.wrappingAdd(1, ordering: .relaxed)
                    }
                    looks.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
        for (number, hash) in hashes.enumerated() {
            index.insert(hash, number)
            published.store(number + 1, ordering: .releasing)
        }
        for reader in readers { reader.join() }
        #expect(missed.load(ordering: .relaxed) == 0 && looks.load(ordering: .relaxed) > 0)
    }

    @Test func `pages that were released read as zeroes`() {
        let bytes = 4 * ZeroedPages.size
        let pages = ZeroedPages.map(bytes, for: "a test")
        pages.storeBytes(of: 7, toByteOffset: bytes - 8, as: UInt64.self)
        ZeroedPages.release(pages, bytes)
        #expect(pages.load(fromByteOffset: bytes - 8, as: UInt64.self) == 0)
        ZeroedPages.unmap(pages, bytes)
    }
}
