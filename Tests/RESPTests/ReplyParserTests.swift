import RESP
import Testing

private func replies(
    _ input: [UInt8], piece: Int, limits: ReplyLimits = .standard
) throws(ReplyError) -> [RESPValue] {
    var parser = ReplyParser(limits: limits)
    var buffer: [UInt8] = []
    var values: [RESPValue] = []
    var rest = input[...]
    while !rest.isEmpty {
        buffer += rest.prefix(piece)
        rest = rest.dropFirst(piece)
        while true {
            var consumed = 0
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count, alignment: 1)
            defer { copy.deallocate() }
            copy.copyBytes(from: buffer)
            let value = try parser.next(in: UnsafeRawBufferPointer(copy), consumed: &consumed)
            buffer.removeFirst(consumed)
            guard let value else { break }
            values.append(value)
        }
    }
    return values
}

private func reply(_ text: String, limits: ReplyLimits = .standard) throws(ReplyError) -> [RESPValue] {
    try replies(Array(text.utf8), piece: .max, limits: limits)
}

@Suite struct `Reading answers` {
    private static let corpus: [(String, RESPValue)] = [
        ("+OK\r\n", .simple("OK")),
        ("+\r\n", .simple("")),
        ("-INSUFFICIENT need 5.00\r\n", .error(RESPError(code: "INSUFFICIENT", message: "need 5.00"))),
        ("-oops it broke\r\n", .error(RESPError(code: "", message: "oops it broke"))),
        (":0\r\n", .integer(0)),
        (":-9223372036854775808\r\n", .integer(.min)),
        ("$5\r\nhe\r\no\r\n", .text("he\r\no")),
        ("$0\r\n\r\n", .text("")),
        ("$-1\r\n", .null),
        ("*-1\r\n", .null),
        ("_\r\n", .null),
        ("#t\r\n", .boolean(true)),
        ("#f\r\n", .boolean(false)),
        (",1.5e3\r\n", .double("1.5e3")),
        (",inf\r\n", .double("inf")),
        (",nan\r\n", .double("nan")),
        ("(3492890328409238509324850943850943825024385\r\n", .bigNumber("3492890328409238509324850943850943825024385")),
        ("!21\r\nSYNTAX invalid syntax\r\n", .error(RESPError(code: "SYNTAX", message: "invalid syntax"))),
        ("=15\r\ntxt:Some string\r\n", .verbatim(format: "txt", Array("Some string".utf8))),
        ("*0\r\n", .array([])),
        ("%0\r\n", .map([])),
        ("*3\r\n:1\r\n*1\r\n*0\r\n$-1\r\n", .array([.integer(1), .array([.array([])]), .null])),
        ("~2\r\n+a\r\n+b\r\n", .set([.simple("a"), .simple("b")])),
        (
            "%2\r\n$2\r\nid\r\n:1\r\n+list\r\n*2\r\n%1\r\n+k\r\n_\r\n+x\r\n",
            .map([
                RESPPair(.text("id"), .integer(1)),
                RESPPair(.simple("list"), .array([.map([RESPPair(.simple("k"), .null)]), .simple("x")])),
            ])
        ),
        (">2\r\n+message\r\n:1\r\n", .push([.simple("message"), .integer(1)])),
        ("|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n", .attributed([RESPPair(.simple("ttl"), .integer(3))], .text("a"))),
        (
            "*2\r\n|1\r\n+a\r\n*0\r\n*1\r\n:1\r\n|0\r\n+b\r\n",
            .array([
                .attributed([RESPPair(.simple("a"), .array([]))], .array([.integer(1)])),
                .attributed([], .simple("b")),
            ])
        ),
    ]

    @Test func `every type, alone`() throws {
        for (text, value) in Self.corpus { #expect(try reply(text) == [value], "\(text.debugDescription)") }
    }

    @Test func `every way to cut the stream gives the same answers`() throws {
        let stream = Array(Self.corpus.map(\.0).joined().utf8)
        let values = Self.corpus.map(\.1)
        for piece in 1...stream.count { #expect(try replies(stream, piece: piece) == values, "pieces of \(piece)") }
    }

    @Test func `a truncated stream waits`() throws {
        for (text, _) in Self.corpus {
            for count in 0..<text.utf8.count {
                #expect(
                    try replies(Array(text.utf8.prefix(count)), piece: .max) == [], "\(text.debugDescription), \(count)"
                )
            }
        }
    }

    @Test(arguments: [
        ("x\r\n", ReplyError.unknownType(UInt8(ascii: "x"))),
        ("HTTP/1.1 400 Bad Request\r\n", .unknownType(UInt8(ascii: "H"))),
        ("$-2\r\n", .invalidLength),
        ("$abc\r\n", .invalidLength),
        ("$99999999999", .invalidLength),
        ("*-2\r\n", .invalidLength),
        ("%-1\r\n", .invalidLength),
        ("~-1\r\n", .invalidLength),
        ("=-1\r\n", .invalidLength),
        ("$?\r\n", .invalidLength),
        ("*?\r\n", .invalidLength),
        ("$1\r\nabc", .missingLineEnd),
        ("+a\rb\r\n", .missingLineEnd),
        (":1x\r\n", .invalidValue(UInt8(ascii: ":"))),
        (":9223372036854775808\r\n", .invalidValue(UInt8(ascii: ":"))),
        (",1,5\r\n", .invalidValue(UInt8(ascii: ","))),
        ("(-\r\n", .invalidValue(UInt8(ascii: "("))),
        ("(1x\r\n", .invalidValue(UInt8(ascii: "("))),
        ("#x\r\n", .invalidValue(UInt8(ascii: "#"))),
        ("_x\r\n", .invalidValue(UInt8(ascii: "_"))),
        ("=2\r\nab\r\n", .invalidValue(UInt8(ascii: "="))),
        ("*9999999999\r\n", .tooManyElements(limit: 1 << 24)),
        ("$9999999999\r\n", .tooLong(limit: 512 << 20)),
    ])
    func `what is no answer is an error`(input: String, error: ReplyError) {
        #expect(throws: error) { try reply(input) }
    }

    @Test func `depth, count and length have limits`() throws {
        let limits = ReplyLimits(
            maxDepth: 4, maxElements: 10, maxBulkLength: 20, maxLineLength: 10, maxReplyLength: 60)
        #expect(try reply("*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", limits: limits).count == 1)
        #expect(throws: ReplyError.tooDeep(limit: 4)) { try reply("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n", limits: limits) }
        #expect(throws: ReplyError.tooDeep(limit: 4)) {
            try reply(String(repeating: "|1\r\n", count: 5), limits: limits)
        }
        #expect(throws: ReplyError.tooManyElements(limit: 10)) {
            try reply("*9\r\n" + String(repeating: ":1\r\n", count: 8) + "*2\r\n:1\r\n:1\r\n", limits: limits)
        }
        #expect(throws: ReplyError.tooLong(limit: 20)) { try reply("$21\r\n", limits: limits) }
        #expect(throws: ReplyError.tooLong(limit: 10)) { try reply("+01234567890\r\n", limits: limits) }
        #expect(throws: ReplyError.tooLong(limit: 10)) { try reply("+0123456789a", limits: limits) }
        let bulk = "$20\r\n01234567890123456789\r\n"
        #expect(throws: ReplyError.tooLong(limit: 60)) { try reply("*3\r\n" + bulk + bulk + bulk, limits: limits) }
        // Limits are per answer, not per connection.
        #expect(try reply(bulk + bulk + bulk, limits: limits).count == 3)
    }

    @Test func `random values survive writing and reading`() throws {
        for seed in 0..<UInt64(300) {
            var random = SeededGenerator(seed: seed)
            var values: [RESPValue] = []
            for _ in 0..<4 { values.append(randomValue(&random, depth: 4)) }
            var writer = RESPWriter(version: .v3)
            for value in values { writer.value(value) }
            let piece = Int.random(in: 1...50, using: &random)
            #expect(try replies(writer.bytes, piece: piece) == values, "seed \(seed)")
        }
    }

    @Test func `random bytes never trap`() {
        let alphabet = Array("*$+-:%~|>_#,(!=0123\r\n\r\n\r\ntf".utf8)
        for seed in 0..<UInt64(20_000) {
            var random = SeededGenerator(seed: seed)
            let input = (0..<Int.random(in: 1...40, using: &random)).map { _ in alphabet.randomElement(using: &random)!
            }
            let whole = Result { () throws(ReplyError) in try replies(input, piece: .max) }
            let cut = Result { () throws(ReplyError) in try replies(input, piece: 1) }
            if case .success(let values) = whole, case .success(let same) = cut {
                #expect(values == same, "seed \(seed)")
            }
        }
    }

    private func randomValue(_ random: inout SeededGenerator, depth: Int) -> RESPValue {
        func text() -> [UInt8] {
            (0..<Int.random(in: 0...30, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        }
        func items() -> [RESPValue] {
            (0..<Int.random(in: 0...4, using: &random)).map { _ in randomValue(&random, depth: depth - 1) }
        }
        func pairs() -> [RESPPair] {
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
                RESPPair(randomValue(&random, depth: depth - 1), randomValue(&random, depth: depth - 1))
            }
        }
        switch Int.random(in: 0..<(depth > 0 ? 14 : 9), using: &random) {
        case 0: return .simple("simple \(random.next() % 1000)")
        case 1: return .error(RESPError(code: "LIMIT", message: "at most \(random.next() % 1000)"))
        case 2: return .integer(Int64(bitPattern: random.next()))
        case 3: return .bulk(text())
        case 4: return .null
        case 5: return .boolean(Bool.random(using: &random))
        case 6: return .double("\(random.next() % 1000).25")
        case 7: return .bigNumber("-\(random.next())\(random.next())")
        case 8: return .verbatim(format: "txt", text())
        case 9: return .array(items())
        case 10: return .set(items())
        case 11: return .push(items())
        case 12: return .map(pairs())
        default: return .attributed(pairs(), randomValue(&random, depth: 0))
        }
    }
}

@Suite struct `Values` {
    @Test func `a field is found in a map and in its flat form`() throws {
        let map = RESPValue.map([RESPPair(.text("amount"), .text("1.00")), RESPPair(.text("debt"), .null)])
        let flat = RESPValue.array([.text("amount"), .text("1.00"), .text("debt"), .null])
        for value in [map, flat, .attributed([], map)] {
            #expect(value["amount"]?.string == "1.00")
            #expect(value["debt"] == .null)
            #expect(value["nothing"] == nil)
            #expect(value.pairs?.count == 2)
        }
        #expect(RESPValue.text("12").integer == 12)
        #expect(RESPValue.integer(12).string == "12")
        #expect(RESPValue.error(RESPError(parsing: "BUSY later")).error?.code == "BUSY")
    }

    @Test func `requests written by the writer are read by the parser`() {
        var writer = RESPWriter()
        writer.command([Array("ECHO".utf8), [0, 0x0d, 0x0a, 0xff], []])
        var connection = Connection()
        #expect(connection.receive(writer.bytes) == [.request([Array("ECHO".utf8), [0, 0x0d, 0x0a, 0xff], []])])
    }
}
