import LedgerClient
import LedgerCommands
import LedgerCore
import LedgerEngine
import LedgerTestKit
import Logging
import RESP
import Testing

@testable import LedgerServer

/// AT, of the whole ledger.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LedgerPastTests {
    private func with(
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (Serving, RemoteLedger, ManualClock) async throws -> Void
    ) async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with(change) {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            for line in [
                "USER CREATE a@b.example ID u_a TYPE pro NAME Ada", "CREDIT PURCHASE u_a 10 stripe",
                "PASSPORT CREATE u_a key read,write SCOPE all", "HOLD PLACE u_a 1 TTL 30d",
                "METER ADD calls UNIT calls",
                "RULE LOAD meter:calls \"return function(t, quantity, before) return quantity * 1000 end\"",
                "RULE ACTIVATE meter:calls 1", "STORAGE CREATE u_a r1 bucket 1",
                "SESSION RECORD s0 u_a small FROM 2026-11-23T08:00:00Z TO 2026-11-23T09:00:00Z",
                "SESSION START s1 u_a small TTL 30d", "CREDIT CHARGE u_a 0.25 api",
            ] { try await ask(client, line).mustBeAnswer() }
            try await body(serving, client, clock)
            await client.close()
        }
    }

    private func ask(_ client: any CommandPort, _ line: String) async throws -> RESPValue {
        try await client.send([words(line)])[0]
    }

    private func past(_ client: any CommandPort) async throws -> String? {
        let info = try await ask(client, "INFO memory").string ?? ""
        return info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("past_lsn:") }.map {
            String($0.dropFirst(9))
        }
    }

    private let reads = [
        "CREDIT LOTS u_a", "CREDIT BALANCE u_a FOR api", "HOLD LIST u_a", "SESSION LIST", "SESSION LIST USER u_a",
        "SESSION GET s1", "SESSION GET s0", "STORAGE LIST u_a", "RUNWAY u_a", "SESSION QUOTE u_a small 2",
        "USAGE QUOTE u_a calls 5", "USER LIST", "USER FIND u_", "PASSPORT LIST u_a", "SPACE LIST", "SPACE OWNED u_a",
        "METER LIST", "PRICE INFO", "RULE LIST", "RULE SHOW session_runtime", "LIMIT LIST", "ALLOWANCE LIST", "DBSIZE",
        "INFO books", "INFO keyspace",
    ]

    @Test func `every read says what it said then, whatever came later`() async throws {
        try await with { serving, client, clock in
            clock.advance(by: .minutes(3))
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            let time = clock.now()
            var then: [RESPValue] = []
            for line in reads { then.append(try await ask(client, line)) }
            clock.advance(by: .seconds(1))
            // Every read is asked here that can be.
            let asked = try reads.map { line in try Words.with(words(line)) { try CommandTable.find($0) } }
            for spec in CommandTable.specs where spec.past == .ledger {
                #expect(
                    asked.contains(spec.id)
                        || [.explain, .ruleStep, .holdGet, .passportVerify, .sessionGet].contains(spec.id),
                    "\(spec.name)")
            }
            for line in [
                "CREDIT CHARGE u_a 3 api", "SESSION STOP s1", "USER SET u_a NAME Eve", "STORAGE DELETE r1",
                "USER CREATE c@d.example ID u_c", "METER ADD more UNIT more", "LIMIT SET pro storage_gb 5",
                "SPACE ADD extra COST 1 SIZE 1",
                "RULE LOAD session_runtime \"return function() return usd'1', usd'1' end\"",
                "RULE ACTIVATE session_runtime 2", "ALLOWANCE SET u_a 1 EVERY month", "CREDIT PURCHASE u_a 20 stripe",
                "PASSPORT CREATE u_a second read", "HOLD PLACE u_a 2",
            ] { try await ask(client, line).mustBeAnswer() }
            clock.advance(by: .days(2))
            var differing = 0
            for (line, expected) in zip(reads, then) {
                let found = try await ask(client, "AT \(time) \(line)")
                #expect(found == expected, "\(line): \(found) instead of \(expected)")
                if try await ask(client, line) != expected { differing += 1 }
            }
            #expect(differing > 18, "only \(differing) differ today")
            #expect(try await past(client) == "\(lsn)")
            let charge = try #require(
                try await ask(client, "AT \(time) CREDIT HISTORY u_a COUNT 1").elements?[1].elements?[0]["id"]?.string)
            #expect(try await ask(client, "AT \(time) EXPLAIN \(charge)")["amount"]?.string == "0.25")
            #expect(try await ask(client, "AT lsn:\(lsn - 3) EXPLAIN \(charge)").error?.code == "NOTFOUND")
            // Nothing was recorded by all that.
            let now = try #require(try await ask(client, "WAIT 0").integer)
            _ = try await ask(client, "AT lsn:\(lsn) SESSION LIST")
            #expect(try await ask(client, "WAIT 0").integer == now)
        }
    }

    @Test func `one moment is held, another one takes its place, and who asks nothing loses it`() async throws {
        try await with {
            $0.pastSeconds = 1
        } _: { serving, client, clock in
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            #expect(try await past(client) == "0")
            #expect(try await ask(client, "AT lsn:\(lsn) DBSIZE").integer == 2)
            #expect(try await past(client) == "\(lsn)")
            #expect(try await ask(client, "AT lsn:\(lsn - 1) HOLD LIST u_a").error == nil)
            #expect(try await past(client) == "\(lsn - 1)")
            #expect(try await ask(client, "INFO memory").string?.contains("forks:0") == true)
            let isGone = try await eventually {
                try await ask(client, "INFO memory").string?.contains("past_lsn:0\r\npast_memory_bytes:0\r\n") == true
            }
            #expect(isGone)
            #expect(try await ask(client, "AT lsn:\(lsn) DBSIZE").integer == 2)
        }
    }

    @Test func `many ask at once, about several moments, beside writers`() async throws {
        try await with { serving, client, _ in
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            let writer = try await serving.connect()
            async let charged = writer.send(Array(repeating: words("CREDIT CHARGE u_a 0.001 api"), count: 500))
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let other = try await serving.connect()
                        for round in 0..<4 {
                            let at = lsn - Int64((number + round) % 3)
                            let answer = try await ask(other, "AT lsn:\(at) INFO ledger")
                            #expect(answer.string?.contains("last_lsn:\(at)\r\n") == true, "\(answer)")
                        }
                        await other.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await charged.allSatisfy { $0.error == nil })
            await writer.close()
        }
    }

    @Test func `the whole ledger's past is for admins, one user's for who may read it`() async throws {
        try await with { serving, client, _ in
            func holder(_ permissions: String) async throws -> RemoteLedger {
                let made = try await ask(client, "PASSPORT CREATE u_a p \(permissions)")
                return try await serving.connect(try #require(made["secret"]?.string))
            }
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            for permissions in ["read", "read,write,billing,monitor SCOPE all", "read,admin SCOPE own"] {
                let reader = try await holder(permissions)
                #expect(try await ask(reader, "AT lsn:\(lsn) CREDIT BALANCE u_a").error == nil)
                let refused = try await ask(reader, "AT lsn:\(lsn) CREDIT LOTS u_a").error
                #expect(refused?.code == "NOPERM" && refused?.message.contains("loads the whole ledger") == true)
                await reader.close()
            }
            let blind = try await holder("admin SCOPE all")
            #expect(
                try await ask(blind, "AT lsn:\(lsn) CREDIT LOTS u_a").error?.message.contains("permission read") == true
            )
            #expect(try await ask(blind, "AT lsn:\(lsn) RULE LIST").error == nil)
            await blind.close()
            #expect(try await past(client) == "\(lsn)")
        }
    }

    @Test(
        arguments: [
            ("AT 2020-01-01 SESSION LIST", "ERR nothing was recorded by then"),
            ("AT 2199-01-01 SESSION LIST", "ERR 2199-01-01T00:00:00Z is still to come"),
            ("AT lsn:99999 SESSION LIST", "ERR there is no event 99999 yet"),
            ("AT lsn:5 CREDIT CHARGE u_a 1 api", "CREDIT CHARGE cannot be asked AT a moment: what was recorded"),
            ("AT lsn:5 EVAL 'return 1' 0", "EVAL cannot be asked AT a moment"),
            ("AT lsn:5 DRYRUN CREDIT CHARGE u_a 1 api", "DRYRUN cannot be asked AT a moment: what would come"),
            ("AT lsn:5 AT lsn:4 SESSION LIST", "AT cannot be asked AT a moment: it names its moments itself"),
            ("AT lsn:5 FORK NEW f", "FORK NEW cannot be asked AT a moment"),
            ("AT lsn:5 SHUTDOWN", "about the server as it is now"),
            ("AT lsn:5 PING", "about the connection"), ("AT lsn:5 INFO", "keyspace, ledger, books"),
            ("AT lsn:5 INFO ledger clients", "keyspace, ledger, books"),
            ("AT lsn:5 KNOWN now SESSION LIST", "SESSION LIST has no KNOWN now"),
            ("AT lsn:5 KNOWN now CREDIT BALANCE u_a FOR api", "has no KNOWN now"),
            ("AT lsn:5 NONSENSE", "unknown command"), ("AT lsn:0 SESSION LIST", "lsn:0"),
            ("AT lsn:5 CREDIT LOTS", "wrong number"), ("AT lsn:1 CREDIT LOTS u_a", "NOTFOUND"),
        ])
    func `what makes no sense is refused`(line: String, why: String) async throws {
        try await with { _, client, _ in
            let error = try await ask(client, line).error
            #expect(error?.text.contains(why) == true, "\(error?.text ?? "no error")")
        }
    }

    @Test func `it takes its memory from what forks may take, and gives it to a fork that needs it`() async throws {
        try await with {
            $0.forkMemory = ForkRoom.bytesPerFork + 10 * ForkRoom.bytesPerUser
        } _: { serving, client, _ in
            #expect(try await ask(client, "AT lsn:9 DBSIZE").error == nil)
            #expect(try await ask(client, "FORK NEW f").error == nil)
            #expect(try await past(client) == "0")
            let refused = try await ask(client, "AT lsn:9 DBSIZE").error
            #expect(refused?.text.contains("drop a fork, or raise --fork-memory") == true, "\(refused?.text ?? "")")
            // In the fork likewise.
            #expect(try await ask(client, "FORK RUN f AT lsn:9 DBSIZE").error?.text.contains("--fork-memory") == true)
        }
    }

    @Test func `one that was given up leaves nothing behind, and one desk closes once`() async throws {
        try await with { serving, _, _ in
            let room = ForkRoom(memory: 4 << 30)
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let desk = PastDesk(of: serving.engine, in: room, seconds: 300, "test", logger)
            for lsn: UInt64 in [18, 19, 18] {
                guard case .value(.integer(let users)) = await desk.ask(words("DBSIZE"), at: .event(LSN(lsn))) else {
                    Issue.record("no answer")
                    return
                }
                #expect(users == 2 && desk.past?.lsn == LSN(lsn) && room.used(for: .past).count == 1)
            }
            weak let engine = desk.past?.engine
            #expect(engine != nil)
            let wasDropped = await desk.dropIfIdle()
            let isGone = try await eventually { engine == nil }
            #expect(wasDropped && isGone && desk.past == nil && room.used(for: .past).bytes == 0)
            let isThereMore = await desk.dropIfIdle()
            #expect(!isThereMore)
            await desk.close()
            await desk.close()
            guard case .refused(.busy) = await desk.ask(words("DBSIZE"), at: .event(LSN(9))) else {
                Issue.record("it was closed")
                return
            }
        }
    }

    @Test func `it knows no text of who was forgotten since it was loaded`() async throws {
        try await with { _, client, _ in
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            try await ask(client, "USER CREATE c@d.example ID u_c NAME Carl").mustBeAnswer()
            let made = lsn + 1
            #expect("\(try await ask(client, "AT lsn:\(made) USER FIND u_c"))".contains(Self.bytes("Carl")))
            try await ask(client, "USER DELETE u_c FORFEIT").mustBeAnswer()
            let found = try await ask(client, "AT lsn:\(made) USER FIND u_c")
            #expect(found.elements?[1].elements?.count == 1)
            #expect(!"\(found)".contains(Self.bytes("Carl")) && !"\(found)".contains(Self.bytes("c@d.example")))
        }
    }

    /// As a bulk text is printed.
    private static func bytes(_ text: String) -> String { "\(Array(text.utf8))" }

    @Test func `a fork has a past of its own`() async throws {
        try await with { _, client, _ in
            let lsn = try #require(try await ask(client, "WAIT 0").integer)
            _ = try await ask(client, "FORK NEW f")
            try await ask(client, "FORK RUN f CREDIT CHARGE u_a 1 fork").mustBeAnswer()
            let now = try await ask(client, "FORK RUN f CREDIT LOTS u_a")
            #expect(try await ask(client, "FORK RUN f AT lsn:\(lsn) CREDIT LOTS u_a") != now)
            #expect(
                try await ask(client, "FORK RUN f AT lsn:\(lsn + 1) INFO ledger").string?.contains(
                    "last_lsn:\(lsn + 1)") == true)
            #expect(try await ask(client, "FORK DROP f").error == nil)
        }
    }
}
