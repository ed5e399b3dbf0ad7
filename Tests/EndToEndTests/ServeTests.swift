import Glibc
import LedgerClient
import LedgerCore
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// What an operator does to a server: signals, logs, reading its journal.
    @Suite struct Serving {
        let workspace = Workspace()

        @Test func `SIGHUP begins a log that was moved away anew, and loses no line`() async throws {
            let (log, old) = ("\(workspace.path)/log", "\(workspace.path)/log.1")
            let server = try await ServerProcess.start(workspace, "--log", log)
            #expect(readFile(log)?.contains("NOTICE serving") == true)
            #expect(server.child.errors == "")
            #expect(rename(log, old) == 0)
            server.child.signal(SIGHUP)
            #expect(try await eventually { readFile(log)?.contains("opened again") == true })
            var info = stat()
            #expect(stat(log, &info) == 0 && info.st_mode & 0o777 == 0o600)
            let client = try await server.connect()
            _ = try? await client.ask("SHUTDOWN")
            #expect(await server.child.end() == .exit(0))
            #expect(readFile(log)?.contains("stopping: SHUTDOWN") == true)
            #expect(readFile(old)?.contains("stopping: SHUTDOWN") == false)
        }

        @Test func `a log that cannot be opened again goes on in the old file`() async throws {
            let folder = "\(workspace.path)/logs"
            #expect(mkdir(folder, 0o700) == 0)
            let server = try await ServerProcess.start(workspace, "--log", "\(folder)/log")
            #expect(rename(folder, folder + ".1") == 0)
            server.child.signal(SIGHUP)
            #expect(try await eventually { readFile("\(folder).1/log")?.contains("could not be opened again") == true })
            await server.stop()
        }

        @Test func `without a log file SIGHUP is ignored`() async throws {
            let server = try await ServerProcess.start(workspace)
            for _ in 0..<3 {
                server.child.signal(SIGHUP)
                let client = try await server.connect()
                #expect(try await client.must("PING").string == "PONG")
                await client.close()
            }
            await server.stop()
        }

        @Test func `a start that fails says so at the terminal and in its log`() async throws {
            let log = "\(workspace.path)/log"
            let run = try await workspace.florin(
                "serve", "--data", "/proc/nowhere", "--port", "0", "--log", log)
            #expect(run.end == .exit(1))
            #expect(run.errors.hasPrefix("florin: "))
            #expect(readFile(log)?.contains(run.errors) == true)
            let nowhere = try await workspace.florin(
                "serve", "--data", workspace.data, "--port", "0", "--log", "\(workspace.path)/none/log")
            #expect(nowhere.end == .exit(1) && nowhere.errors.contains("No such file or directory"))
            #expect(list(workspace.data).isEmpty)
        }

        @Test func `a process that was stopped records how long`() async throws {
            let server = try await ServerProcess.start(workspace, "--pause", "2s")
            let client = try await server.connect()
            let before = try #require(try await client.must("CLOCK").text("mode"))
            #expect(before == "ok")
            server.child.signal(SIGSTOP)
            // Nothing to wait for but time.
            try await Task.sleep(nanoseconds: 3_500_000_000)
            server.child.signal(SIGCONT)
            try await client.must("USER CREATE ada@example.com ID u_ada")
            await client.close()
            await server.stop()
            let journal = try await workspace.florin("journal", workspace.data, "--event", "engineStarted")
            let lines = journal.output.split(separator: "\n")
            #expect(lines.count == 2, "\(journal.output)")
            #expect(lines.last?.contains("downtime=3.") == true || lines.last?.contains("downtime=4.") == true)
            let refused = try await workspace.florin("serve", "--data", workspace.data, "--pause", "1s")
            #expect(refused.end == .exit(64) && refused.errors.contains("--pause is below 2s"))
        }

        @Test func `the journal is printed with every digit`() async throws {
            let server = try await ServerProcess.start(workspace)
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada TYPE pro")
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            let to = Timestamp(seconds: Int64(now.tv_sec) - 3600)
            try await client.must("SESSION RECORD s_1 u_ada gpu FROM \(to - .days(20)) TO \(to) LABELS team=ml,job=7")
            await client.close()
            await server.stop()
            // 0.125 USD an hour for 20 days, in nano-USD and nanoseconds.
            let numerator = "\(Int128(125_000_000) * Int128(TimeSpan.days(20).nanoseconds))"
            #expect(Int64(numerator) == nil)
            let json = try await workspace.florin("journal", workspace.data, "--json", "--event", "sessionRecorded")
            #expect(json.output.contains("\"numerator\":\"\(numerator)\""), "\(json.output)")
            #expect(json.output.contains("\"lsn\":"))
            #expect(json.output.contains("\"labels\":{\"job\":\"7\",\"team\":\"ml\"}"))
            let text = try await workspace.florin("journal", workspace.data, "--event", "sessionRecorded")
            #expect(text.output.contains("numerator=\(numerator),"), "\(text.output)")
            #expect(text.output.contains(" labels={job=7,team=ml} "), "\(text.output)")
        }
    }
}
