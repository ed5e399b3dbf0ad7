import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// A prompt on a data directory that a server has open, and one over what was.
    @Suite struct Beside {
        let workspace = Workspace()

        private func repl(_ arguments: String..., environment: [String: String] = [:]) async throws
            -> Workspace.Finished
        {
            try await workspace.run(
                "timeout", ["120", Workspace.binary, "repl"] + arguments, environment: environment)
        }

        /// Runs beside a server whose user has bought 25.00.
        private func withServer(_ body: (ServerProcess, RemoteLedger) async throws -> Void) async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro NAME Ada")
            try await client.must("CREDIT PURCHASE u_ada 25 stripe")
            try await body(server, client)
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }

        @Test func `beside a server it reads what is recorded, says what it is, and changes nothing`() async throws {
            try await withServer { server, client in
                let lsn = try await client.must("WAIT 0").integer ?? 0
                let names = [workspace.data, workspace.data + "/journal", workspace.data + "/snapshots"].map(list)
                let run = try await repl(
                    "--data", workspace.data, "-e", "CREDIT BALANCE u_ada", "-e", "USER GET u_ada", "-e", "WAIT 0",
                    "-e",
                    "CREDIT HISTORY u_ada", "-e", "AT lsn:\(lsn - 1) DBSIZE", "-e", "DIFF u_ada lsn:1 lsn:\(lsn)")
                #expect(run.end == .exit(0), "\(run.errors)")
                #expect(run.output.contains("available\t25.00") && run.output.contains("name\tAda"), "\(run.output)")
                #expect(run.output.contains("\n\(lsn)\n"), "\(run.output)")
                #expect(
                    run.errors.hasPrefix(
                        "This is a copy of \(workspace.data), which process \(server.child.pid) has open")
                        || run.errors.contains("which another process has open"), "\(run.errors)")
                #expect(run.errors.contains(": as of LSN \(lsn), ") && run.errors.contains(", read-only; loaded in "))
                for line in ["CREDIT CHARGE u_ada 1 api", "USER CREATE bob@example.com", "CLOCK ACCEPT"] {
                    let refused = try await repl("--data", workspace.data, "-e", line)
                    #expect(refused.end == .exit(1))
                    #expect(
                        refused.errors.contains("READONLY this is a copy of \(workspace.data)")
                            && refused.errors.contains("florin repl --connect HOST:PORT changes the ledger"),
                        "\(line): \(refused.errors)")
                }
                // Another world begins from the copy.
                let fork = try await repl(
                    "--data", workspace.data, "-e", "FORK NEW f", "-e", "FORK RUN f CREDIT CHARGE u_ada 1 api", "-e",
                    "FORK ADVANCE f 20d", "-e", "FORK RUN f CREDIT BALANCE u_ada")
                #expect(
                    fork.end == .exit(0) && fork.output.contains("available\t24.00"), "\(fork.output)\(fork.errors)")
                #expect(try await client.must("WAIT 0").integer == lsn)
                #expect(
                    [workspace.data, workspace.data + "/journal", workspace.data + "/snapshots"].map(list) == names)
            }
        }

        @Test func `beside a busy server every look is a whole ledger, run after run`() async throws {
            try await withServer { _, client in
                try await client.must("CREDIT PURCHASE u_ada 10000 stripe")
                let text = String(repeating: "long ", count: 150)
                let charge = ["CREDIT", "CHARGE", "u_ada", "0.001", "api", "DESCRIPTION", text].map { Array($0.utf8) }
                let commands = Array(repeating: charge, count: 500)
                let writing = Task {
                    while !Task.isCancelled { _ = try await client.send(commands) }
                }
                for round in 0..<10 {
                    let run = try await repl(
                        "--data", workspace.data, "-e", "CREDIT HISTORY u_ada COUNT 1", "-e", "INFO books")
                    #expect(run.end == .exit(0), "\(round): \(run.errors)")
                    #expect(run.output.contains("long long"), "\(round): \(run.output)")
                }
                writing.cancel()
                _ = try? await writing.value
                #expect(list(workspace.data + "/journal").contains { $0.hasSuffix(".sealed") })
            }
        }

        @Test func `at a terminal the prompt says so, and .reload takes what came since`() async throws {
            try await withServer { _, client in
                let lsn = try await client.must("WAIT 0").integer ?? 0
                let terminal = try PseudoTerminal(columns: 100, rows: 40)
                try terminal.start(
                    Workspace.binary, ["repl", "--data", workspace.data],
                    environment: ["HOME": workspace.path, "TERM": "dumb", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"])
                #expect(await terminal.wait(for: "data \(lsn) ro>"), "\(terminal.screen.text)")
                terminal.type("CREDIT BALANCE u_ada\n")
                #expect(await terminal.wait(for: "available │ 25.00"))
                try await client.must("CREDIT CHARGE u_ada 1 api")
                terminal.type("CREDIT BALANCE u_ada\n")
                #expect(await terminal.wait { $0.text.components("available │ 25.00") == 2 })
                terminal.type(".reload\n")
                #expect(await terminal.wait(for: "as of LSN \(lsn + 1), "))
                terminal.type("CREDIT BALANCE u_ada\n")
                #expect(await terminal.wait(for: "available │ 24.00"), "\(terminal.screen.text)")
                #expect(await terminal.wait(for: "data \(lsn + 1) ro>"))
                terminal.type("\u{4}")
                #expect(await terminal.waitForEnd() == 0)
            }
        }

        @Test func `--at opens the past of a directory and of a server, to be read`() async throws {
            try await withServer { server, client in
                let bought = try await client.must("WAIT 0").integer ?? 0
                let time = try await client.must("CREDIT CHARGE u_ada 1 api").text("time") ?? ""
                try await client.must("CREDIT CHARGE u_ada 2 api")
                try await client.must("SESSION START s1 u_ada small")
                let places = [
                    (["--data", workspace.data], [:]),
                    (["--connect", "127.0.0.1:\(server.port)"], ["FLORIN_PASSPORT": server.passport]),
                ]
                for (place, environment) in places {
                    for (moment, available) in [("lsn:\(bought)", "25.00"), (time, "24.00")] {
                        let run = try await workspace.run(
                            Workspace.binary,
                            ["repl"] + place + [
                                "--at", moment, "-e", "CREDIT BALANCE u_ada", "-e", "CREDIT LOTS u_ada", "-e",
                                "SESSION LIST", "-e", "DBSIZE", "-e", "PING",
                            ], environment: environment)
                        #expect(run.end == .exit(0), "\(place): \(run.errors)")
                        #expect(run.output.contains("available\t\(available)"), "\(place), \(moment): \(run.output)")
                        #expect(run.output.contains("\tpaid\t\(available)\t0.00\t"), "\(run.output)")
                        #expect(!run.output.contains("s1") && run.output.hasSuffix("\n2\nPONG\n"), "\(run.output)")
                    }
                    for (line, why) in [("CREDIT CHARGE u_ada 1 api", "READONLY"), ("FORK NEW f", "ERR")] {
                        let refused = try await workspace.run(
                            Workspace.binary, ["repl"] + place + ["--at", time, "-e", line], environment: environment)
                        #expect(refused.end == .exit(1) && refused.errors.contains(why), "\(place): \(refused.errors)")
                    }
                    for (moment, why) in [
                        ("2020-01-01", "the ledger began later"), ("2199-01-01", "is still to come"),
                        ("lsn:99999", "there is no event 99999 yet: the last is"),
                    ] {
                        let none = try await workspace.run(
                            Workspace.binary, ["repl"] + place + ["--at", moment, "-e", "PING"],
                            environment: environment)
                        #expect(none.end == .exit(1) && none.errors.contains(why), "\(place): \(none.errors)")
                    }
                }
            }
            // Nobody has it open now.
            let run = try await repl("--data", workspace.data, "--at", "lsn:9", "-e", "WAIT 0")
            #expect(run.end == .exit(0) && run.output == "9\n", "\(run.errors)")
            #expect(try await repl("--at", "lsn:9", "-e", "PING").end == .exit(64))
            #expect(try await repl("--data", workspace.data, "--at", "soon", "-e", "PING").end == .exit(64))
            let nowhere = try await repl("--data", workspace.path + "/nowhere", "--at", "lsn:9", "-e", "PING")
            #expect(nowhere.end == .exit(1) && nowhere.errors.contains("there is no ledger here"), "\(nowhere.errors)")
            #expect(access(workspace.path + "/nowhere", F_OK) != 0)
        }
    }
}

extension String {
    /// How often a text is in it.
    fileprivate func components(_ text: String) -> Int { ranges(of: text).count }
}
