import LedgerClient
import LedgerCommands
import LedgerCore
import LedgerEngine
import LedgerReplies
import RESP
import Testing

@testable import LedgerServer

/// A program that has to be run again goes the way that it went before.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ProgramRunTests {
    /// Makes a user, whose id is random, asks for the time, and lacks a record of the journal in its first runs.
    private final class Probe: ServerProgram, @unchecked Sendable {
        private(set) var users: [String] = []
        private(set) var times: [RESPValue] = []
        private let runs: Int

        init(runs: Int, _ runner: CommandRunner) {
            self.runs = runs
            super.init("PROBE", .transaction, runner)
        }

        override func work(_ ledger: ProgramLedger) -> ProgramEnd {
            times.append(call("TIME", ledger))
            users.append(call("USER CREATE ada@example.com", ledger)["user"]?.string ?? "refused")
            users.append(call("USER CREATE bob@example.com", ledger)["user"]?.string ?? "refused")
            times.append(call("TIME", ledger))
            guard times.count >= 2 * runs else { return needs(.event(LSN(UInt64(times.count)))) }
            stage = .done({ $0.ok() })
            return .keep(value: [])
        }

        private func call(_ line: String, _ ledger: ProgramLedger) -> RESPValue {
            var writer = RESPWriter(version: .v3)
            do {
                try runner.perform(try runner.parse(words(line)), in: ledger, to: &writer)
            } catch {
                return .simple("\(error)")
            }
            return RESPValue(decoding: writer.bytes) ?? .simple("not a value")
        }
    }

    private func probe(runs: Int, _ engine: Engine) -> Probe {
        let names = engine.names
        let context = ParseContext(
            names: names, actor: .none, emailHash: { names.hash(.email, $0) }, personHash: { names.hash(.person, $0) })
        let encoder = ReplyEncoder(shard: engine.shard, version: "test")
        return Probe(runs: runs, CommandRunner(engine: engine, encoder: encoder, rights: nil, context: context))
    }

    private func run(_ program: Probe, _ engine: Engine) async {
        await withCheckedContinuation { continuation in
            let batch = WorkBatch { _ in continuation.resume() }
            batch.append(.program(program))
            precondition(engine.submit(batch), "nothing else is asked")
        }
    }

    @Test func `each run sees the time and the random values of the first`() async throws {
        let clock = ManualClock(OwnWritesTests.morning)
        try await OwnWritesTests.serve(clock) { serving in
            let engine = serving.engine
            let first = probe(runs: 3, engine)
            for run in 1...3 {
                await self.run(first, engine)
                #expect(first.isOver == (run == 3))
                // What took it back may have taken long.
                clock.advance(by: .seconds(20))
            }
            #expect(first.users.count == 6 && Set(first.users).count == 2, "\(first.users)")
            #expect(first.users[0] == first.users[4] && first.users[1] == first.users[5])
            #expect(first.times.count == 6 && Set(first.times).count == 1, "\(first.times)")
            // They are its own: what is random is so, and the time is that of its beginning.
            let second = probe(runs: 1, engine)
            await run(second, engine)
            #expect(second.users[0] == "refused", "the e-mail address is taken")
            #expect(second.times[0] != first.times[0])
            let client = try await serving.connect()
            #expect(try await client.call("USER", "GET", first.users[0])["email"]?.string == "ada@example.com")
            await client.close()
        }
    }
}
