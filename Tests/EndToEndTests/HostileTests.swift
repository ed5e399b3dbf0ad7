import Glibc
import LedgerClient
import LedgerTestKit
import RESP
import Testing

extension EndToEnd {
    /// Clients that mean no good, or know no better.
    @Suite struct Hostile {
        let workspace = Workspace()

        @Test func `before AUTH little is read and less is answered`() async throws {
            let server = try await ServerProcess.start(workspace)
            for (bytes, answer) in [
                ("*11\r\n", "too many arguments"), ("*1\r\n$2000\r\n", "argument too long"),
                ("*2147483647\r\n", "too many arguments"), ("*-5\r\n", "invalid multibulk length"),
                ("*1\r\n$-5\r\n", "invalid bulk length"), ("*1\r\nPING\r\n", "expected '$'"),
                ("GET / HTTP/1.1\r\n\r\n", "not HTTP"),
                (String(repeating: "x", count: 20_000), "too big inline request"),
            ] {
                let socket = try RawSocket(port: server.port)
                socket.send(bytes)
                let reply = await socket.readAll()
                #expect(
                    reply.hasPrefix("-ERR Protocol error") && reply.contains(answer), "\(bytes.prefix(30)): \(reply)")
            }
            let socket = try RawSocket(port: server.port)
            socket.send(
                "CREDIT BALANCE u_x\r\nCOMMAND DOCS\r\nHELLO 3\r\nAUTH wrong\r\nAUTH fl_0123456789_nonsense\r\nPING\r\nQUIT\r\n"
            )
            let codes = await socket.readAll().split(separator: "\r\n").map { $0.prefix { $0 != " " } }
            #expect(codes == ["-NOAUTH", "-NOAUTH", "-NOAUTH", "-WRONGPASS", "-WRONGPASS", "+PONG", "+OK"])
            await server.stop()
        }

        @Test func `whoever shows no passport is hung up on`() async throws {
            let server = try await ServerProcess.start(workspace)
            let silent = try RawSocket(port: server.port)
            let slow = try RawSocket(port: server.port)
            slow.send("*2\r\n$4\r\nAU")
            #expect(await silent.readAll().contains("no passport within"))
            #expect(await slow.readAll().contains("no passport within"))
            let client = try await server.connect()
            #expect(try await client.must("INFO clients").string?.contains("dropped_connections:2") == true)
            await client.close()
            await server.stop()
        }

        @Test func `a request over the limits is refused and the connection goes on`() async throws {
            let server = try await ServerProcess.start(workspace)
            let socket = try RawSocket(port: server.port)
            socket.send("AUTH \(server.passport)\r\n")
            _ = await socket.read(until: "+OK\r\n")
            let big = String(repeating: "x", count: 2 << 20)
            socket.send("*2\r\n$4\r\nECHO\r\n$\(big.utf8.count)\r\n\(big)\r\nPING\r\n")
            #expect(await socket.read(until: "+PONG\r\n").hasPrefix("-ERR Protocol error: argument too long"))
            socket.send("*2000\r\n" + String(repeating: "$1\r\nx\r\n", count: 2000) + "PING\r\n")
            #expect(await socket.read(until: "+PONG\r\n").hasPrefix("-ERR Protocol error: too many arguments"))
            socket.send("CREDIT CHARGE 'open quote\r\nPING\r\n")
            #expect(await socket.read(until: "+PONG\r\n").contains("unbalanced quotes"))
            await server.stop()
        }

        @Test func `a client that never reads is dropped, and the others notice nothing`() async throws {
            let server = try await ServerProcess.start(workspace)
            let socket = try RawSocket(port: server.port, receiveBuffer: 4096)
            socket.send("AUTH \(server.passport)\r\n")
            _ = await socket.read(until: "+OK\r\n")
            let line = Array(("ECHO " + String(repeating: "y", count: 30_000) + "\r\n").utf8)
            let other = try await server.connect()
            // While it sends it is listened to, whatever it takes; then it is dropped after ten seconds.
            await Task.detached { for _ in 0..<6000 { socket.send(line) } }.value
            let busy = try await other.must("INFO clients").string ?? ""
            #expect(busy.contains("dropped_connections:0") && !busy.contains("busy_requests:0"), "\(busy)")
            var isOpen = true
            for _ in 0..<6000 where isOpen {
                try await Task.sleep(nanoseconds: 10_000_000)
                let info = try await other.must("INFO clients").string ?? ""
                if info.contains("dropped_connections:1") { isOpen = false }
            }
            #expect(!isOpen, "still connected")
            #expect(try await other.must("PING").string == "PONG")
            // A sanitizer's own memory would count as well.
            if !Workspace.isSanitized {
                let memory = try await other.must("INFO memory").string ?? ""
                let line = memory.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory_rss:") }
                let resident = line.flatMap { Int($0.split(separator: ":")[1]) }
                #expect(try #require(resident) < 512 << 20)
            }
            await other.close()
            await server.stop()
        }

        @Test func `more clients than allowed are told so`() async throws {
            let server = try await ServerProcess.start(workspace, "--max-clients", "2")
            let first = try await server.connect()
            let second = try await server.connect()
            let third = try RawSocket(port: server.port)
            #expect(await third.readAll() == "-ERR max number of clients reached\r\n")
            await #expect {
                _ = try await server.connect()
            } throws: { error in
                "\(error)".hasSuffix("serves nobody else now: max number of clients reached")
            }
            await second.close()
            try await first.must("PING")
            let fourth = try await server.connect()
            try await fourth.must("PING")
            await first.close()
            await fourth.close()
            await server.stop()
        }

        @Test func `no secret reaches a log, a listing or an error`() async throws {
            let server = try await ServerProcess.start(workspace, "--log-level", "trace")
            let client = try await server.connect()
            try await client.must("USER CREATE ada@example.com ID u_ada NAME Ada")
            let secret = try #require(try await client.must("PASSPORT CREATE u_ada key read").text("secret"))
            try await client.must("PASSPORT VERIFY \(secret)")
            var wrong = secret
            wrong.removeLast()
            wrong += secret.hasSuffix("0") ? "1" : "0"
            for line in [
                "PASSPORT VERIFY \(wrong)", "AUTH \(wrong)", "CREDIT BALANCE \(secret)", "\(secret)",
                "CREDIT \(secret)",
            ] {
                let answer = try await client.ask(line).error?.text ?? ""
                #expect(!answer.contains(secret.dropFirst(14)) && !answer.contains(wrong.dropFirst(14)), "\(answer)")
            }
            let slow = try await client.must("SLOWLOG GET 100")
            #expect(!"\(slow)".contains(secret.dropFirst(14)))
            await client.close()
            await server.stop()
            let journal = try await workspace.florin("journal", workspace.data, "--json")
            for text in [server.child.errors, server.child.output, journal.output] {
                #expect(!text.contains(secret.dropFirst(14)) && !text.contains(wrong.dropFirst(14)))
                #expect(!text.contains("ada@example.com"))
            }
            let everything = ["", "/journal", "/snapshots"].flatMap { folder in
                list(workspace.data + folder).filter { $0 != "admin-passport" }.flatMap {
                    readBytes(workspace.data + folder + "/" + $0) ?? []
                }
            }
            #expect(!contains(everything, Array(secret.utf8)))
            #expect(!contains(everything, Array("ada@example.com".utf8)))
        }

        private func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
            guard let first = wanted.first else { return true }
            var start = bytes.startIndex
            while let found = bytes[start...].firstIndex(of: first) {
                if bytes[found...].starts(with: wanted) { return true }
                start = found + 1
            }
            return false
        }
    }
}
