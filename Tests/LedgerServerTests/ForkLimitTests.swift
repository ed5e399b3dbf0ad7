import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Synchronization
import Testing

@testable import LedgerServer

/// What a fork may take of memory and time, and that it ends with its connection.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ForkLimitTests {
    /// With a user whose storage is charged for ever: ten years of it are a lot of events.
    private func with(
        _ change: (inout ServerConfiguration) -> Void = { _ in },
        _ body: (Serving, RemoteLedger) async throws -> Void
    ) async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with(change) {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            try await Self.fill(client)
            try await body(serving, client)
            await client.close()
        }
    }

    static func fill(_ client: any CommandPort) async throws {
        let lines =
            ["USER CREATE c@d.example ID u_b TYPE pro", "CREDIT ADJUST u_b 100000000 REASON test"]
            + (0..<100).map { "STORAGE CREATE u_b r\($0) bucket 1" }
        for answer in try await client.send(lines.map(words)) { answer.mustBeAnswer() }
    }

    private func ask(_ client: any CommandPort, _ line: String) async throws -> RESPValue {
        try await client.send([words(line)])[0]
    }

    /// A field of the first fork that INFO lists.
    private func fork(_ field: String, _ client: any CommandPort) async throws -> String? {
        let info = try await ask(client, "INFO forks").string ?? ""
        let line = info.split(whereSeparator: \.isNewline).first { $0.hasPrefix("fork_0:") }
        let pairs = line?.dropFirst("fork_0:".count).split(separator: ",") ?? []
        return pairs.first { $0.hasPrefix(field + "=") }.map { String($0.dropFirst(field.count + 1)) }
    }

    private func grown(_ client: any CommandPort) async throws -> Int {
        try await fork("grown_bytes", client).flatMap { Int($0) } ?? 0
    }

    /// Room for one fork of this ledger, and no more.
    private static func tighten(_ configuration: inout ServerConfiguration) {
        configuration.forkMemory = ForkRoom.bytesPerFork + 10 * ForkRoom.bytesPerUser
    }

    @Test func `time stops where there is no more memory: it is read then, and changes no more`() async throws {
        try await with(Self.tighten) { _, client in
            let made = try await ask(client, "FORK NEW f")
            let end = try #require(try await ask(client, "FORK ADVANCE f 3660d").error?.text)
            #expect(
                end.contains("went no further: this fork has grown by 8 MB") && end.contains("--fork-memory"), "\(end)")
            let listed = try #require(try await ask(client, "FORK LIST").elements?[0])
            #expect(end.contains("fork f is at \(listed["time"]?.string ?? "")"), "\(end), \(listed)")
            #expect(listed["time"] != made["time"])
            for line in ["CREDIT BALANCE u_b", "STORAGE LIST u_b", "CREDIT HISTORY u_b COUNT 1", "INFO ledger"] {
                #expect(try await ask(client, "FORK RUN f \(line)").error == nil, "\(line)")
            }
            let refused = try await ask(client, "FORK RUN f CREDIT CHARGE u_b 1 api").error
            #expect(
                refused?.code == "READONLY" && refused?.message.contains("--fork-memory") == true, "\(refused as Any)")
            let again = try await ask(client, "FORK ADVANCE f 1d").error
            #expect(again?.text.contains("went no further") == true, "\(again as Any)")
            #expect(try await ask(client, "FORK LIST").elements?[0]["time"] == listed["time"])
            #expect((try await ask(client, "FORK DIFF f COUNT 1")["events"]?.integer ?? 0) > 1000)
            // What it took is set aside, and the ledger goes on.
            #expect(try await grown(client) >= ForkRoom.growthAtFirst)
            #expect(try await ask(client, "CREDIT CHARGE u_b 1 api").error == nil)
            #expect(try await ask(client, "FORK DROP f").string == "OK")
            let isGone = try await eventually { try await fork("name", client) == nil }
            #expect(isGone)
            #expect(try await ask(client, "FORK NEW f").error == nil)
            #expect(try await ask(client, "FORK RUN f CREDIT CHARGE u_b 1 api").error == nil)
        }
    }

    @Test func `commands stop there, too, one behind the other`() async throws {
        try await with(Self.tighten) { _, client in
            _ = try await ask(client, "FORK NEW f")
            let filler = String(repeating: "x", count: 15 << 10)
            var refused: RESPError?
            for round in 0..<2000 where refused == nil {
                let source = "return function() return 0 end -- \(round) \(filler)"
                let command = ["FORK", "RUN", "f", "RULE", "LOAD", "purchase_bonus", source].map { Array($0.utf8) }
                refused = try await client.send([command])[0].error
            }
            #expect(
                refused?.code == "READONLY" && refused?.message.contains("has grown by 8 MB") == true,
                "\(refused as Any)")
            #expect(try await ask(client, "FORK RUN f RULE SHOW purchase_bonus 2").error == nil)
        }
    }

    @Test func `a fork takes no more than half of what there is`() throws {
        let room = ForkRoom(memory: 1 << 30)
        let (one, two) = (try room.take(users: 1, for: .fork), try room.take(users: 1, for: .fork))
        #expect(room.grow(one, to: 200 << 20) == nil)
        #expect(room.grow(one, to: 530 << 20)?.contains("of the 1024 MB for all forks one may take half") == true)
        #expect(room.grow(one, to: 500 << 20) == nil)
        #expect(room.grow(two, to: 500 << 20)?.contains("the 1024 MB for all forks are taken") == true)
        #expect(room.used(for: .fork).bytes > 1 << 30)
        #expect(throws: ForkRoom.Full.self) { try room.take(users: 1, for: .fork) }
        room.leave(one)
        #expect(room.grow(two, to: 500 << 20) == nil)
        // One that was left is not noted any more.
        #expect(room.grow(one, to: 900 << 20) == nil && room.used(for: .fork).count == 1)
    }

    @Test func `three forks of a million users fit into the default`() throws {
        let room = ForkRoom(memory: ServerConfiguration().forkMemory)
        for _ in 0..<3 { _ = try room.take(users: 1_000_000, for: .fork) }
    }

    @Test func `INFO says who holds which`() async throws {
        try await with { serving, client in
            #expect(try await ask(client, "INFO forks").string?.isEmpty == true)
            let other = try await serving.connect()
            let id = try #require(try await ask(other, "CLIENT ID").integer)
            _ = try await ask(other, "FORK NEW mine")
            #expect(try await fork("name", client) == "mine")
            #expect(try await fork("client", client) == "\(id)")
            #expect(try await fork("user", client) == "admin")
            #expect(try await fork("addr", client)?.hasPrefix("127.0.0.1:") == true)
            let age = try #require(try await fork("age", client))
            #expect(Int(age) != nil)
            let bytes = ForkRoom.bytesPerFork + 2 * ForkRoom.bytesPerUser
            #expect(try await fork("memory_bytes", client) == "\(bytes)")
            #expect(try await ask(client, "INFO memory").string?.contains("forks_memory_bytes:\(bytes)\r\n") == true)
            await other.close()
        }
    }

    @Test func `a long time ends with its connection`() async throws {
        try await with {
            $0.drainSeconds = 1
        } _: { serving, client in
            let other = try await serving.connect()
            _ = try await ask(other, "FORK NEW f")
            let answer = Task { try await ask(other, "FORK ADVANCE f 3660d") }
            let isUnderWay = try await eventually { try await grown(client) > 1 << 16 }
            #expect(isUnderWay)
            await other.close(timeoutSeconds: 0)
            await #expect(throws: ClientError.self) { try await answer.value }
            let clock = ContinuousClock()
            let began = clock.now
            let isGone = try await eventually { try await fork("name", client) == nil }
            #expect(isGone && clock.now - began < .seconds(60))
        }
    }

    @Test func `a wait in a fork ends with its connection`() async throws {
        try await with {
            $0.drainSeconds = 1
        } _: { serving, client in
            for wait in ["WAIT 99999", "TAIL FROM 99999 BLOCK 0"] {
                let other = try await serving.connect()
                _ = try await ask(other, "FORK NEW f")
                let counters = serving.server.counters
                let before = counters.commands.load(ordering: .relaxed)
                let answer = Task { try await ask(other, "FORK RUN f \(wait)") }
                let isUnderWay = try await eventually { counters.commands.load(ordering: .relaxed) > before }
                #expect(isUnderWay)
                await other.close(timeoutSeconds: 0)
                await #expect(throws: ClientError.self) { try await answer.value }
                let isGone = try await eventually { try await fork("name", client) == nil }
                #expect(isGone, "\(wait)")
            }
        }
    }

    @Test func `a server that stops does not wait for it`() async throws {
        let clock = ContinuousClock()
        var stopped = clock.now
        let told = Told()
        try await with {
            $0.drainSeconds = 60
        } _: { serving, client in
            let other = try await serving.connect()
            _ = try await ask(other, "FORK NEW f")
            Task { await told.set(try? await other.send([words("FORK ADVANCE f 3660d")])[0]) }
            let isUnderWay = try await eventually { try await grown(client) > 1 << 16 }
            #expect(isUnderWay)
            stopped = clock.now
        }
        // For so long answers are waited for.
        #expect(clock.now - stopped < .seconds(50))
        let isTold = try await eventually { await told.answer != nil }
        #expect(isTold)
        let text = await told.answer?.error?.text
        #expect(text?.contains("went no further: the server is being stopped") == true, "\(text ?? "")")
    }

    private actor Told {
        private(set) var answer: RESPValue?
        func set(_ value: RESPValue?) { answer = value }
    }
}
