import LedgerClient
import LedgerScript
import RESP
import Testing

@testable import LedgerServer

/// What a server keeps of scripts, and of their answers.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ScriptHostTests {
    @Test func `scripts that nobody asks for make room, for their number and for their bytes`() throws {
        let host = ScriptHost(budget: ScriptBudget(milliseconds: 10), answerLimit: 1 << 20)
        func source(_ number: Int, length: Int = 1) -> [UInt8] {
            Array("return \(number), '\(String(repeating: "x", count: length))'".utf8)
        }
        let kept = try host.script(source: source(0)).sha
        for number in 1...520 {
            _ = try host.script(source: source(number))
            #expect(host.script(sha: kept) != nil)
        }
        #expect(host.count == 500 && !host.knows(Script.name(of: source(1)).sha))
        #expect(host.knows(Script.name(of: source(520)).sha))
        var bytes = 0
        for number in 0..<400 { bytes += try host.script(source: source(number, length: 60_000)).weight }
        #expect(bytes > 24_000_000 && (270...279).contains(host.count), "\(host.count) of 400 with \(bytes) bytes")
        #expect(host.knows(Script.name(of: source(399, length: 60_000)).sha))
        host.flush()
        #expect(host.count == 0)
        for number in 0..<100 { _ = try host.script(source: source(number, length: 1000)) }
        #expect(host.count == 100)
    }

    @Test func `answers of all scripts that are under way have a bound, and what would be more does nothing`()
        async throws
    {
        let answers = ProgramAnswers(limit: 1 << 20)
        var first = answers.claim(900_000)
        #expect(first != nil && answers.claim(200_000) == nil)
        #expect(answers.claim(60_000) != nil, "one that is small")
        first = nil
        #expect(answers.claim(1 << 20) != nil)
        try await Serving.with {
            $0.scriptMilliseconds = 2_000
            $0.answerLimitOverAll = 1 << 20
        } _: { serving in
            try await serving.withTen { _, client in
                let source = """
                    ledger.charge("u_a", "1", "api")
                    return { string.rep("x", ARGV[1]), string.rep("y", ARGV[1]) }
                    """
                for _ in 0..<3 {
                    let answer = try await client.call("EVAL", source, "0", "250000")
                    #expect(answer.elements?.count == 2, "\(answer.error?.text ?? "")")
                }
                #expect(try await client.call("EVAL", source, "0", "262144").error?.code == "BUSY")
                #expect(try await available(client) == "7.00")
            }
        }
    }
}
