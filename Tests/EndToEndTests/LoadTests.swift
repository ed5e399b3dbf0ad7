import Testing

extension EndToEnd {
    /// `florin load` as people run it: a server of its own, a server of theirs, and what it says when it ends.
    @Suite struct Load {
        let workspace = Workspace()

        @Test func `without a script it measures charges on a server of its own, and leaves nothing behind`()
            async throws
        {
            let ended = try await workspace.florin(
                "load", "--set", "users=50", "--duration", "1s", "--warmup", "0s", "--json", "--slo", "p99<1h",
                "--html", workspace.path + "/report.html", environment: ["TMPDIR": workspace.path])
            #expect(ended.end == .exit(0), "\(ended.errors)")
            #expect(ended.output.contains("\"agrees\":true"))
            #expect(ended.output.contains("\"thresholds_met\":true"))
            #expect(try #require(readFile(workspace.path + "/report.html")).contains("Books and receipts agree."))
            #expect(list(workspace.path).allSatisfy { !$0.hasPrefix("florin-load.") })
        }

        @Test func `a missed objective has an exit code of its own, a mistake in the script another`() async throws {
            let server = try await ServerProcess.start(workspace)
            let environment = ["FLORIN_PASSPORT": server.passport]
            let address = "127.0.0.1:\(server.port)"
            let missed = try await workspace.florin(
                "load", "--connect", address, "--set", "users=50", "--rate", "100", "--duration", "1s", "--warmup",
                "0s", "--slo", "rate>1000000", environment: environment)
            #expect(missed.end == .exit(4))
            #expect(missed.errors == "florin: missed: rate>1000000\n")
            #expect(missed.output.contains("Books and receipts agree:"))
            writeFile(workspace.path + "/bad.lua", "return function(p)\n  return nothing.at\nend\n")
            let mistaken = try await workspace.florin(
                "load", workspace.path + "/bad.lua", "--connect", address, environment: environment)
            #expect(mistaken.end == .exit(64))
            #expect(mistaken.errors.hasPrefix("florin: bad.lua:2: "))
            await server.stop()
        }

        @Test func `a recorded ledger is replayed into one that is equal, beside its server or behind it`() async throws
        {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            for line in [
                "USER CREATE ada@b.example ID ada TYPE pro NAME \"Ada L.\"",
                "CREDIT PURCHASE ada 25 stripe REF p1 KEY k1",
                "SESSION START job ada medium TTL 8h HEARTBEAT 1m", "STORAGE CREATE ada disk bucket 10.5",
                "CREDIT CHARGE ada 0.0375 api DESCRIPTION \"3 calls\" LABELS team=ml", "SESSION HEARTBEAT job",
            ] { try await client.must(line) }
            let hold = try await client.must("HOLD PLACE ada 2.5 TTL 10m").text("id") ?? ""
            try await client.must("HOLD CAPTURE \(hold) 1.2 FINAL")
            try await client.must("SESSION STOP job")
            let beside = try await workspace.florin(
                "load", "--replay", workspace.data, environment: ["TMPDIR": workspace.path])
            #expect(beside.end == .exit(0), "\(beside.errors)")
            #expect(beside.output.contains("The ledgers are equal: "))
            let full = try await workspace.florin(
                "load", "--replay", workspace.data, "--connect", "127.0.0.1:\(server.port)",
                environment: ["FLORIN_PASSPORT": server.passport])
            #expect(full.end == .exit(1) && full.errors.contains("a recording is replayed into a new ledger"))
            await server.stop()
            let behind = try await workspace.florin(
                "load", "--replay", workspace.data, "--speed", "1000x", "--json",
                environment: ["TMPDIR": workspace.path])
            #expect(behind.end == .exit(0), "\(behind.errors)")
            #expect(behind.output.contains("\"equal\":true,") && behind.output.contains("\"HOLD CAPTURE\":1"))
            #expect(list(workspace.path).allSatisfy { !$0.hasPrefix("florin-load.") })
        }

        @Test func `what is no recording, and what does not go with one, is refused before anything starts`()
            async throws
        {
            let none = try await workspace.florin("load", "--replay", workspace.path + "/nowhere")
            #expect(none.end == .exit(1) && none.errors.contains("nowhere"))
            for (arguments, word) in [
                (["--replay", "d", "x.lua"], "without a script"), (["--replay", "d", "--rate", "5"], "without --rate"),
                (["--speed", "50x"], "--speed goes with --replay"), (["--replay", "d", "--speed", "0x"], "--speed"),
                (["--replay", "d", "--speed", "fast"], "--speed"),
            ] {
                let refused = try await workspace.run(Workspace.binary, ["load"] + arguments)
                #expect(refused.end == .exit(64) && refused.errors.contains(word), "\(arguments): \(refused.errors)")
            }
        }
    }
}
