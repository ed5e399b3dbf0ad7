import CIntrinsics
@testable import LedgerStorage
import LedgerTestKit
import Testing

@Suite(.timeLimit(.minutes(15))) struct ChecksumTests {
    @Test func `CRC32C agrees with its published check value`() {
        let bytes = Array("123456789".utf8)
        #expect(bytes.withUnsafeBytes { crc32c($0) } == 0xE306_9283)
        #expect(florin_crc32c_software(0, bytes, bytes.count) == 0xE306_9283)
        #expect([UInt8](repeating: 0, count: 32).withUnsafeBytes { crc32c($0) } == 0x8A91_36AA)
    }

    @Test func `the processor's instruction and the portable code agree at every length and alignment`() {
        var generator = SeededGenerator(seed: 7)
        let bytes = (0..<600).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        bytes.withUnsafeBytes { all in
            for start in 0..<9 {
                for length in [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 63, 64, 65, 255, 500] {
                    let part = all.slice(start, length)
                    #expect(part.crc32c == florin_crc32c_software(0, part.baseAddress, length))
                }
            }
        }
    }

    @Test func `a checksum goes on where another stopped`() {
        let bytes = (0..<100).map { UInt8($0) }
        bytes.withUnsafeBytes { all in
            for cut in 0...100 {
                #expect(all.slice(cut, 100 - cut).crc32c(continuing: all.slice(0, cut).crc32c) == all.crc32c)
            }
        }
    }
}
