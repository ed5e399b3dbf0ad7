import LedgerTestKit
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
                "--slo", "rate>1", "--arrivals", "constant", "--html", workspace.path + "/report.html",
                environment: ["TMPDIR": workspace.path])
            #expect(ended.end == .exit(0), "\(ended.errors)")
            #expect(ended.errors == "")
            #expect(ended.output.contains("\"agrees\":true"))
            #expect(ended.output.contains("\"receipts_unreadable\":0,\"receipts_not_looked_up\":{}"))
            #expect(ended.output.contains("\"thresholds_met\":true"))
            #expect(ended.output.contains("\"loop\":\"open\",\"arrivals\":\"constant\""))
            // An objective for the rate is about the first of the two numbers.
            let highest = try #require(ended.output.firstRange(of: "\"highest\":{")).upperBound
            let rate = try #require(ended.output[highest...].firstRange(of: "\"rate\":")).upperBound
            let number = ended.output[rate...].prefix { $0 != "," }
            #expect(ended.output.contains("\"threshold\":\"rate>1\",\"measured\":\(number),"))
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

        @Test func `objectives are missed where no charge succeeds, and without any there is no rate to tell`()
            async throws
        {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@b.example ID u000000000000")
            try await client.must("USER SET u000000000000 STATE suspended")
            let load = [
                "load", "--connect", "127.0.0.1:\(server.port)", "--set", "users=1", "--duration", "300ms", "--warmup",
                "0s",
            ]
            let environment = ["FLORIN_PASSPORT": server.passport]
            let missed = try await workspace.run(
                Workspace.binary, load + ["--slo", "p99<1h"], environment: environment)
            #expect(missed.end == .exit(4))
            #expect(missed.errors == "florin: missed: p99<1h\n")
            #expect(missed.output.contains("FROZEN") && missed.output.contains("MISSED p99<1h: not measured"))
            let failed = try await workspace.run(Workspace.binary, load, environment: environment)
            #expect(failed.end == .exit(1))
            #expect(failed.errors == "florin: no charge succeeded within the measured time: there is no rate to tell\n")
            await server.stop()
        }

        @Test func `a search shows its curve in the text and in the page`() async throws {
            let server = try await ServerProcess.start(workspace)
            let ended = try await workspace.florin(
                "load", "--connect", "127.0.0.1:\(server.port)", "--set", "users=50", "--search", "--slo", "p99<1us",
                "--probe", "500ms", "--warmup", "0s", "--arrivals", "constant", "--html",
                workspace.path + "/report.html", environment: ["FLORIN_PASSPORT": server.passport])
            // No server is so fast: what is tried and what comes of it does not depend on the machine.
            #expect(ended.end == .exit(4))
            #expect(ended.errors == "florin: missed: p99<1us\n")
            let lines = ended.output.split(separator: "\n")
            #expect(lines.contains { $0.hasPrefix("asked/s") && $0.hasSuffix("max") }, "\(ended.output)")
            #expect(lines.contains { $0.hasSuffix("  missed") || $0.hasSuffix("  not kept up") })
            #expect(lines.contains("No rate that was tried meets it."))
            #expect(ended.output.contains("/s, constant arrivals; 16 connections"))
            let html = try #require(readFile(workspace.path + "/report.html"))
            #expect(html.contains("<h2>Latency by rate</h2>") && html.contains("class=\"dot missed\""))
            #expect(html.contains("No rate that was tried meets the objective."))
            await server.stop()
        }

        @Test func `at a terminal a line tells of each second, and is gone at the end`() async throws {
            let server = try await ServerProcess.start(workspace)
            // The report's first line is shorter than the live one: what was not erased would show behind it.
            let script = workspace.path + "/t.lua"
            writeFile(script, "return function(p) return { about = \"t\", mix = { { name = \"a\", \"PING\" } } } end\n")
            let terminal = try PseudoTerminal(columns: 130, rows: 40)
            try terminal.start(
                Workspace.binary,
                [
                    "load", script, "--connect", "127.0.0.1:\(server.port)", "--rate", "50", "--duration", "2s",
                    "--warmup",
                    "0s",
                ], environment: ["FLORIN_PASSPORT": server.passport, "PATH": "/usr/bin:/bin", "TERM": "xterm"])
            func isLive(_ line: String) -> Bool { line.hasPrefix("t.lua: ") && line.contains("/s  p50 ") }
            #expect(await terminal.wait { $0.lines.contains(where: isLive) }, "\(terminal.screen.text)")
            #expect(await terminal.waitForEnd() == 0)
            #expect(await terminal.wait(for: "Books and receipts agree:"), "\(terminal.screen.text)")
            #expect(!terminal.screen.lines.contains(where: isLive))
            #expect(terminal.screen.unknown == [])
            await server.stop()
        }

        @Test func `the second line of its help warns of coordinated omission`() async throws {
            let help = try await workspace.florin("load", "--help")
            #expect(help.end == .exit(0))
            let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count > 2 && lines[1].hasPrefix("Mind coordinated omission: "), "\(lines.prefix(2))")
        }

        @Test func `an option that would have no effect is refused before anything starts`() async throws {
            let ramp = workspace.path + "/ramp.lua"
            let closed = workspace.path + "/closed.lua"
            let mix = "mix = { { name = \"a\", \"PING\" } }"
            writeFile(ramp, "return function(p) return { stages = { { rate = 5, over = \"1s\" } }, \(mix) } end\n")
            writeFile(closed, "return function(p) return { \(mix) } end\n")
            for (arguments, word) in [
                ([ramp, "--long"], "--long goes with --rate"),
                ([closed, "--arrivals", "constant"], "--arrivals is about"),
                (["--search", "--slo", "p99<1s", "--duration", "5s"], "it goes without --duration"),
                (["--probe", "1s"], "--probe goes with --search"),
                (["--long", "--warmup", "1s"], "--long says duration and warm-up"),
            ] {
                let refused = try await workspace.run(Workspace.binary, ["load"] + arguments)
                #expect(refused.end == .exit(64) && refused.errors.contains(word), "\(arguments): \(refused.errors)")
            }
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
                (["--replay", "d", "--threads", "2"], "without --threads"),
                (["--replay", "d", "--seed", "2"], "without --seed"),
                (["--replay", "d", "--backlog", "5"], "without --backlog"),
                (["--replay", "d", "--probe", "5s"], "without --probe"),
                (["--speed", "50x"], "--speed goes with --replay"), (["--replay", "d", "--speed", "0x"], "--speed"),
                (["--replay", "d", "--speed", "fast"], "--speed"),
            ] {
                let refused = try await workspace.run(Workspace.binary, ["load"] + arguments)
                #expect(refused.end == .exit(64) && refused.errors.contains(word), "\(arguments): \(refused.errors)")
            }
        }
    }
}
