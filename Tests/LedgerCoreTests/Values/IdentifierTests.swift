import LedgerCore
import Testing

@Suite struct IdentifierTests {
    @Test func `ids are shown as a letter and base 62, and read back`() {
        let id = BirthID(shard: 5, lsn: LSN(123_456))
        let text = id.text(as: .hold)
        #expect(text.hasPrefix("h_"))
        let read = Array(text.utf8).withUnsafeBytes { BirthID(parsing: $0, as: .hold) }
        #expect(read == id)
        #expect(Array(text.utf8).withUnsafeBytes { BirthID(parsing: $0, as: .charge) } == nil)
        #expect(id.lsn == LSN(123_456) && id.shard == 5)
    }

    @Test(
        arguments: [
            (0, 0xe6a8_25ba_047f_81a3, 0x9302_55c7_1472_f66d), (1, 0x44af_996b_d8c1_87da, 0x45fc_229b_1159_7634),
            (15, 0x11a8_b033_99e9_9354, 0xd9c3_cf97_0fec_087e), (63, 0x4a83_502f_77d1_5051, 0x7cbd_3f97_9a06_3e50),
        ] as [(Int, UInt64, UInt64)])
    func `SipHash agrees with the reference vectors of its authors, however its input is cut`(
        count: Int, high: UInt64, low: UInt64
    ) {
        // vectors.h of the reference implementation: 128-bit output, key 00…0f, input 00 01 02 …
        let input = (0..<count).map { UInt8($0) }
        for cut in 0...count {
            var hasher = SipHash128(k0: 0x0706_0504_0302_0100, k1: 0x0f0e_0d0c_0b0a_0908)
            input[..<cut].withUnsafeBytes { hasher.combine($0) }
            input[cut...].withUnsafeBytes { hasher.combine($0) }
            #expect(hasher.finish() == Hash128(high: high, low: low))
        }
    }
}
