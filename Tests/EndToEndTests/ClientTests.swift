import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// Other people's programs, unmodified.
    @Suite struct Clients {
        let workspace = Workspace()

        @Test(.enabled(if: Workspace.has("redis-cli"), "needs redis-cli"))
        func `redis-cli speaks RESP2 and RESP3`() async throws {
            let server = try await ServerProcess.start(workspace)
            for version in ["-2", "-3"] {
                let ping = try await cli(server, [version, "PING"])
                #expect(ping.output == "PONG\n")
                let user = "u_cli\(version.dropFirst())"
                _ = try await cli(
                    server, [version, "USER", "CREATE", "\(user)@example.com", "ID", user, "TYPE", "pro"])
                let bought = try await cli(server, [version, "CREDIT", "PURCHASE", user, "25", "stripe"])
                #expect(bought.output.contains("25.00"))
                let refused = try await cli(server, [version, "CREDIT", "CHARGE", user, "26", "api"])
                #expect(refused.output.hasPrefix("INSUFFICIENT "))
                let docs = try await cli(server, [version, "COMMAND", "DOCS", "credit"])
                #expect(docs.output.contains("credit|charge"))
            }
            await server.stop()
        }

        @Test(.enabled(if: Workspace.has("redis-benchmark"), "needs redis-benchmark"))
        func `redis-benchmark charges`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE bench@example.com ID u_bench TYPE pro")
            try await client.must("CREDIT PURCHASE u_bench 10000 stripe")
            for (connections, pipeline) in [(1, 1), (16, 16), (8, 100)] {
                let run = try await workspace.run(
                    "redis-benchmark",
                    [
                        "-p", "\(server.port)", "-a", server.passport, "-q", "-n", "2000", "-c", "\(connections)", "-P",
                        "\(pipeline)", "CREDIT", "CHARGE", "u_bench", "0.001", "api",
                    ])
                #expect(run.end == .exit(0), "\(run.output)\(run.errors)")
                #expect(run.output.contains("requests per second"))
            }
            #expect(try await client.must("CREDIT BALANCE u_bench").text("available") == "9994.00")
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }

        @Test(.enabled(if: Workspace.python != nil, "needs redis-py: Scripts/install --tests"))
        func `redis-py works, sync and asyncio`() async throws {
            let server = try await ServerProcess.start(workspace)
            let run = try await workspace.run(
                Workspace.python!,
                [Workspace.project + "/Tests/Fixtures/clients.py", "\(server.port)", server.passport])
            #expect(run.end == .exit(0), "\(run.errors)")
            #expect(run.output.contains("all well"))
            await server.stop()
        }

        @Test(.enabled(if: Workspace.python != nil, "needs redis-py: Scripts/install --tests"))
        func `the seed's usage examples run in order`() async throws {
            let server = try await ServerProcess.start(workspace)
            for _ in 0..<2 {
                let run = try await workspace.run(
                    Workspace.python!, [Workspace.project + "/Scripts/seed-examples.py", "\(server.port)"],
                    environment: ["FLORIN_PASSPORT": server.passport])
                #expect(run.end == .exit(0), "\(run.output)\(run.errors)")
            }
            await server.stop()
        }

        @Test func `inline lines work, and the answers come before the end`() async throws {
            let server = try await ServerProcess.start(workspace)
            let socket = try RawSocket(port: server.port)
            socket.send(
                "AUTH \(server.passport)\r\nUSER CREATE nc@example.com ID u_nc NAME \"N. C.\"\r\n\r\nCREDIT BALANCE u_nc\nQUIT\n"
            )
            socket.shutDownWriting()
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("+OK\r\n"))
            #expect(answer.contains("u_nc"))
            #expect(answer.contains("5.00"))
            #expect(answer.hasSuffix("+OK\r\n"))
            await server.stop()
        }

        @Test func `the prompt runs commands, and says with its exit code whether they worked`() async throws {
            let server = try await ServerProcess.start(workspace)
            let address = "127.0.0.1:\(server.port)"
            let environment = ["FLORIN_PASSPORT": server.passport]
            var run = try await workspace.florin(
                "repl", "--connect", address, "-e", "USER CREATE ada@example.com ID u_ada", "-e",
                "CREDIT BALANCE u_ada", environment: environment)
            #expect(run.end == .exit(0), "\(run.errors)")
            #expect(run.output.contains("available\t5.00"))
            run = try await workspace.florin(
                "repl", "--connect", address, "-e", "CREDIT CHARGE u_ada 6 api", environment: environment)
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("INSUFFICIENT"))
            run = try await workspace.florin("repl", "--connect", address, "-e", "USER LIST")
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("FLORIN_PASSPORT"))
            await server.stop()
            run = try await workspace.florin("repl", "--connect", address, "-e", "PING", environment: environment)
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("cannot connect"))
            run = try await workspace.florin("repl", "--connect", "127.0.0.1", "-e", "PING")
            #expect(run.end == .exit(1) && run.errors.contains("127.0.0.1:7411"), "\(run.errors)")
            run = try await workspace.florin(
                "repl", "--data", workspace.data, "-e", "SNAPSHOT", "-e", "SHUTDOWN", "-e", "NEVER")
            #expect(run.end == .exit(0) && run.output.hasPrefix("Snapshot at LSN "), "\(run.errors)")
            #expect(run.output.hasSuffix("\nstopped\n"))
            run = try await workspace.florin("repl", "--data", workspace.data, "-e", "CREDIT BALANCE u_ada")
            #expect(run.output.contains("available\t5.00"), "\(run.errors)")
            run = try await workspace.florin(
                "repl", "-e", "USER CREATE m@example.com ID u_m", "-e", "CREDIT BALANCE u_m")
            #expect(run.output.contains("available\t5.00"), "\(run.errors)")
            try await workspace.expectSound()
        }

        @Test func `at a terminal Ctrl-C ends the waiting, not the prompt, and SHUTDOWN ends it with 0`() async throws {
            try #require(Workspace.has("script") && Workspace.has("timeout"))
            let shown = "\(workspace.path)/typescript"
            // What is typed when the terminal shows what it answers to.
            let typing = """
                shows() { until grep -q "$1" \(shown) 2>/dev/null; do sleep 0.1; done; }
                shows 'Florin at memory'; sleep 0.5; echo 'WAIT 99999'; sleep 1; printf '\\003'
                shows 'no longer waiting'; echo 'ECHO still-here'; shows '^still-here'; echo SHUTDOWN; shows '^stopped'
                """
            let run = try await workspace.run(
                "timeout",
                [
                    "60", "sh", "-c",
                    "{ \(typing)\n} | HOME=\(workspace.path) script -qfec 'exec \(Workspace.binary) repl' \(shown)",
                ])
            #expect(run.end == .exit(0), "\(readFile(shown) ?? "")")
        }

        @Test func `a subcommand that is none is a mistake, whatever follows it`() async throws {
            for arguments in [["push"], ["push", "--help"], ["help", "push"], ["import", "csv", "--help"]] {
                let run = try await workspace.run(Workspace.binary, arguments)
                #expect(run.end == .exit(64), "\(arguments)")
                #expect(run.errors.hasPrefix("florin: there is no subcommand '"), "\(run.errors)")
                #expect(run.output == "")
            }
            for arguments in [["--help"], ["import", "swf", "--help"], ["help", "serve"], ["--version"]] {
                #expect(try await workspace.run(Workspace.binary, arguments).end == .exit(0), "\(arguments)")
            }
        }

        private func cli(_ server: ServerProcess, _ arguments: [String]) async throws -> Workspace.Finished {
            try await workspace.run(
                "redis-cli", ["-p", "\(server.port)"] + arguments, environment: ["REDISCLI_AUTH": server.passport])
        }
    }
}
