import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// A person is forgotten: in the data directory as it lies on the disk, in a crash, in a backup of yesterday.
    @Suite struct Erase {
        let workspace = Workspace()

        private static let address = "ada.lovelace@analytical.example"
        private static let texts = [address, "Ada Countess Lovelace", "for the Bernoulli numbers"]

        private func settle(_ client: some CommandPort) async throws {
            try await client.must("USER CREATE \(Self.address) ID u_ada NAME \"\(Self.texts[1])\"")
            try await client.must("USER CREATE bob@analytical.example ID u_bob NAME Bob TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 25 stripe REF pi_1")
            try await client.must("CREDIT PURCHASE u_bob 25 stripe REF pi_2")
            try await client.must("CREDIT CHARGE u_ada 1.50 api DESCRIPTION \"\(Self.texts[2])\"")
            try await client.must("PASSPORT CREATE u_ada \"Ada's laptop\" read KEY p-1")
        }

        /// The key in the slot of the user after the first admin.
        private func key(in data: String) throws -> [UInt8] {
            let bytes = try #require(readBytes(data + "/keys"))
            let key = Array(bytes[4096 + 64 + 8..<4096 + 64 + 40])
            #expect(bytes[4096 + 64] == 1 && key.contains { $0 != 0 })
            return key
        }

        /// Every file below a directory that holds one of these.
        private func files(with needles: [[UInt8]], in path: String) -> [String] {
            list(path).flatMap { name -> [String] in
                let child = path + "/" + name
                var status = stat()
                guard stat(child, &status) == 0 else { return [] }
                if status.st_mode & S_IFMT == S_IFDIR { return files(with: needles, in: child) }
                let bytes = readBytes(child) ?? []
                return !bytes.isEmpty && needles.contains { bytes.holds($0) } ? [child] : []
            }
        }

        private var clear: [[UInt8]] { Self.texts.map { Array($0.utf8) } }

        @Test func `neither text nor key is in any file, and everything of the user can still be asked`() async throws {
            let log = workspace.path + "/server.log"
            var server = try await ServerProcess.start(workspace, "--log", log)
            let passport = server.passport
            var client = try await server.connect()
            try await settle(client)
            let secret = try key(in: workspace.data)
            #expect(files(with: [secret], in: workspace.data) == [workspace.data + "/keys"])
            try await client.must("SNAPSHOT")
            #expect(try await client.refusal(of: "USER DELETE u_ada") == "ERR")
            let receipt = try await client.must("USER DELETE u_ada FORFEIT KEY request-17")
            #expect(receipt.text("forfeited") == "25.00" && receipt.text("lapsed") == "3.50")
            #expect(receipt.text("available") == "0.00" && receipt.text("user") == "u_ada")
            #expect(files(with: [secret], in: workspace.path).isEmpty)
            #expect(try await client.must("USER DELETE u_ada FORFEIT KEY request-17").text("replayed") == "1")
            #expect(try await client.refusal(of: "USER DELETE u_ada FORFEIT") == "CLOSED")

            for round in 0..<2 {
                // At once, and from the disk.
                let user = try await client.must("USER GET u_ada")
                #expect(user.text("state") == "deleted" && user["email"] == .null && user["name"] == .null)
                let found = try await client.must("USER FIND u_ada").elements?[1].elements
                #expect(found?.count == 1 && found?[0].text("state") == "deleted")
                #expect(try await client.must("USER FIND \(Self.address)").elements?[1].elements?.isEmpty == true)
                let rows = try await client.must("CREDIT HISTORY u_ada").elements?[1].elements ?? []
                #expect(rows.count == 4 && rows[1].text("amount") == "1.50" && rows[1]["description"] == .null)
                let charge = try #require(rows[1].text("id"))
                #expect(try await client.must("EXPLAIN \(charge)").text("amount") == "1.50")
                #expect(try await client.must("USER SUMMARY u_ada").text("total_spent") == "1.50")
                #expect(try await client.must("CREDIT BALANCE u_ada").text("state") == "deleted")
                #expect(try await client.must("CREDIT LOTS u_ada").elements?[1].elements?.isEmpty == true)
                let passports = try await client.must("PASSPORT LIST u_ada").elements?[1].elements
                #expect(passports?[0]["revoked"] == .integer(1) && passports?[0]["name"] == .null)
                let again = try await client.must("PASSPORT CREATE u_ada \"Ada's laptop\" read KEY p-1")
                #expect(again.text("replayed") == "1" && again["name"] == .null && again["secret"] == nil)
                #expect(try await client.refusal(of: "CREDIT ADJUST u_ada 1 REASON sorry") == "FROZEN")
                #expect(try await client.must("USER GET u_bob").text("name") == "Bob")
                if round == 0 {
                    try await client.must("USER CREATE \(Self.address) ID u_new")
                    #expect(try await client.must("CREDIT BALANCE u_new").text("available") == "0.00")
                    try await client.must("USER DELETE u_new")
                    await client.close()
                    await server.crash()
                    server = try await ServerProcess.start(workspace, "--log", log)
                    client = try await server.connect(passport)
                }
            }
            await client.close()
            await server.stop()
            try await workspace.expectSound()
            let checkpoint = try await workspace.florin("checkpoint", workspace.data)
            #expect(checkpoint.end == .exit(0), "\(checkpoint.errors)")
            #expect(files(with: clear + [secret], in: workspace.path).isEmpty)
            let journal = try await workspace.florin("journal", workspace.data, "--user", "u_ada")
            #expect(journal.output.contains("userDeleted") && !Self.texts.contains { journal.output.contains($0) })
        }

        @Test func `killed while it deletes, a server forgets at the next start what its journal says`() async throws {
            for round in 0..<6 {
                let workspace = Workspace()
                var server = try await ServerProcess.start(workspace)
                let passport = server.passport
                let client = try await server.connect()
                try await settle(client)
                let secret = try key(in: workspace.data)
                let deleting = Task { try await client.ask("USER DELETE u_ada FORFEIT") }
                try await Task.sleep(nanoseconds: UInt64(round) * 400_000)
                await server.crash()
                let answer = try? await deleting.value
                if let answer, answer.error == nil {
                    #expect(self.files(with: [secret], in: workspace.data).isEmpty)
                }
                await client.close()
                server = try await ServerProcess.start(workspace)
                let next = try await server.connect(passport)
                let state = try await next.must("USER GET u_ada").text("state")
                if answer?.error == nil, answer != nil { #expect(state == "deleted") }
                if state != "deleted" { try await next.must("USER DELETE u_ada FORFEIT") }
                #expect(self.files(with: clear + [secret], in: workspace.data).isEmpty, "round \(round)")
                await next.close()
                await server.stop()
                try await workspace.expectSound()
            }
        }

        @Test func `erase repeats it on a backup of yesterday`() async throws {
            var server = try await ServerProcess.start(workspace)
            let passport = server.passport
            var client = try await server.connect()
            try await settle(client)
            try await client.must("SESSION START s_1 u_bob small TTL 20d")
            await client.close()
            await server.stop()
            let secret = try key(in: workspace.data)
            let backup = workspace.path + "/backup"
            copyTree(workspace.data, to: backup)

            server = try await ServerProcess.start(workspace)
            client = try await server.connect(passport)
            try await client.must("USER DELETE u_ada FORFEIT")
            try await client.must("USER CREATE eve@analytical.example ID u_eve")
            try await client.must("USER DELETE u_eve")
            await client.close()
            // Not beside a server.
            let list = workspace.path + "/list"
            writeFile(list, "u_ada\nu_eve\r\n\nu_bob\n")
            let beside = try await workspace.florin("erase", workspace.data, list)
            #expect(beside.end == .exit(1) && beside.errors.contains("another process has this data directory open"))
            await server.stop()

            // The disk is lost; what there is remembers her.
            removeTree(workspace.data)
            copyTree(backup, to: workspace.data)
            #expect(files(with: [secret], in: workspace.data).count == 1)
            let erased = try await workspace.florin("erase", workspace.data, list)
            #expect(
                erased.output
                    == "u_ada: deleted\nu_eve: not there\nu_bob: texts gone, account kept: the user still has 1 open session\n"
            )
            #expect(erased.end == .exit(1) && erased.errors.contains("1 of 3 accounts stay"), "\(erased.errors)")
            #expect(files(with: clear + [secret, Array("Bob".utf8)], in: workspace.data).isEmpty)
            try await workspace.expectSound()
            let again = try await workspace.run(
                "/bin/sh", ["-c", "printf 'u_ada\\n' | \(Workspace.binary) erase \(workspace.data) -"])
            #expect(again.end == .exit(0) && again.output == "u_ada: deleted before\n", "\(again.errors)")

            server = try await ServerProcess.start(workspace)
            client = try await server.connect(passport)
            #expect(try await client.must("USER GET u_ada").text("state") == "deleted")
            let bob = try await client.must("USER GET u_bob")
            #expect(bob.text("state") == "active" && bob["name"] == .null && bob["email"] == .null)
            try await client.must("SESSION STOP s_1")
            try await client.must("USER DELETE u_bob FORFEIT")
            await client.close()
            await server.stop()
            try await workspace.expectSound()

            // What is no list, and nobody's ledger.
            for (arguments, text) in [
                (["erase", workspace.data, workspace.path + "/none"], "No such file"),
                (["erase", workspace.path + "/nowhere", list], "there is no ledger here"),
                (["erase", workspace.data, workspace.data + "/keys"], "a user id has at most 64 bytes"),
            ] {
                let run = try await workspace.run(Workspace.binary, arguments)
                #expect(run.end == .exit(1) && run.errors.contains(text), "\(run.errors)")
                #expect(run.errors.split(separator: "\n").count == 1)
            }
            let admin = try await workspace.run(
                "/bin/sh", ["-c", "echo admin | \(Workspace.binary) erase \(workspace.data) -"])
            #expect(admin.end == .exit(1) && admin.errors.contains("the first admin cannot be deleted"))
        }
    }
}
