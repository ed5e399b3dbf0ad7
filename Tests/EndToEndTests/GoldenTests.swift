import Glibc
import LedgerClient
import RESP
import Testing

extension EndToEnd {
    /// Every format that was ever released still opens: see `Snapshots/README.md`.
    @Suite struct Golden {
        static let folders = list(Workspace.project + "/Snapshots").filter { $0.hasPrefix("format-") }

        @Test func `there is a golden directory`() { #expect(Self.folders.contains("format-0")) }

        @Test(arguments: folders)
        func `a golden data directory verifies and opens`(folder: String) async throws {
            let workspace = Workspace()
            let source = Workspace.project + "/Snapshots/" + folder
            let unpacked = try await workspace.run("tar", ["-C", workspace.path, "-xzf", source + "/ledger.tar.gz"])
            #expect(unpacked.end == .exit(0), "\(unpacked.errors)")
            rename(workspace.path + "/ledger", workspace.data)

            let verify = try await workspace.florin("verify", workspace.data, "--json")
            #expect(verify.end == .exit(0), "\(verify.output)")
            #expect(verify.output == readFile(source + "/expected.json"))

            // With its journal, and from its snapshot alone where it has one.
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            for line in (readFile(source + "/balances.tsv") ?? "").split(separator: "\n") {
                let fields = line.split(separator: "\t")
                let balance = try await client.must("CREDIT BALANCE \(fields[0])")
                #expect(balance.text("available") == String(fields[1]), "\(fields[0])")
            }
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }
    }
}
