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
    }
}
