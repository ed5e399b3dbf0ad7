import Glibc
import LedgerTestKit
import Testing

@testable import LedgerStorage

@Suite struct NewFileTests {
    private func operations(_ disk: SimulatedDisk, since: Int) -> [String] {
        disk.log[since...].map { String($0.split(separator: " ")[0]) }
    }

    @Test func `what is written beside the journal is synced a megabyte at a time`() throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/d")
        var file = NewFile(try disk.open("/d/f", .create))
        let before = disk.log.count
        for part in 0..<5 { try file.write([UInt8](repeating: UInt8(part), count: 400_000), at: part * 400_000) }
        #expect(operations(disk, since: before) == ["write", "write", "write", "sync", "write", "write"])
        try file.sync()
        #expect(disk.afterPowerCut(seed: 1).bytes(of: "/d/f")?.count == 2_000_000)
    }

    @Test func `zeroes are on disk when it returns, and a failed sync is not passed over`() throws {
        let disk = SimulatedDisk()
        try disk.makeDirectory("/d")
        var file = NewFile(try disk.open("/d/f", .create))
        let before = disk.log.count
        try file.zeroFill(3_500_000)
        #expect(operations(disk, since: before).count { $0 == "sync" } >= 4)
        #expect(disk.bytes(of: "/d/f") == [UInt8](repeating: 0, count: 3_500_000))
        disk.fail(operation: 2, with: EIO)
        #expect(throws: StorageError.self) { try file.zeroFill(3_500_000) }
    }
}
