import LedgerStorage
import LedgerTestKit
import Testing

@testable import LedgerEngine

struct MemoryDiskTests {
    @Test(arguments: 1...20) func `a file holds what an array would, whatever is written and zeroed in it`(seed: Int)
        throws
    {
        var random = SeededGenerator(seed: UInt64(seed))
        let disk = MemoryDisk()
        let file = try disk.open("/f", .create)
        var model: [UInt8] = []
        for _ in 0..<200 {
            let (offset, count) = (Int.random(in: 0...300, using: &random), Int.random(in: 0...100, using: &random))
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
                try file.write(bytes, at: offset)
                guard count > 0 else { continue }
                if model.count < offset + count { model += Array(repeating: 0, count: offset + count - model.count) }
                model.replaceSubrange(offset..<offset + count, with: bytes)
            case 2:
                try file.zeroFill(from: offset, count: count)
                if model.count < offset + count { model += Array(repeating: 0, count: offset + count - model.count) }
                model.replaceSubrange(offset..<offset + count, with: Array(repeating: 0, count: count))
            default:
                let expected = offset + count <= model.count ? Array(model[offset..<offset + count]) : nil
                #expect(try file.readBytes(at: offset, count: count) == (count == 0 ? [] : expected))
            }
            #expect(try file.size() == model.count)
        }
        #expect(try file.readBytes(count: model.count) == model)
    }

    @Test func `a file of zeroes takes no memory for them`() throws {
        let disk = MemoryDisk()
        let file = try disk.open("/f", .create)
        // More than any machine has.
        try file.zeroFill(from: 0, count: 1 << 46)
        try file.write([1, 2, 3], at: 10)
        #expect(try file.size() == 1 << 46 && file.readBytes(at: 9, count: 5) == [0, 1, 2, 3, 0])
        #expect(try file.readBytes(at: 1 << 45, count: 3) == [0, 0, 0])
        #expect(13..<256 ~= disk.byteCount)
    }

    @Test func `a disk knows what its files take, until nobody has them open any more`() throws {
        let disk = MemoryDisk()
        #expect(disk.byteCount == 0)
        var files = try (0..<3).map { try disk.open("/f\($0)", .create) }
        for file in files { try file.write([UInt8](repeating: 1, count: 1 << 20), at: 0) }
        #expect(3 << 20..<6 << 20 ~= disk.byteCount)
        let before = disk.byteCount
        for file in files { try file.write([UInt8](repeating: 2, count: 1000), at: 1 << 10) }
        #expect(disk.byteCount == before)
        try disk.remove("/f0")
        try disk.rename("/f1", to: "/f2")
        #expect(disk.byteCount == before)
        files = []
        #expect(1 << 20..<2 << 20 ~= disk.byteCount)
        try disk.remove("/f2")
        #expect(disk.byteCount == 0)
    }
}
