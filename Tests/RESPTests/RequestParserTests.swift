import RESP
import Testing

/// A connection's receive buffer as a server keeps it: append what arrives, drop what is consumed.
struct Connection: ~Copyable {
    var parser = RequestParser()
    var buffer: [UInt8] = []
    var limits = RequestLimits.standard
    var peak = 0

    /// Everything that can be said after these bytes arrived.
    mutating func receive(_ bytes: some Sequence<UInt8>) -> [SlowParser.Meaning] {
        buffer.append(contentsOf: bytes)
        peak = max(peak, buffer.count)
        var meanings: [SlowParser.Meaning] = []
        while true {
            // An exact copy, so that a read beyond the end is a read beyond an allocation.
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: buffer.count, alignment: 1)
            defer { copy.deallocate() }
            copy.copyBytes(from: buffer)
            let bytes = UnsafeRawBufferPointer(copy)
            switch parser.next(in: bytes, limits: limits) {
            case .request(let consumed):
                meanings.append(.request((0..<parser.count).map { Array(parser.argument($0, in: bytes)) }))
                buffer.removeFirst(consumed)
            case .refused(let consumed, let error):
                meanings.append(.refused(error))
                buffer.removeFirst(consumed)
            case .incomplete(let discard):
                buffer.removeFirst(discard)
                return meanings
            case .broken(let error):
                meanings.append(.broken(error))
                return meanings
            }
        }
    }
}

func meanings(
    of input: String, limits: RequestLimits = .standard, cutAt cuts: [Int] = []
) -> [SlowParser.Meaning] {
    var connection = Connection()
    connection.limits = limits
    let bytes = Array(input.utf8)
    var result: [SlowParser.Meaning] = []
    var start = 0
    for cut in cuts + [bytes.count] {
        let said = connection.receive(bytes[start..<cut])
        result += said
        if case .broken = said.last { break }
        start = cut
    }
    return result
}

private func request(_ words: String...) -> SlowParser.Meaning { .request(words.map { Array($0.utf8) }) }

/// Small enough that random input meets every limit.
private let tight = RequestLimits(
    maxArguments: 4, maxBulkLength: 16, maxInlineLength: 40, maxRequestLength: 70, maxSkippedLength: 200)

@Suite struct `Requests` {
    @Test func `an array of bulk strings is a command`() {
        #expect(meanings(of: "*2\r\n$4\r\nECHO\r\n$5\r\nhello\r\n") == [request("ECHO", "hello")])
    }

    @Test func `arguments hold any bytes, line ends too`() {
        #expect(meanings(of: "*2\r\n$0\r\n\r\n$4\r\n\r\n\r\n\r\n") == [request("", "\r\n\r\n")])
    }

    @Test func `pipelined commands come one by one, in order`() {
        #expect(
            meanings(of: "*1\r\n$4\r\nPING\r\nECHO a\r\n*1\r\n$4\r\nQUIT\r\n")
                == [request("PING"), request("ECHO", "a"), request("QUIT")])
    }

    @Test func `empty lines, empty arrays and null arrays ask for nothing`() {
        #expect(
            meanings(of: "\r\n\n*0\r\n*-1\r\n  \r\nPING\n")
                == [request(), request(), request(), request(), request(), request("PING")])
    }

    @Test(arguments: [
        (#"a "b c" d"#, ["a", "b c", "d"]),
        (#"a 'b "c"' """#, ["a", #"b "c""#, ""]),
        (#""\x41\n\t\r\b\a\"\\\q""#, ["A\n\t\r\u{8}\u{7}\"\\q"]),
        (#"'it\'s' 'a\nb'"#, ["it's", #"a\nb"#]),
        (#"pre"fix" x"#, ["prefix", "x"]),
        (#""\x4" "\xzz""#, ["x4", "xzz"]),
        ("\t tab\tand\u{b}vertical ", ["tab", "and", "vertical"]),
        (#"back\slash"#, [#"back\slash"#]),
        ("grün 'ü ö'", ["grün", "ü ö"]),
    ])
    func `inline lines are cut by Redis' quoting rules`(line: String, words: [String]) {
        let expected = words.map { Array($0.utf8) }
        #expect(meanings(of: line + "\r\n") == [.request(expected)])
        #expect(meanings(of: line + "\n") == [.request(expected)])
        #expect(InlineWords.split(line) == expected)
    }

    @Test(arguments: [#"a "b"#, #"a 'b"#, #""a"b"#, #"'a'b"#, #""a\""#, #"""""#])
    func `a line whose quotes do not balance is refused and the next one is heard`(line: String) {
        #expect(meanings(of: line + "\r\nPING\r\n") == [.refused(.unbalancedQuotes), request("PING")])
        #expect(InlineWords.split(line) == nil)
    }

    @Test func `every way to cut a stream in two gives the same commands`() {
        let stream =
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\nline\r\nbreaks\r\n*0\r\nPING\r\n\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"
            + "echo \"a b\" 'c'\n*1\r\n$4\r\nPING\r\n"
        let whole = meanings(of: stream)
        #expect(whole.count == 7)
        for cut in 0...stream.utf8.count {
            #expect(meanings(of: stream, cutAt: [cut]) == whole, "cut at \(cut)")
        }
        #expect(meanings(of: stream, cutAt: Array(0...stream.utf8.count)) == whole)
    }

    @Test func `every way to cut a stream with refused commands in two gives the same answers`() {
        let stream =
            "*5\r\n" + String(repeating: "$2\r\nab\r\n", count: 5) + "PING\r\n*2\r\n$1\r\na\r\n$17\r\n"
            + String(repeating: "x", count: 17) + "\r\n'\r\n*1\r\n$4\r\nPING\r\n"
        let whole = meanings(of: stream, limits: tight)
        #expect(
            whole == [
                .refused(.tooManyArguments(limit: 4)), request("PING"), .refused(.bulkTooLong(limit: 16)),
                .refused(.unbalancedQuotes), request("PING"),
            ])
        for cut in 0...stream.utf8.count {
            #expect(meanings(of: stream, limits: tight, cutAt: [cut]) == whole, "cut at \(cut)")
        }
        #expect(meanings(of: stream, limits: tight, cutAt: Array(0...stream.utf8.count)) == whole)
    }

    @Test func `what was understood is not looked at again`() {
        var parser = RequestParser()
        var bytes = Array("*2\r\n$4\r\nECHO\r\n$1000\r\n".utf8) + Array(repeating: UInt8(ascii: "x"), count: 10)
        let head = bytes.count - 10
        #expect(bytes.withUnsafeBytes { parser.next(in: $0, limits: .standard) } == .incomplete(discard: 0))
        // Whoever read the headers a second time would now read rubbish.
        for index in 0..<head { bytes[index] = UInt8(ascii: "?") }
        bytes += Array(repeating: UInt8(ascii: "x"), count: 990) + [0x0d, 0x0a]
        #expect(bytes.withUnsafeBytes { parser.next(in: $0, limits: .standard) } == .request(consumed: bytes.count))
        #expect(parser.slices == [.init(offset: 8, count: 4), .init(offset: head, count: 1000)])
    }

    @Test func `an unfinished line is not searched twice`() {
        var parser = RequestParser()
        var bytes = Array("ECHO some".utf8)
        #expect(bytes.withUnsafeBytes { parser.next(in: $0, limits: .standard) } == .incomplete(discard: 0))
        bytes[6] = 0x0a  // a line end the parser has already walked past
        bytes += Array("thing\n".utf8)
        #expect(bytes.withUnsafeBytes { parser.next(in: $0, limits: .standard) } == .request(consumed: bytes.count))
    }
}

@Suite struct `Hostile requests` {
    @Test(arguments: [
        ("*2147483648\r\n", RequestError.tooManyArguments(limit: 1024)),
        ("*9999999999\r\n", .tooManyArguments(limit: 1024)),
        ("*99999999999", .invalidMultibulkLength),
        ("*18446744073709551617\r\n", .invalidMultibulkLength),
        ("*-2\r\n", .invalidMultibulkLength),
        ("*-9999999999\r\n", .invalidMultibulkLength),
        ("*\r\n", .invalidMultibulkLength),
        ("*-\r\n", .invalidMultibulkLength),
        ("*+1\r\n", .invalidMultibulkLength),
        ("*01\r\n", .invalidMultibulkLength),
        ("* 1\r\n", .invalidMultibulkLength),
        ("*1.\r\n", .invalidMultibulkLength),
        ("*1\n", .invalidMultibulkLength),
        ("*1\rx", .invalidMultibulkLength),
        ("*1\r\n*1\r\n$1\r\na\r\n", .expectedBulk(got: UInt8(ascii: "*"))),
        ("*1\r\n:1\r\n", .expectedBulk(got: UInt8(ascii: ":"))),
        ("*1\r\n\u{1b}", .expectedBulk(got: 0x1b)),
        ("*1\r\n$-1\r\n", .invalidBulkLength),
        ("*1\r\n$-5\r\n", .invalidBulkLength),
        ("*1\r\n$\r\n", .invalidBulkLength),
        ("*1\r\n$4 \r\n", .invalidBulkLength),
        ("*1\r\n$00\r\n", .invalidBulkLength),
        ("*1\r\n$99999999999", .invalidBulkLength),
        ("*1\r\n$9999999999\r\n", .bulkTooLong(limit: 32 << 10)),
        ("*1\r\n$536870912\r\n", .bulkTooLong(limit: 32 << 10)),
        ("*1\r\n$4\r\nPINGxx", .missingLineEnd),
        ("*1\r\n$4\r\nPING\n\n", .missingLineEnd),
        ("GET / HTTP/1.1\r\n", .notRESP),
        ("POST /x HTTP/1.0\r\n", .notRESP),
        ("Host: 127.0.0.1:7411\r\n", .notRESP),
    ])
    func `lost framing ends the connection`(input: String, error: RequestError) {
        #expect(meanings(of: input) == [.broken(error)])
        #expect(meanings(of: input, cutAt: Array(0..<input.utf8.count)) == [.broken(error)])
        #expect(meanings(of: "PING\r\n" + input + "PING\r\n") == [request("PING"), .broken(error)])
        #expect(error.message.hasPrefix("ERR Protocol error: "))
        #expect(error.message.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f })
    }

    @Test func `after lost framing the parser stays lost`() {
        var connection = Connection()
        #expect(connection.receive("*x\r\n".utf8) == [.broken(.invalidMultibulkLength)])
        connection.buffer = []
        #expect(connection.receive("PING\r\n".utf8) == [.broken(.invalidMultibulkLength)])
    }

    @Test func `an argument too long is dropped as it arrives and the connection lives`() {
        var connection = Connection()
        connection.limits.maxBulkLength = 100
        var said = connection.receive("*2\r\n$4\r\nECHO\r\n$1000000\r\n".utf8)
        for _ in 0..<1000 { said += connection.receive([UInt8](repeating: UInt8(ascii: "x"), count: 1000)) }
        said += connection.receive("\r\nPING\r\n".utf8)
        #expect(said == [.refused(.bulkTooLong(limit: 100)), request("PING")])
        #expect(connection.peak <= 1100)
    }

    @Test func `too many arguments are dropped as they arrive and the connection lives`() {
        var connection = Connection()
        var said = connection.receive("*1000000\r\n".utf8)
        for _ in 0..<1000 {
            said += connection.receive(String(repeating: "$1\r\na\r\n", count: 1000).utf8)
        }
        said += connection.receive("PING\r\n".utf8)
        #expect(said == [.refused(.tooManyArguments(limit: 1024)), request("PING")])
        #expect(connection.peak <= 7000 + 16)
        #expect(connection.parser.slices.capacity <= 1024)
    }

    @Test func `a request that is too long as a whole is refused`() {
        var limits = RequestLimits.standard
        limits.maxRequestLength = 100
        let stream = "*3\r\n" + String(repeating: "$40\r\n" + String(repeating: "y", count: 40) + "\r\n", count: 3)
        #expect(
            meanings(of: stream + "PING\r\n", limits: limits) == [
                .refused(.requestTooLong(limit: 100)), request("PING"),
            ])
    }

    @Test func `skipping has an end`() {
        var limits = tight
        limits.maxSkippedLength = 100
        #expect(meanings(of: "*1\r\n$90\r\n", limits: limits) == [.broken(.bulkTooLong(limit: 16))])
        #expect(meanings(of: "*17\r\n", limits: limits) == [.broken(.tooManyArguments(limit: 4))])
        let long = "*5\r\n" + String(repeating: "$16\r\n0123456789abcdef\r\n", count: 5)
        #expect(meanings(of: long, limits: limits) == [.broken(.tooManyArguments(limit: 4))])
    }

    @Test func `a line without end is cut off at its limit`() {
        let limit = RequestLimits.standard.maxInlineLength
        var connection = Connection()
        #expect(connection.receive([UInt8](repeating: UInt8(ascii: "a"), count: limit)) == [])
        #expect(connection.receive([0x0d]) == [])
        #expect(connection.receive([0x61]) == [.broken(.inlineTooLong(limit: limit))])
        let whole = String(repeating: "a", count: limit)
        #expect(meanings(of: whole + "\r\n") == [request(whole)])
        #expect(meanings(of: whole + "a\r\n") == [.broken(.inlineTooLong(limit: limit))])
    }

    @Test func `strangers get ten arguments of a kilobyte, sixteen in all, and no second chance`() {
        func said(_ input: String) -> [SlowParser.Meaning] { meanings(of: input, limits: .unauthenticated) }
        let kilobyte = String(repeating: "k", count: 1024)
        #expect(said("*2\r\n$4\r\nAUTH\r\n$1024\r\n\(kilobyte)\r\n") == [request("AUTH", kilobyte)])
        #expect(said("*2\r\n$4\r\nAUTH\r\n$1025\r\n") == [.broken(.bulkTooLong(limit: 1024))])
        #expect(said("*11\r\n") == [.broken(.tooManyArguments(limit: 10))])
        #expect(said("*10\r\n") == [])
        #expect(said("AUTH \(kilobyte)k\r\n") == [.refused(.bulkTooLong(limit: 1024))])
        #expect(said(String(repeating: "a", count: 16 << 10) + "\r\r") == [.broken(.inlineTooLong(limit: 16 << 10))])
    }

    @Test func `a million tiny arguments take less memory than they sent`() {
        var limits = RequestLimits.standard
        limits.maxArguments = 1_000_000
        limits.maxRequestLength = 64 << 20
        var parser = RequestParser()
        let bytes = Array("*1000000\r\n".utf8) + Array(repeatElement("$0\r\n\r\n".utf8, count: 1_000_000).joined())
        #expect(bytes.withUnsafeBytes { parser.next(in: $0, limits: limits) } == .request(consumed: bytes.count))
        #expect(parser.slices.capacity * MemoryLayout<RequestParser.Slice>.stride <= 2 * bytes.count)
        #expect(
            [UInt8]("PING\r\n".utf8).withUnsafeBytes { parser.next(in: $0, limits: limits) } == .request(consumed: 6))
        #expect(parser.slices.capacity <= 1024)
    }
}

@Suite struct `Against the slow parser` {
    @Test(arguments: 0..<8)
    func `random streams mean the same to both parsers, however they are cut`(block: Int) {
        for seed in UInt64(block * 1500)..<UInt64(block * 1500 + 1500) {
            var random = SeededGenerator(seed: seed)
            let stream = randomStream(&random)
            let expected = SlowParser.parse(stream, limits: tight).filter { $0 != .unfinished }
            var connection = Connection()
            connection.limits = tight
            var actual: [SlowParser.Meaning] = []
            var rest = stream[...]
            feeding: while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...(seed.isMultiple(of: 2) ? 3 : 40), using: &random))
                rest = rest.dropFirst(piece.count)
                actual += connection.receive(piece)
                if case .broken = actual.last { break feeding }
            }
            #expect(actual == expected, "seed \(seed): \(String(decoding: stream, as: UTF8.self).debugDescription)")
            if actual != expected { return }
        }
    }

    /// A few commands, mostly well formed and near the limits, then perhaps damaged.
    private func randomStream(_ random: inout SeededGenerator) -> [UInt8] {
        var stream: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let count = Int.random(in: 0...6, using: &random)
                stream += Array("*\(count)\r\n".utf8)
                for _ in 0..<count {
                    let length = Int.random(in: 0...(Bool.random(using: &random) ? 18 : 60), using: &random)
                    stream += Array("$\(length)\r\n".utf8)
                    stream += (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) } + [0x0d, 0x0a]
                }
            case 5..<9:
                let alphabet = Array("ab \"'\\x4fn\t\r".utf8)
                let length = Int.random(in: 0...44, using: &random)
                stream += (0..<length).map { _ in alphabet.randomElement(using: &random)! }
                stream += Bool.random(using: &random) ? [0x0d, 0x0a] : [0x0a]
            default:
                stream +=
                    ["*-1\r\n", "*99\r\n", "\r\n", "host: x\n", "*1\r\n$-1\r\n", "a HTTP/1.1\n", "*1\r\n$150\r\n"]
                    .randomElement(using: &random)!.utf8
            }
        }
        if Int.random(in: 0..<3, using: &random) == 0, !stream.isEmpty {
            let at = Int.random(in: 0..<stream.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: stream[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            case 1: stream.remove(at: at)
            case 2: stream.insert(Array("*$-\r\n0'\"".utf8).randomElement(using: &random)!, at: at)
            default: stream.removeLast(stream.count - at)
            }
        }
        return stream
    }
}
