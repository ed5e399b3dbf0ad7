import LedgerCore
import RESP
import Testing

@testable import LedgerCommands
@testable import LedgerReplies

/// The fast writer against the plain one, byte for byte.
struct FieldCursorTests {
    private func compare(_ what: String, cursor: (inout FieldCursor) -> Void, plain: (inout RESPWriter) -> Void) {
        for version in [RESPVersion.v2, .v3] {
            var fast = RESPWriter(version: version)
            fast.direct(cursor)
            var slow = RESPWriter(version: version)
            plain(&slow)
            let same = fast.bytes == slow.bytes
            #expect(
                same,
                "\(what): \(String(decoding: fast.bytes, as: UTF8.self)) and \(String(decoding: slow.bytes, as: UTF8.self))"
            )
        }
    }

    /// Numbers of every length, both signs, with and without zeros at the end.
    private var numbers: [Int64] {
        var random = SystemRandomNumberGenerator()
        var list: [Int64] = [0, 1, 9, 10, 99, 100, 1_000_000_000, 999_999_999, 1_000_000_001, .max, .min, .min + 1]
        for bits in 1..<63 {
            let value = Int64.random(in: 0..<(1 << Int64(bits)), using: &random)
            list += [
                value, -value, value / 1000 * 1000, value / 1_000_000_000 * 1_000_000_000,
                -(value / 10_000_000 * 10_000_000),
            ]
        }
        return list
    }

    @Test func `money, sizes and integers`() {
        for value in numbers {
            compare(
                "money \(value)", cursor: { $0.money(Money(nanos: value)) }, plain: { $0.money(Money(nanos: value)) })
            compare("seconds \(value)", cursor: { $0.thin(value, digits: 9) }, plain: { $0.thin(value, digits: 9) })
            compare("gigabytes \(value)", cursor: { $0.thin(value, digits: 3) }, plain: { $0.thin(value, digits: 3) })
            compare("integer \(value)", cursor: { $0.integer(value) }, plain: { $0.integer(value) })
        }
    }

    @Test func `times`() {
        let edges: [Int64] = [
            0, -1, 1, 999_999_999, 1_000_000_000, -1_000_000_000, 951_782_400_000_000_000, 4_107_542_399_999_999_999,
        ]
        for value in numbers + edges {
            let time = Timestamp(nanoseconds: value)
            guard time != .never, time.nanoseconds > -9_000_000_000_000_000_000,
                time.nanoseconds < 9_000_000_000_000_000_000
            else { continue }
            compare("time \(value)", cursor: { $0.instant(time) }, plain: { $0.instant(time) })
        }
    }

    @Test func `ids`() {
        for value in numbers where value > 0 {
            let id = BirthID(value: UInt64(value))
            compare("id \(value)", cursor: { $0.id(id, as: .charge) }, plain: { $0.id(id, as: .charge) })
            let passport = PassportID(value: UInt64(value) % 839_299_365_868_340_224)
            compare("passport \(value)", cursor: { $0.id(passport) }, plain: { $0.id(passport) })
        }
    }

    @Test func `texts of every length, maps, null`() {
        for count in [0, 1, 9, 10, 64, 99, 100, 512] {
            let text = [UInt8](repeating: 0x61, count: count)
            compare(
                "text of \(count)", cursor: { writer in text.withUnsafeBytes { writer.bulk($0) } },
                plain: { $0.bulk(text) })
        }
        compare("null", cursor: { $0.null() }, plain: { $0.null() })
        for bits in 0..<UInt8(32) {
            let set = Permissions(rawValue: bits)
            compare(
                "permissions", cursor: { $0.pair("p", set) },
                plain: {
                    $0.key("p")
                    $0.bulk(set.text)
                })
        }
    }

    /// Headers of one, two and three digits in both versions of the protocol, by both writers.
    @Test(arguments: [0, 1, 4, 5, 9, 10, 20, 49, 50, 99, 100, 120])
    func `a map counts what is written into it, and not what is nested there`(count: Int) {
        func counted(_ writer: inout some FieldWriter) {
            writer.map { writer in
                for index in 0..<count {
                    writer.key("k")
                    if index == 1 {
                        writer.map { $0.pair("inner", integer: 7) }
                    } else {
                        writer.integer(Int64(index))
                    }
                }
            }
            writer.integer(8)
        }
        func announced(_ writer: inout RESPWriter) {
            writer.map(count)
            for index in 0..<count {
                writer.bulk("k")
                if index == 1 {
                    writer.map(1)
                    writer.bulk("inner")
                    writer.integer(7)
                } else {
                    writer.integer(index)
                }
            }
            writer.integer(8)
        }
        compare("map of \(count)", cursor: counted, plain: announced)
        for version in [RESPVersion.v2, .v3] {
            #expect(wire(version, counted) == wire(version, announced))
        }
    }

    @Test func `a text that nobody expects so long becomes null, not a crash`() {
        let text = [UInt8](repeating: 0x61, count: 5_000)
        compare("long text", cursor: { writer in text.withUnsafeBytes { writer.bulk($0) } }, plain: { $0.null() })
    }

    @Test func `the largest receipt fits in its room`() {
        let longest = ShortText(String(repeating: "x", count: 64))!
        let names = ReceiptNames(
            user: longest, email: [UInt8](repeating: 0x61, count: 512), passport: [UInt8](repeating: 0x61, count: 64))
        for (id, event) in Samples.receipts {
            let size = wire {
                encoder.receipt(
                    event, replayed: false, names: names, secret: [UInt8](repeating: 0x61, count: 63), to: &$0)
            }
            #expect(size.utf8.count < FieldCursor.room - 600, "\(id)")
        }
    }
}
