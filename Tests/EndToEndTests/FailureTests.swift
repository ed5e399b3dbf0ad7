import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// What the world does to a server that is at work: kills in the middle of a snapshot, a disk that fails or is
    /// full.
    @Suite struct Failures {
        let workspace = Workspace()

        @Test func `a server that is killed during a snapshot leaves its port free, and no child`() async throws {
            var server = try await ServerProcess.start(workspace)
            let passport = server.passport
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 1000 stripe")
            var child: pid_t?
            for _ in 0..<20 where child == nil {
                _ = try await client.send(charges(500))
                try await client.must("SNAPSHOT")
                let deadline = ContinuousClock.now + .seconds(2)
                while child == nil, ContinuousClock.now < deadline {
                    // Not before it is a program of its own: until then it and the server are one in memory and files.
                    child = children(of: server.child.pid).first {
                        readFile("/proc/\($0)/cmdline")?.contains("checkpoint") == true
                    }
                }
                guard let found = child else { continue }
                // Held in its middle, as far as it has come.
                kill(found, SIGSTOP)
                if isRunning(found) { await server.crash() } else { child = nil }
            }
            let orphan = try #require(child)
            defer { if isRunning(orphan) { kill(orphan, SIGKILL) } }
            server = try await ServerProcess.start(workspace, "--port", "\(server.port)")
            kill(orphan, SIGCONT)
            for _ in 0..<500 where isRunning(orphan) { try await Task.sleep(nanoseconds: 10_000_000) }
            #expect(!isRunning(orphan))
            let again = try await server.connect(passport)
            #expect(try await again.must("SNAPSHOT").error == nil)
            await again.close()
            await server.stop()
            try await workspace.expectSound()
        }

        @Test func `a stop during a snapshot is quick, and says one thing about it`() async throws {
            for delay in [0, 5, 20] as [UInt64] {
                let workspace = Workspace()
                let server = try await ServerProcess.start(workspace)
                let client = try await server.connect()
                try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
                try await client.must("CREDIT PURCHASE u_ada 1000 stripe")
                _ = try await client.send(charges(2000))
                try await client.must("SNAPSHOT")
                try await Task.sleep(nanoseconds: 1_000_000 + delay * 1_000_000)
                let began = ContinuousClock.now
                await server.stop()
                #expect(ContinuousClock.now - began < .seconds(5))
                let lines = server.child.errors.split(separator: "\n").filter { $0.contains("snapshot") }
                #expect(lines.count <= 1, "\(server.child.errors)")
                #expect(!server.child.errors.contains(" ERROR "), "\(server.child.errors)")
                try await workspace.expectSound()
            }
        }

        @Test(.enabled(if: Mounts.arePermitted, "needs mounts of its own"))
        func `without room for a snapshot it is read-only, and room brings writing back`() async throws {
            let mount = workspace.path + "/small"
            mkdir(mount, 0o700)
            #expect(system("mount -t tmpfs -o size=18m florin \(mount)") == 0)
            defer { _ = system("umount -l \(mount)") }
            let portFile = workspace.path + "/port"
            let child = try workspace.start(
                Workspace.binary,
                ["serve", "--data", mount + "/data", "--port", "0", "--port-file", portFile, "--segment-size", "4MiB"])
            while readFile(portFile)?.hasSuffix("\n") != true, child.poll() == nil {
                try await Task.sleep(nanoseconds: 10_000_000)
            }
            let port = try #require(Int((readFile(portFile) ?? "").filter { !$0.isNewline }), "\(child.errors)")
            let passport = (readFile(mount + "/data/admin-passport") ?? "").filter { !$0.isNewline }
            let client = try await RemoteLedger.connect(host: "127.0.0.1", port: port, passport: passport)
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            // The spare segment is there; then nothing more fits.
            while !list(mount + "/data/journal").contains(where: { $0.hasPrefix("spare") || $0.contains("0000000002") })
            {
                try await Task.sleep(nanoseconds: 20_000_000)
            }
            _ = system("cat /dev/zero > \(mount)/ballast 2>/dev/null")
            try await client.must("SNAPSHOT")
            try await until { try await client.must("INFO ledger").string?.contains("read_only:no room") == true }
            #expect(try await client.refusal(of: "CREDIT PURCHASE u_ada 25 stripe") == "READONLY")
            let info = try await client.must("INFO persistence").string ?? ""
            #expect(info.contains("last_snapshot_status:") && info.contains("No space left on device"), "\(info)")
            try await client.must("CREDIT BALANCE u_ada")
            #expect(child.errors.contains(" WARNING read-only: no room for a snapshot"), "\(child.errors)")
            unlink(mount + "/ballast")
            try await client.must("SNAPSHOT")
            try await until { try await client.must("INFO ledger").string?.contains("read_only:no\r\n") == true }
            try await client.must("CREDIT PURCHASE u_ada 25 stripe")
            #expect(child.errors.contains(" NOTICE writable again"), "\(child.errors)")
            #expect(try await client.must("INFO persistence").string?.contains("last_snapshot_status:ok\r\n") == true)
            await client.close()
            child.signal(SIGTERM)
            #expect(await child.end() == .exit(0), "\(child.errors)")
        }

        @Test(.enabled(if: Tracing.isPermitted, "needs strace"))
        func `when the journal fails, whoever waits is told that the outcome is unknown`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            try await client.must("CREDIT PURCHASE u_ada 1000 stripe")
            try await Task.sleep(nanoseconds: 300_000_000)  // the closing batch is written
            let tracer = try workspace.start(
                "strace",
                [
                    "-f", "-p", "\(server.child.pid)", "-o", "/dev/null", "-e", "trace=fdatasync", "-e",
                    "inject=fdatasync:error=EIO",
                ])
            while !tracer.errors.contains("attached") { try await Task.sleep(nanoseconds: 10_000_000) }
            let socket = try RawSocket(port: server.port)
            socket.send("AUTH \(server.passport)\r\nCREDIT CHARGE u_ada 1 api KEY k1\r\nCREDIT CHARGE u_ada 1 api\r\n")
            let answer = await socket.readAll()
            #expect(answer.hasPrefix("+OK\r\n-UNKNOWN the outcome is unknown"), "\(answer)")
            #expect(answer.contains("repeating it with the same KEY is safe"))
            #expect(!answer.contains("-ERR"))
            #expect(await server.child.end() == .exit(1))
            #expect(server.child.errors.contains("fdatasync"))
            tracer.signal(SIGTERM)
            _ = await tracer.end()

            let again = try await ServerProcess.start(workspace)
            let recovered = try await again.connect(server.passport)
            try await recovered.must("CREDIT CHARGE u_ada 1 api KEY k1")
            await recovered.close()
            await again.stop()
            try await workspace.expectSound()
        }

        /// Waits for what comes about by itself, for at most a minute.
        private func until(_ condition: () async throws -> Bool) async throws {
            for _ in 0..<3000 {
                if try await condition() { return }
                try await Task.sleep(nanoseconds: 20_000_000)
            }
            Issue.record("it did not come about")
        }

        private func charges(_ count: Int) -> [[[UInt8]]] {
            (0..<count).map { _ in ["CREDIT", "CHARGE", "u_ada", "0.001", "api"].map { Array($0.utf8) } }
        }

        private func children(of pid: pid_t) -> [pid_t] {
            list("/proc/\(pid)/task").flatMap { thread in
                (readFile("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ").compactMap { pid_t($0) }
            }
        }

        private func isRunning(_ pid: pid_t) -> Bool {
            guard let status = readFile("/proc/\(pid)/stat") else { return false }
            return !status.contains(") Z ")
        }
    }

    enum Tracing {
        static let isPermitted =
            system("strace -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO true >/dev/null 2>&1") == 0
    }
}
