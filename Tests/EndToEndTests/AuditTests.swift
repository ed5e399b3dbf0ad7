import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// Snapshots held against the journal, by the process that does it.
    @Suite struct Audits {
        let workspace = Workspace()

        /// A ledger that some charges were made in, with a snapshot, whose LSN is returned.
        private func snapshot(
            charges: Int, _ body: (RemoteLedger) async throws -> Void = { _ in }
        ) async throws -> Int {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro NAME Ada")
            try await client.must("CREDIT PURCHASE u_ada 1000 stripe")
            let charge = ["CREDIT", "CHARGE", "u_ada", "0.001", "api"].map { Array($0.utf8) }
            _ = try await client.send(Array(repeating: charge, count: charges))
            try await client.must("SNAPSHOT")
            var lsn = 0
            let isMade = try await eventually {
                lsn = Int(try await field("last_snapshot_lsn", client)) ?? 0
                return lsn > 0
            }
            #expect(isMade)
            try await body(client)
            await client.close()
            await server.stop()
            return lsn
        }

        private func field(_ name: String, _ client: RemoteLedger) async throws -> String {
            let info = try await client.must("INFO persistence").string ?? ""
            let line = info.split(separator: "\r\n").first { $0.hasPrefix(name + ":") }
            return String(line?.dropFirst(name.count + 1) ?? "")
        }

        @Test func `a server's child audits its first snapshot, and INFO has the verdict`() async throws {
            let lsn = try await snapshot(charges: 100) { client in
                let isProven = try await eventually { try await field("last_audit_verdict", client) == "ok" }
                #expect(isProven)
                #expect(try await field("last_audit_lsn", client) == field("last_snapshot_lsn", client))
                #expect(try await field("last_audit_time", client) != "never")
            }
            // The next start knows.
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            #expect(try await field("last_audit_verdict", client) == "ok")
            #expect(try await field("last_audit_lsn", client) == "\(lsn)")
            await client.close()
            await server.stop()
        }

        @Test func `an audit by hand says by its exit code whether the journal leads to a snapshot`() async throws {
            let lsn = try await snapshot(charges: 10)
            func audit(_ lsn: Int) async throws -> Workspace.Finished {
                try await workspace.florin("checkpoint", workspace.data, "--audit", "\(lsn)")
            }
            let good = try await audit(lsn)
            #expect(good.end == .exit(0), "\(good.errors)")
            #expect(good.output == "the snapshot through LSN \(lsn) is what the journal leads to\n")
            let missing = try await audit(lsn + 1)
            #expect(missing.end == .exit(1) && !missing.errors.isEmpty)
            try forgeSnapshot(through: UInt64(lsn), in: workspace.data)
            let forged = try await audit(lsn)
            #expect(forged.end == .exit(4) && forged.output.isEmpty)
            #expect(
                forged.errors.contains("the snapshot through LSN \(lsn) differs from the journal in sections "),
                "\(forged.errors)")
        }

        @Test func `an audit that its server hurries rests no more`() async throws {
            let lsn = try await snapshot(charges: 2000)
            // At this share it would rest for minutes, which it does until its standard input ends.
            let began = ContinuousClock.now
            let run = try await workspace.run(
                "sh",
                [
                    "-c",
                    "sleep 1 | \"$0\" checkpoint \"$1\" --audit \(lsn) --share 0.00001 --parent $$; exit $?",
                    Workspace.binary, workspace.data,
                ])
            #expect(run.end == .exit(0), "\(run.errors)")
            #expect(ContinuousClock.now - began < .seconds(60))
        }
    }
}
