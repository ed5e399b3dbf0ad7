import Glibc
import LedgerClient
import LedgerImport
import RESP
import Testing

extension EndToEnd {
    /// kill -9, and what must be there afterwards.
    @Suite struct Crash {
        let workspace = Workspace()

        @Test func `what was acknowledged under load is there after kill -9, and nothing twice`() async throws {
            var acknowledged: Set<String> = []
            var server = try await ServerProcess.start(workspace)
            let passport = server.passport
            let setup = try await server.connect()
            for user in 0..<20 {
                try await setup.must("USER CREATE u\(user)@example.com ID u\(user) TYPE pro")
                try await setup.must("CREDIT PURCHASE u\(user) 1000 stripe")
            }
            await setup.close()
            var next = 0
            var unanswered = 0
            for round in 1...4 {
                let client = try await server.connect(passport)
                var calls: [Task<[RESPValue], any Error>] = []
                for _ in 0..<60 {
                    let commands = (0..<50).map { offset in
                        ["CREDIT", "CHARGE", "u\((next + offset) % 20)", "0.01", "api", "KEY", "k\(next + offset)"]
                            .map { Array($0.utf8) }
                    }
                    next += 50
                    calls.append(Task { try await client.send(commands) })
                }
                // Some have their answers, the others are under way.
                _ = try await calls[10 * round].value
                await server.crash()
                for call in calls {
                    var answers: [RESPValue] = []
                    do { answers = try await call.value } catch let ClientError.connectionLost(_, some, _, _) {
                        answers = some
                    } catch ClientError.notConnected {
                    }
                    unanswered += 50 - answers.count
                    for answer in answers {
                        let id = try #require(answer.text("id"), "\(answer)")
                        #expect(acknowledged.insert(id).inserted, "\(id) twice")
                    }
                }
                try await workspace.expectSound()
                server = try await ServerProcess.start(workspace)
            }
            #expect(unanswered > 0, "every kill came too late")
            // Asking everything once more, with the same keys, makes each charge exactly once.
            let client = try await server.connect(passport)
            for start in stride(from: 0, to: next, by: 1000) {
                let commands = (start..<start + 1000).map {
                    ["CREDIT", "CHARGE", "u\($0 % 20)", "0.01", "api", "KEY", "k\($0)"].map { Array($0.utf8) }
                }
                for answer in try await client.send(commands) {
                    let id = try #require(answer.text("id"), "\(answer)")
                    if answer.text("replayed") == "0" {
                        #expect(!acknowledged.contains(id))
                    }
                    acknowledged.insert(id)
                }
            }
            #expect(acknowledged.count == next)
            for user in 0..<20 {
                let balance = try await client.must("CREDIT BALANCE u\(user)").text("available")
                let cents = 100_000 - next / 20
                #expect(balance == "\(cents / 100).\(cents % 100 < 10 ? "0" : "")\(cents % 100)")
            }
            await client.close()
            await server.stop()
            try await workspace.expectSound()
            let journal = try await workspace.florin("journal", workspace.data)
            let charges = journal.output.split(separator: "\n").filter { $0.contains(" creditCharged ") }.count
            #expect(charges == next)
        }

        @Test(.enabled(if: Workspace.has("python3"), "needs python3"))
        func `a short round of Scripts/crash loses nothing`() async throws {
            let run = try await workspace.run(
                "python3",
                [
                    Workspace.project + "/Scripts/crash", "--binary", Workspace.binary, "--charges", "3000",
                    "--users", "100", "--rounds", "4", "--segment-size", "4MiB",
                ])
            #expect(run.end == .exit(0), "\(run.output)\(run.errors)")
            #expect(run.output.contains("3000 charges of 100 users through 4 kills"))
        }

        @Test func `an import killed in the middle and repeated bills everything once`() async throws {
            let trace = try Trace(in: workspace)
            var server = try await ServerProcess.start(workspace)
            let passport = server.passport
            let first = try workspace.start(
                Workspace.binary, trace.importArguments(server), environment: ["FLORIN_PASSPORT": passport])
            // Somewhere in the middle of the billing: the importer runs by the millisecond and is looked at in between.
            let client = try await server.connect()
            while first.poll() == nil {
                first.signal(SIGSTOP)
                let stats = try await client.ask("INFO stats").string ?? ""
                let line = stats.split(whereSeparator: \.isNewline).first { $0.hasPrefix("events:") }
                first.signal(SIGCONT)
                if let events = line.flatMap({ Int($0.dropFirst(7)) }), events > trace.sessions / 10 { break }
                try await Task.sleep(nanoseconds: 1_000_000)
            }
            await server.crash()
            #expect(await first.end() == .exit(1))
            try await workspace.expectSound()

            server = try await ServerProcess.start(workspace)
            let again = try await workspace.run(
                Workspace.binary, trace.importArguments(server) + ["--json"], environment: ["FLORIN_PASSPORT": passport]
            )
            #expect(again.end == .exit(0), "\(again.errors)")
            try await trace.expect(again.output)
            try await trace.expectBooks(server, passport)
            // Once more: nothing is billed, the report is the same.
            let third = try await workspace.run(
                Workspace.binary, trace.importArguments(server) + ["--json"], environment: ["FLORIN_PASSPORT": passport]
            )
            #expect(third.output == again.output)

            // From the journal alone, then from a snapshot.
            await server.crash()
            server = try await ServerProcess.start(workspace)
            try await trace.expectBooks(server, passport)
            await server.stop()
            let checkpoint = try await workspace.florin("checkpoint", workspace.data)
            #expect(checkpoint.end == .exit(0), "\(checkpoint.errors)")
            server = try await ServerProcess.start(workspace)
            try await trace.expectBooks(server, passport)
            await server.crash()
            try await workspace.expectSound()
        }

        @Test func `an import into a data directory gives the same figures as through a server`() async throws {
            let trace = try Trace(in: workspace)
            let run = try await workspace.florin(
                "import", "swf", trace.path, "--map", trace.map, "--data", workspace.data, "--json")
            #expect(run.end == .exit(0), "\(run.errors)")
            try await trace.expect(run.output)
            try await workspace.expectSound()
        }

        @Test func `an import without a passport, or of a file that is none, says so in one line`() async throws {
            let server = try await ServerProcess.start(workspace)
            let trace = try Trace(in: workspace)
            var run = try await workspace.run(Workspace.binary, trace.importArguments(server))
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("FLORIN_PASSPORT"))
            run = try await workspace.florin(
                "import", "swf", "/nonexistent.swf", "--map", trace.map, "--connect", "127.0.0.1:\(server.port)",
                environment: ["FLORIN_PASSPORT": server.passport])
            #expect(run.end == .exit(1))
            #expect(run.errors.split(separator: "\n").count == 1)
            await server.stop()
        }
    }
}
