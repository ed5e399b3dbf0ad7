import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    @Suite struct Start {
        let workspace = Workspace()

        @Test func `the first start leaves the admin passport in a file that only its owner reads`() async throws {
            let server = try await ServerProcess.start(workspace)
            #expect(mode("\(workspace.data)/admin-passport") == 0o600)
            #expect(server.passport.hasPrefix("fl_"))
            let client = try await server.connect()
            #expect(try await client.must("USER GET admin").text("type") == "admin")
            await client.close()
            await server.stop()
            #expect(!server.child.output.contains("fl_"))
            #expect(!server.child.errors.contains(server.passport))

            let files = ["", "/journal", "/snapshots"].flatMap { folder in
                list(workspace.data + folder).map { workspace.data + folder + "/" + $0 }
            }
            for file in files { #expect(mode(file) & 0o077 == 0, "\(file)") }
        }

        @Test func `a later start makes no passport and finds everything again`() async throws {
            var server = try await ServerProcess.start(workspace)
            let passport = server.passport
            var client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 25 stripe REF pi_1")
            await client.close()
            await server.stop()
            unlink("\(workspace.data)/admin-passport")

            server = try await ServerProcess.start(workspace)
            #expect(!list(workspace.data).contains("admin-passport"))
            client = try await server.connect(passport)
            #expect(try await client.must("CREDIT BALANCE u_ada").text("available") == "25.00")
            await client.close()
            await server.stop()
        }

        @Test func `FLORIN_ADMIN_PASSPORT sets the first passport, and must be one`() async throws {
            let server = try await ServerProcess.start(workspace)
            let passport = server.passport
            await server.stop()

            let other = Workspace()
            let again = try await ServerProcess.start(other, environment: ["FLORIN_ADMIN_PASSPORT": passport])
            #expect(!list(other.data).contains("admin-passport"))
            let client = try await again.connect(passport)
            #expect(try await client.must("PING").string == "PONG")
            await client.close()
            await again.stop()

            await #expect {
                try await ServerProcess.start(
                    Workspace(), environment: ["FLORIN_ADMIN_PASSPORT": String(passport.dropLast()) + "!"])
            } throws: { error in
                guard let error = error as? ServerProcess.NotServing else { return false }
                return error.end == .exit(1) && error.errors.contains("FLORIN_ADMIN_PASSPORT")
                    && !error.errors.contains(passport.dropLast())
            }
        }

        @Test func `at a terminal the first passport is shown once and written nowhere`() async throws {
            try #require(Workspace.has("script"))
            let typescript = "\(workspace.path)/typescript"
            let portFile = "\(workspace.path)/port"
            let child = try workspace.start(
                "script",
                [
                    "-qfc",
                    "exec \(Workspace.binary) serve --data \(workspace.data) --port 0 --port-file \(portFile) --segment-size 4MiB",
                    typescript,
                ])
            while readFile(portFile) == nil, child.poll() == nil { try await Task.sleep(nanoseconds: 20_000_000) }
            // What `script` has read it writes down when it comes to it.
            #expect(try await eventually { readFile(typescript)?.contains("    fl_") ?? false })
            #expect(!list(workspace.data).contains("admin-passport"))
            // `script` passes the signal on by hanging up.
            child.signal(SIGTERM)
            _ = await child.end()
        }

        @Test func `admin issues a new passport while the server is stopped, journaled`() async throws {
            var server = try await ServerProcess.start(workspace)
            let running = try await workspace.florin("admin", workspace.data)
            #expect(running.end == .exit(1))
            #expect(running.errors.contains("another process has this data directory open"))
            await server.stop()

            let issued = try await workspace.florin("admin", workspace.data)
            #expect(issued.end == .exit(0), "\(issued.errors)")
            let passport = issued.output.filter { !$0.isNewline }
            server = try await ServerProcess.start(workspace)
            let client = try await server.connect(passport)
            #expect(try await client.must("USER LIST").error == nil)
            await client.close()
            await server.stop()
            let journal = try await workspace.florin("journal", workspace.data)
            #expect(journal.output.split(separator: "\n").filter { $0.contains(" passportCreated ") }.count == 2)
            #expect(!journal.output.contains(passport))
            try await workspace.expectSound()
        }

        @Test func `SIGTERM answers what was asked, closes the journal and exits with 0`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 100 stripe")
            async let answers = client.send(
                (0..<2000).map { _ in ["CREDIT", "CHARGE", "u_ada", "0.001", "api"].map { Array($0.utf8) } })
            // In the midst of it, as another client sees.
            let witness = try await server.connect()
            while try await witness.must("CREDIT BALANCE u_ada").text("available") == "100.00" {}
            await server.stop()
            let answered: Int
            do {
                answered = try await answers.count
            } catch let ClientError.connectionLost(_, answers, _, _) {
                answered = answers.filter { $0.error == nil }.count
            }
            let journal = try await workspace.florin("journal", workspace.data)
            let charges = journal.output.split(separator: "\n").filter { $0.contains(" creditCharged ") }.count
            #expect(charges == answered)
            try await workspace.expectSound()
        }

        @Test func `SHUTDOWN stops the server as SIGTERM does`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            _ = try? await client.ask("SHUTDOWN")
            #expect(await server.child.end() == .exit(0))
            try await workspace.expectSound()
        }

        @Test func `a first start that is killed at any moment leaves a ledger that its owner can enter`() async throws
        {
            var generator = SeededGenerator(seed: 3)
            for _ in 0..<12 {
                let workspace = Workspace()
                let child = try workspace.start(
                    Workspace.binary, ["serve", "--data", workspace.data, "--port", "0", "--segment-size", "4MiB"])
                try await Task.sleep(nanoseconds: UInt64.random(in: 0...160_000_000, using: &generator))
                child.signal(SIGKILL)
                _ = await child.end()
                let server = try await ServerProcess.start(workspace)
                let client = try await server.connect()
                #expect(try await client.must("USER GET admin").text("type") == "admin")
                await client.close()
                await server.crash()
            }
        }

        @Test func `a first start that cannot leave the admin passport says so, and the next one begins`() async throws
        {
            // A ledger that was made and has not begun, in whose way lies something that is no file.
            let creating = try workspace.start(
                Workspace.binary, ["serve", "--data", workspace.data, "--port", "0", "--segment-size", "4MiB"])
            while !list(workspace.data).contains("FLORIN"), creating.poll() == nil {}
            creating.signal(SIGKILL)
            _ = await creating.end()
            let journal = try await workspace.florin("journal", workspace.data)
            // Too late: it had begun. The engine's tests cover the moment itself.
            guard journal.output.isEmpty else { return }
            let passport = workspace.data + "/admin-passport"
            unlink(passport)
            mkdir(passport, 0o700)
            let run = try await workspace.florin(
                "serve", "--data", workspace.data, "--port", "0", "--segment-size", "4MiB")
            #expect(run.end == .exit(1))
            #expect(run.errors.contains("the admin passport could not be left"), "\(run.errors)")
            rmdir(passport)
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            await client.close()
            await server.stop()
        }

        @Test func `an empty FLORIN_ADMIN_PASSPORT is none`() async throws {
            let server = try await ServerProcess.start(workspace)
            await server.stop()
            let other = Workspace()
            let again = try other.start(
                Workspace.binary, ["serve", "--data", other.data, "--port", "0", "--segment-size", "4MiB"],
                environment: ["FLORIN_ADMIN_PASSPORT": ""])
            while !list(other.data).contains("admin-passport"), again.poll() == nil {
                try await Task.sleep(nanoseconds: 10_000_000)
            }
            #expect(readFile("\(other.data)/admin-passport")?.hasPrefix("fl_") == true, "\(again.errors)")
            again.signal(SIGKILL)
            _ = await again.end()
        }

        @Test func `secrets that others can read are taken back at a start, and it says so`() async throws {
            var server = try await ServerProcess.start(workspace)
            await server.stop()
            let secrets = ["pepper", "keys", "admin-passport"].map { "\(workspace.data)/\($0)" }
            for path in secrets { chmod(path, 0o644) }
            server = try await ServerProcess.start(workspace)
            for path in secrets {
                #expect(mode(path) == 0o600, "\(path)")
                #expect(server.child.errors.contains("\(path) is a secret that others could read"))
            }
            await server.stop()
        }

        @Test func `a port that is taken is called so`() async throws {
            let server = try await ServerProcess.start(workspace)
            let other = Workspace()
            let run = try await other.florin(
                "serve", "--data", other.data, "--port", "\(server.port)", "--segment-size", "4MiB")
            #expect(run.errors.contains("cannot listen on 127.0.0.1:\(server.port): address already in use\n"))
            await server.stop()
        }

        @Test func `output that does not arrive is a failure`() async throws {
            let server = try await ServerProcess.start(workspace)
            await server.stop()
            for command in ["admin", "journal", "verify", "verify --json", "--help"] {
                let data = command == "--help" ? "" : workspace.data
                let run = try await workspace.run(
                    "sh", ["-c", "exec \(Workspace.binary) \(command) \(data) > /dev/full"])
                #expect(run.end == .exit(1), "\(command)")
                #expect(
                    run.errors == "florin: standard output is incomplete: No space left on device\n",
                    "\(command): \(run.errors)")
            }
            // Nobody reads on: quiet, as any filter.
            let piped = try await workspace.run(
                "sh", ["-c", "(sleep 0.2; \(Workspace.binary) journal \(workspace.data); echo $? >&2) | true"])
            #expect(piped.errors == "141\n")
        }

        private func mode(_ path: String) -> UInt32 {
            var info = stat()
            return stat(path, &info) == 0 ? info.st_mode & 0o777 : 0
        }
    }
}
