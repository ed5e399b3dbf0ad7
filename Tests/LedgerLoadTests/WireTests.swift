import NIOCore
import Testing

@testable import LedgerLoad

struct WireTests {
    private func render(
        _ words: [Word], _ variables: [Variable], _ values: [UInt64], _ context: CommandTemplate.Context = .init()
    ) throws
        -> String
    {
        let template = try CommandTemplate(words, variables: variables, context)
        var buffer = ByteBuffer()
        values.withUnsafeBufferPointer { template.render($0.baseAddress!, into: &buffer) }
        #expect(buffer.readableBytes <= template.maximumLength)
        return String(buffer: buffer)
    }

    @Test func `A template fills its gaps with what was drawn`() throws {
        let words: [Word] = [
            .bytes(Array("GET".utf8)), .number(variable: 0, NumberFormat("u%04d!")!), .number(variable: 1, .plain),
        ]
        let variables: [Variable] = [.key(.uniform(count: 100)), .between(-5, 5)]
        #expect(
            try render(words, variables, [42, UInt64(bitPattern: -3)])
                == "*3\r\n$3\r\nGET\r\n$6\r\nu0042!\r\n$2\r\n-3\r\n")
    }

    @Test func `Unique words have the run's tag, members come from the list`() throws {
        var context = CommandTemplate.Context(lists: ["secrets": [Array("a".utf8), Array("bc".utf8)]])
        context.runTag = "tag"
        let words: [Word] = [
            .unique(variable: 1, prefix: Array("k".utf8)), .member(list: "secrets", variable: 0),
            .choice([Array("x".utf8), Array("yy".utf8)], variable: 0),
        ]
        #expect(
            try render(words, [.key(.uniform(count: 2)), .unique], [1, 9], context)
                == "*3\r\n$6\r\nktag-9\r\n$2\r\nbc\r\n$2\r\nyy\r\n")
    }

    @Test func `A list with too few values is refused`() {
        #expect(throws: LoadError.self) {
            try CommandTemplate(
                [.member(list: "secrets", variable: 0)], variables: [.key(.uniform(count: 2))], .init())
        }
    }

    @Test func `A constant command has no gaps`() throws {
        #expect(try CommandTemplate([.bytes(Array("PING".utf8))], variables: [], .init()).isConstant)
    }

    private static let replies: [String] = [
        "+OK\r\n", "-BUSY too much\r\n", ":17\r\n", "$5\r\nhe\r\no\r\n", "$-1\r\n", "*-1\r\n", "_\r\n", "#t\r\n",
        ",1.5\r\n",
        "(123456789012345678901\r\n", "!9\r\nBUSY more\r\n", "=8\r\ntxt:text\r\n",
        "*2\r\n*1\r\n:1\r\n%1\r\n+a\r\n$1\r\nb\r\n",
        "~1\r\n+x\r\n", "|1\r\n+ttl\r\n:3\r\n*1\r\n:1\r\n", "*0\r\n", "%0\r\n", ">2\r\n+message\r\n+x\r\n",
        "%4\r\n+lsn\r\n:8\r\n+replayed\r\n:0\r\n$6\r\namount\r\n$6\r\n0.0375\r\n"
            + "$4\r\nlots\r\n*2\r\n+amount\r\n+9.99\r\n",
    ]

    private func scan(_ text: String, receipt: Bool = true) -> (ReplyScanner.Result, ReplyScanner) {
        var scanner = ReplyScanner()
        let result = Array(text.utf8).withUnsafeBytes { scanner.scan($0, from: 0, receipt: receipt) }
        return (result, scanner)
    }

    @Test(arguments: replies) func `A reply cut anywhere is incomplete, and whole it ends at its end`(reply: String) {
        let length = reply.utf8.count
        for receipt in [false, true] {
            for cut in 0..<length {
                let start = String(decoding: Array(reply.utf8)[..<cut], as: UTF8.self)
                #expect(scan(start, receipt: receipt).0 == .incomplete)
            }
            #expect(scan(reply, receipt: receipt).0 == .reply(end: length))
            #expect(scan(reply + "+next\r\n", receipt: receipt).0 == .reply(end: length))
        }
    }

    @Test func `Errors, pushes and the fields of receipts are told`() {
        #expect(scan(Self.replies[1]).1.isError)
        #expect(scan(Self.replies[10]).1.isError)
        #expect(!scan(Self.replies[0]).1.isError)
        #expect(scan(Self.replies[17]).1.isPush)
        let receipt = scan(Self.replies[18]).1
        #expect(receipt.amount == 37_500_000)
        #expect(!receipt.isReplayed)
        #expect(scan("%2\r\n+replayed\r\n:1\r\n+amount\r\n_\r\n").1.isReplayed)
        #expect(scan("%2\r\n+replayed\r\n:1\r\n+amount\r\n_\r\n").1.amount == nil)
        for (reply, code) in [("-BUSY too much\r\n", "BUSY"), ("-ERR\r\n", "ERR"), ("!9\r\nBUSY more\r\n", "BUSY")] {
            #expect(Array(reply.utf8).withUnsafeBytes { ReplyScanner.code($0) } == code)
        }
    }

    @Test(arguments: ["x\r\n", "$x\r\n", "$2\r\nabc\r\n", "+a\n", "$12345678901\r\n", "*-2\r\n", "%1\r\n?\r\n+a\r\n"])
    func `What is no RESP is refused`(text: String) { #expect(scan(text).0 == .malformed) }

    @Test func `Any bytes are scanned without harm`() {
        var generator = SeededGenerator(seed: 9)
        let alphabet = Array("+-:$*%>|=!_#,(~0123456789\r\na.".utf8)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<generator.below(40) { bytes.append(alphabet[Int(generator.below(UInt64(alphabet.count)))]) }
            var scanner = ReplyScanner()
            let result = bytes.withUnsafeBytes { scanner.scan($0, from: 0, receipt: true) }
            if case .reply(let end) = result { #expect(end <= bytes.count && end > 0) }
        }
    }

    @Test func `Money and durations are read and written exactly`() {
        #expect(Units.nanos("25") == 25_000_000_000)
        #expect(Units.nanos("-0.000000001") == -1)
        for text in ["", ".", "-", "1.", ".5", "1.0000000001", "1e3", "9223372037", "1.2.3"] {
            #expect(Units.nanos(text) == nil)
        }
        #expect(Units.money(1_234_500_000_000) == "1,234.50")
        #expect(Units.money(-1) == "-0.000000001")
        #expect(Units.nanoseconds("1.5ms") == 1_500_000)
        #expect(Units.nanoseconds("2m") == 120_000_000_000)
        #expect(Units.nanoseconds("5") == nil)
        #expect(Units.duration(1_234_567) == "1.23 ms")
        #expect(Units.duration(999_999) == "1,000 µs")
        #expect(Units.grouped(-1_234_567) == "-1,234,567")
        #expect(Units.grouped(123) == "123")
        #expect(Units.plain(0.25) == "0.25")
        #expect(Units.plain(-3) == "-3")
    }
}
