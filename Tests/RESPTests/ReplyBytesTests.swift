import RESP
import Testing

/// Semicolons stand for line ends.
private func wire(_ text: String) -> [UInt8] {
    text.utf8.flatMap { $0 == UInt8(ascii: ";") ? [0x0d, 0x0a] : [$0] }
}

private let corpus = [
    "+OK;", "-ERR no;", ":-5;", "$4;he\ro;", "$-1;", "*-1;", "_;", "#t;", ",1.5;", "(123456789012345678901;",
    "!6;ERR no;", "=6;txt:hi;", "*0;", "%0;", "*3;:1;*1;*0;$-1;", "~2;+a;+b;",
    "%2;$2;id;:1;+list;*2;%1;+k;_;+x;", ">2;+message;:1;", "|1;+ttl;:3;$1;a;", "*2;|1;+a;*0;*1;:1;|0;+b;",
].map(wire)

private func length(_ bytes: [UInt8], _ framer: inout ReplyFramer) throws(ReplyError) -> Int? {
    // A buffer of just this size: whoever reads beyond it is caught by the sanitizer.
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    return try framer.length(of: UnsafeRawBufferPointer(copy))
}

/// What is read of one answer.
private func fields(_ text: String) throws -> (fields: [[String]], error: RESPError?) {
    var found: [[String]] = []
    let bytes = wire(text + "%1;+a;+b;")
    let error = try bytes.withUnsafeBytes { bytes in
        var reader = ReplyBytes(bytes)
        let error = try reader.answer { found.append([$0, $1].map { String(decoding: $0, as: UTF8.self) }) }
        // Whatever it was, the next one begins behind it.
        var next: [String] = []
        #expect(try reader.answer { next = [$0, $1].map { String(decoding: $0, as: UTF8.self) } } == nil)
        #expect(next == ["a", "b"], "after \(text)")
        return error
    }
    return (found, error)
}

@Suite struct `Answers as bytes` {
    @Test func `an answer is as long as the parser finds it, however it was cut`() throws {
        for bytes in corpus {
            var parser = ReplyParser()
            var consumed = 0
            #expect(try bytes.withUnsafeBytes { try parser.next(in: $0, consumed: &consumed) } != nil)
            #expect(consumed == bytes.count)
            var framer = ReplyFramer()
            for count in 0..<bytes.count { #expect(try length(Array(bytes[..<count]), &framer) == nil) }
            #expect(try length(bytes + Array("+more".utf8), &framer) == bytes.count)
            #expect(try length(bytes, &framer) == bytes.count, "it begins anew after each answer")
        }
    }

    @Test func `what is framed wrongly or too long is an error`() {
        let limits = ReplyLimits(maxDepth: 4, maxElements: 10, maxBulkLength: 20, maxLineLength: 10, maxReplyLength: 60)
        for (text, error) in [
            ("x\r\n", ReplyError.unknownType(UInt8(ascii: "x"))), ("$-2\r\n", .invalidLength),
            ("%-1\r\n", .invalidLength), ("$1\r\nabc", .missingLineEnd), ("+a\rb\r\n", .missingLineEnd),
            ("$21\r\n", .tooLong(limit: 20)), ("+01234567890\r\n", .tooLong(limit: 10)),
            ("*11\r\n", .tooManyElements(limit: 10)),
            ("*9\r\n" + String(repeating: ":1\r\n", count: 8) + "*2\r\n:1\r\n:1\r\n", .tooManyElements(limit: 10)),
            ("*3\r\n" + String(repeating: "$20\r\n01234567890123456789\r\n", count: 3), .tooLong(limit: 60)),
        ] {
            var framer = ReplyFramer(limits: limits)
            #expect(throws: error) { try length(Array(text.utf8), &framer) }
        }
    }

    @Test func `fields are read as the values' texts`() throws {
        #expect(
            try fields("%9;$2;id;$3;abc;+n;:-5;+t;#t;+f;#f;+d;,1.5;+b;(99;+v;=6;txt:hi;+none;_;+list;*2;%1;+k;_;+x;")
                .fields
                == [
                    ["id", "abc"], ["n", "-5"], ["t", "true"], ["f", "false"], ["d", "1.5"], ["b", "99"], ["v", "hi"],
                ])
        #expect(try fields("*4;$1;a;$1;1;$1;b;$-1;").fields == [["a", "1"]], "a map of RESP2")
        #expect(try fields("|1;+ttl;:3;%1;|1;+x;*1;:1;+a;|0;:7;").fields == [["a", "7"]], "attributes are no fields")
    }

    @Test func `answers without fields are gone over`() throws {
        for text in ["+OK;", ":1;", "_;", "$-1;", "*-1;", "*3;:1;*1;*0;$-1;", "~2;+a;+b;", "*0;", "%0;"] {
            let (fields, error) = try fields(text)
            #expect(fields.isEmpty && error == nil, "\(text)")
        }
    }

    @Test func `a rejection is taken apart`() throws {
        let error = RESPError(code: "BUSY", message: "later")
        for text in ["-BUSY later;", "!10;BUSY later;", "|1;+a;:1;-BUSY later;"] {
            #expect(try fields(text).error == error)
        }
    }

    @Test func `commands that are encoded are still commands`() async throws {
        var writer = RESPWriter()
        let commands = [["PING"], ["ECHO", ""], ["ECHO", "a\r\n*1\r\n"]].map { $0.map { Array($0.utf8) } }
        for command in commands { writer.command(command) }
        let encoded = EncodedCommands(bytes: writer.bytes, count: 3)
        #expect(encoded.words == commands)
        // A port that has values only.
        struct Echo: CommandPort {
            func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] { commands.map { .bulk($0.last!) } }
        }
        #expect(try await Echo().post(encoded).replies() == Array("$4\r\nPING\r\n$0\r\n\r\n$7\r\na\r\n*1\r\n\r\n".utf8))
    }
}
