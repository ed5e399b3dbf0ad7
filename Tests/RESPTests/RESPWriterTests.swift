import RESP
import Testing

private func written(_ version: RESPVersion, _ body: (inout RESPWriter) -> Void) -> String {
    var writer = RESPWriter(version: version)
    body(&writer)
    return String(decoding: writer.bytes, as: UTF8.self)
}

@Suite struct `Writing answers` {
    @Test func `scalars`() {
        for version in [RESPVersion.v2, .v3] {
            #expect(written(version) { $0.ok() } == "+OK\r\n")
            #expect(written(version) { $0.simple("PONG") } == "+PONG\r\n")
            #expect(written(version) { $0.simple("x") } == "+x\r\n")
            #expect(written(version) { $0.error(code: "NOTFOUND", "no user u_1") } == "-NOTFOUND no user u_1\r\n")
            #expect(written(version) { $0.error("ERR syntax") } == "-ERR syntax\r\n")
            #expect(written(version) { $0.integer(0) } == ":0\r\n")
            #expect(written(version) { $0.integer(Int64.min) } == ":-9223372036854775808\r\n")
            #expect(written(version) { $0.integer(Int64.max) } == ":9223372036854775807\r\n")
            #expect(written(version) { $0.bulk("") } == "$0\r\n\r\n")
            #expect(written(version) { $0.bulk("grün" as String) } == "$5\r\ngrün\r\n")
            #expect(written(version) { $0.bulk([0x61, 0x62]) } == "$2\r\nab\r\n")
            #expect(written(version) { $0.bulk(Int64(-120)) } == "$4\r\n-120\r\n")
        }
    }

    @Test func `RESP2 gets what it knows instead of what it lacks`() {
        func both(_ body: (inout RESPWriter) -> Void) -> [String] { [written(.v2, body), written(.v3, body)] }
        #expect(both { $0.null() } == ["$-1\r\n", "_\r\n"])
        #expect(both { $0.nullArray() } == ["*-1\r\n", "_\r\n"])
        #expect(both { $0.boolean(true) } == [":1\r\n", "#t\r\n"])
        #expect(both { $0.boolean(false) } == [":0\r\n", "#f\r\n"])
        #expect(both { $0.array(3) } == ["*3\r\n", "*3\r\n"])
        #expect(both { $0.map(3) } == ["*6\r\n", "%3\r\n"])
        #expect(both { $0.set(3) } == ["*3\r\n", "~3\r\n"])
        #expect(both { $0.push(3) } == ["*3\r\n", ">3\r\n"])
        #expect(both { $0.verbatim("# hi", format: "mkd") } == ["$4\r\n# hi\r\n", "=8\r\nmkd:# hi\r\n"])
    }

    @Test func `no text can end its line early`() {
        #expect(written(.v3) { $0.error(code: "ERR", "a\r\n+OK\r\n") } == "-ERR a  +OK  \r\n")
        #expect(written(.v3) { $0.error("ERR b\n" as String) } == "-ERR b \r\n")
        #expect(written(.v3) { $0.simple("c\rd" as String) } == "+c d\r\n")
    }

    @Test(arguments: [0, 1, 9, 10, 11, 99, 100, 101, 999, 1000, 12345, 100_000])
    func `a bulk of unknown length gets the right one`(count: Int) {
        let text = String((0..<count).map { Character(Unicode.Scalar(UInt8(0x61 + $0 % 26))) })
        let frame = written(.v3) { writer in
            writer.integer(7)
            writer.bulk(appendedBy: { $0.append(contentsOf: text.utf8) })
            writer.ok()
        }
        #expect(frame == ":7\r\n$\(count)\r\n\(text)\r\n+OK\r\n")
    }

    @Test func `a reused writer keeps its memory`() {
        var writer = RESPWriter(version: .v3, capacity: 4096)
        let capacity = writer.bytes.capacity
        for _ in 0..<10 {
            writer.map(20)
            for number in 0..<20 {
                writer.bulk("a_rather_long_field_name")
                writer.bulk(Int64(number) * 123_456_789_012)
            }
            writer.removeAll()
        }
        #expect(writer.bytes.capacity == capacity)
    }
}
