import LedgerCore
import LedgerStorage
import LedgerTestKit
import Synchronization
import Testing

@testable import LedgerEngine

/// A copy of a directory in which somebody else is at work.
struct OverlayDiskTests {
    /// A file that grows by some blocks while it is read: each block is written after those before it.
    private final class Growing: ForwardingFile {
        let base: any DiskFile
        private let disk: MemoryDisk
        private let written: Atomic<Int>
        /// Before which read how many blocks come.
        private let pace: @Sendable (Int) -> Int
        private let reads = Atomic<Int>(0)

        init(_ base: any DiskFile, on disk: MemoryDisk, from first: Int, pace: @escaping @Sendable (Int) -> Int) {
            (self.base, self.disk, self.pace) = (base, disk, pace)
            written = Atomic(first)
        }

        func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws(StorageError) -> Int {
            let more = pace(reads.wrappingAdd(1, ordering: .relaxed).oldValue)
            let file = try disk.open(base.path, .readWrite)
            for _ in 0..<more {
                let block = written.wrappingAdd(1, ordering: .relaxed).oldValue
                guard (block + 1) * 4096 <= (try base.size()) else { continue }
                try file.write([UInt8](repeating: 7, count: 4096), at: block * 4096)
            }
            return try base.read(into: buffer, at: offset)
        }
    }

    private func block(_ file: any DiskFile, _ number: Int) throws -> Bool {
        try file.readBytes(at: number * 4096, count: 4096)!.allSatisfy { $0 == 7 }
    }

    @Test(arguments: [0, 1, 3, 70, 300, 1000], [1, 2, 40])
    func `what is appended while a file is copied leaves no gap`(first: Int, pace: Int) throws {
        let base = MemoryDisk()
        try base.makeDirectory("/d")
        let size = 1024
        try base.open("/d/0000000001.segment", .create).zeroFill(from: 0, count: size * 4096)
        let file = try base.open("/d/0000000001.segment", .readWrite)
        for number in 0..<first { try file.write([UInt8](repeating: 7, count: 4096), at: number * 4096) }
        let disk = ForwardingDisk(base) { Growing($0, on: base, from: first) { $0 % 2 == 0 ? pace : 0 } }
        let copy = try OverlayDisk(of: "/d", also: [], on: disk).open("/d/0000000001.segment", .read)
        let there = try (0..<size).filter { try block(copy, $0) }
        #expect(there == Array(0..<there.count) && there.count >= first, "\(first), \(pace): \(there.count)")
        #expect(try copy.size() == size * 4096)
    }

    @Test
    func `sealed files are read from where they lie, snapshots also when their names are gone, others are copied`()
        throws
    {
        let base = MemoryDisk()
        for folder in ["/d", "/d/journal", "/d/snapshots"] { try base.makeDirectory(folder) }
        let files = [
            "/d/FLORIN", "/d/manifest.a", "/d/keys", "/d/journal/0000000001.sealed", "/d/journal/0000000002.segment",
            "/d/journal/spare-3.segment", "/d/snapshots/00000000000000000009.snapshot", "/d/keys.tmp", "/pepper",
        ]
        for (number, path) in files.enumerated() {
            try base.open(path, .create).write([UInt8(number + 1)], at: 0)
        }
        let overlay = try OverlayDisk(of: "/d", also: ["/pepper"], on: base)
        try base.remove("/d/snapshots/00000000000000000009.snapshot")
        try base.open("/d/journal/0000000002.segment", .readWrite).write([99], at: 0)
        for (number, path) in files.enumerated() {
            guard !path.contains("spare-"), !path.hasSuffix(".tmp") else {
                #expect(try !overlay.exists(path), "\(path)")
                continue
            }
            #expect(try overlay.contents(of: path) == [UInt8(number + 1)], "\(path)")
        }
        #expect(try overlay.list("/d/journal") == ["0000000001.sealed", "0000000002.segment"])
        // What is written stays here.
        try overlay.open("/d/journal/0000000001.sealed", .readWrite).write([50], at: 0)
        try overlay.remove("/d/keys")
        #expect(try overlay.contents(of: "/d/journal/0000000001.sealed") == [50])
        #expect(try base.contents(of: "/d/journal/0000000001.sealed") == [4])
        #expect(try base.exists("/d/keys") && !overlay.exists("/d/keys"))
    }
}
