import LedgerCore
import Testing

@Suite struct TariffTests {
    let stepped = Tariff(
        rate: 100, listRate: 100,
        steps: [.init(from: .hours(1), rate: 50), .init(from: .hours(3), rate: 0), .init(from: .hours(5), rate: 10)])

    @Test func `steps are integrated piece by piece`() {
        let hour = Tariff.hour
        #expect(stepped.integral(from: .zero, to: .hours(1)) == 100 * hour)
        #expect(stepped.integral(from: .zero, to: .hours(6)) == (100 + 100 + 0 + 10) * hour)
        #expect(stepped.integral(from: .minutes(30), to: .hours(2)) == (50 + 50) * hour)
        #expect(stepped.integral(from: .hours(4), to: .hours(4)) == 0)
    }

    @Test func `the parts of an integral sum to the whole`() {
        let cuts: [Int64] = [0, 17, 3599, 3600, 7201, 12_000, 20_000, 90_000]
        let parts = zip(cuts, cuts.dropFirst()).reduce(Int128(0)) {
            $0 + stepped.integral(from: .seconds($1.0), to: .seconds($1.1))
        }
        #expect(parts == stepped.integral(from: .zero, to: .seconds(90_000)))
    }

    @Test func `reach is the inverse of the integral`() {
        for seconds in stride(from: Int64(0), to: 30_000, by: 777) {
            let budget = stepped.integral(from: .minutes(10), to: .minutes(10) + .seconds(seconds))
            let reach = stepped.reach(from: .minutes(10), budget: budget)
            #expect(stepped.integral(from: .minutes(10), to: reach) == budget)
        }
        #expect(Tariff.free.reach(from: .zero, budget: 0).nanoseconds == .max)
        #expect(
            Tariff(rate: 0, listRate: 0, steps: [.init(from: .hours(2), rate: 1)]).reach(from: .zero, budget: 0)
                == .hours(2))
    }
}

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
