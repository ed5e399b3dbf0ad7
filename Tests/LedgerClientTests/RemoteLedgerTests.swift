import Glibc
import LedgerClient
import NIOCore
import NIOPosix
import RESP
import Testing

private let echo = FakeServer.greeting { words, writer in
    writer.bulk(words.last!)
    return .goOn
}

private func commands(_ range: Range<Int>) -> [[[UInt8]]] {
    range.map { [Array("ECHO".utf8), Array("\($0)".utf8)] }
}

private func encoded(_ range: Range<Int>) -> EncodedCommands {
    var writer = RESPWriter()
    for command in commands(range) { writer.command(command) }
    return EncodedCommands(bytes: writer.bytes, count: range.count)
}

private func answers(_ range: Range<Int>) -> [RESPValue] { range.map { .text("\($0)") } }

@Suite(.timeLimit(.minutes(10))) struct `The remote ledger` {
    @Test func `answers come in the order of their commands`() async throws {
        let server = try await FakeServer.start(echo)
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        #expect(ledger.peer == "127.0.0.1:\(server.port)")
        #expect(try await ledger.call("ECHO", "hello") == .text("hello"))
        #expect(try await ledger.send(commands(0..<5000)) == answers(0..<5000))
        #expect(try await ledger.send([]) == [])
        await ledger.close()
        await server.stop()
    }

    @Test func `many tasks share a connection and each gets its own answers`() async throws {
        let server = try await FakeServer.start(echo)
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        await withTaskGroup(of: Bool.self) { group in
            for task in 0..<40 {
                group.addTask {
                    let range = task * 1000..<task * 1000 + 25 * (task % 4 + 1)
                    return (try? await ledger.send(commands(range))) == answers(range)
                }
            }
            for await same in group { #expect(same) }
        }
        await ledger.close()
        await server.stop()
    }

    @Test func `MONITOR's lines come one by one until the connection ends`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                writer.bytes += "+OK\r\n+1 [0 a:1] \"PING\"\r\n>1\r\n+news\r\n+2 [0 a:1] \"ECHO\" \"a\"\r\n".utf8
                return words == ["MONITOR"] ? .close : .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        var lines: [String] = []
        try await ledger.monitor { lines.append($0) }
        #expect(lines == ["1 [0 a:1] \"PING\"", "2 [0 a:1] \"ECHO\" \"a\""])
        // Of a connection that is gone there is nothing to come.
        await #expect(throws: ClientError.self) { try await ledger.monitor { _ in } }
        await server.stop()
    }

    @Test func `MONITOR that is refused is told, and one that is cancelled ends`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                writer.bytes += "+OK\r\n+first\r\n".utf8
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let (seen, see) = AsyncStream.makeStream(of: String.self)
        let watching = Task { try await ledger.monitor { see.yield($0) } }
        for await line in seen {
            #expect(line == "first")
            break
        }
        watching.cancel()
        try await watching.value
        await ledger.close()
        await server.stop()
        let strict = try await FakeServer.start(
            FakeServer.greeting { _, writer in
                writer.error("NOPERM this command needs permission admin")
                return .goOn
            })
        let refused = try await RemoteLedger.connect(host: "127.0.0.1", port: strict.port)
        await #expect(throws: RESPError.self) { try await refused.monitor { _ in } }
        await refused.close()
        await strict.stop()
    }

    @Test func `pushes and attributes disturb nobody`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                writer.push(1)
                writer.bulk("news")
                writer.bytes += "|1\r\n+age\r\n:1\r\n".utf8
                writer.bulk(words.last!)
                writer.push(0)
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let answers = try await ledger.send(commands(0..<3))
        #expect(answers.map(\.string) == ["0", "1", "2"])
        await ledger.close()
        await server.stop()
    }

    @Test func `a rejection is an answer, not an error`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { _, writer in
                writer.error(code: "INSUFFICIENT", "need 5.00")
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        #expect(
            try await ledger.call("CREDIT", "CHARGE") == .error(RESPError(code: "INSUFFICIENT", message: "need 5.00")))
        await ledger.close()
        await server.stop()
    }

    @Test func `the passport goes with the greeting`() async throws {
        let server = try await FakeServer.start { words, writer in
            if words == ["HELLO", "3", "AUTH", "default", "fl_good"] {
                writer.map(0)
            } else if words.count == 2 {
                writer.error(code: "NOAUTH", "HELLO must be called with AUTH")
            } else {
                writer.error(code: "WRONGPASS", "unknown passport")
            }
            return .goOn
        }
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port, passport: "fl_good")
        await ledger.close()
        let peer = "127.0.0.1:\(server.port)"
        await #expect(
            throws: ClientError.passportRefused(peer: peer, RESPError(code: "WRONGPASS", message: "unknown passport"))
        ) { _ = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port, passport: "fl_bad") }
        await #expect {
            _ = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        } throws: { error in
            guard case ClientError.passportRefused(_, let rejection) = error else { return false }
            return rejection.code == "NOAUTH" && !"\(error)".contains("fl_")
        }
        await server.stop()
    }

    @Test func `a port nobody listens on is said plainly`() async throws {
        // A port that is taken and not listened on: a free one might be somebody's a moment later.
        let taken = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(taken) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(taken, $0, size) == 0 && getsockname(taken, $0, &size) == 0
            }
        }
        try #require(isBound)
        let port = Int(UInt16(bigEndian: address.sin_port))
        await #expect(
            throws: ClientError.cannotConnect(peer: "127.0.0.1:\(port)", reason: "Connection refused")
        ) { _ = try await RemoteLedger.connect(host: "127.0.0.1", port: port) }
    }

    @Test func `another protocol at the port is said plainly`() async throws {
        let server = try await FakeServer.start { _, writer in
            writer.bytes += "HTTP/1.1 400 Bad Request\r\n".utf8
            return .close
        }
        await #expect {
            _ = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        } throws: { error in
            guard case ClientError.notALedger = error else { return false }
            return true
        }
        await server.stop()
    }

    @Test func `a server that never answers the greeting is given up`() async throws {
        let server = try await FakeServer.start { _, _ in .goOn }
        let peer = "127.0.0.1:\(server.port)"
        await #expect(throws: ClientError.notALedger(peer: peer, reason: "no answer within 1 s")) {
            _ = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port, timeoutSeconds: 1)
        }
        await server.stop()
    }

    @Test func `when the connection breaks, answered and unknown are told apart`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                if words.last == "3" { return .close }
                writer.bulk(words.last!)
                return .goOn
            })
        let peer = "127.0.0.1:\(server.port)"
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        await #expect {
            _ = try await ledger.send(commands(0..<10))
        } throws: { error in
            guard case ClientError.connectionLost(peer, let answered, let unanswered, _) = error else { return false }
            return answered == answers(0..<3) && unanswered == 7
                && "\(error)".contains("outcome unknown for 7 commands (3 before were answered)")
        }
        await #expect {
            _ = try await ledger.call("ECHO", "later")
        } throws: { error in
            guard case ClientError.notConnected(peer, _) = error else { return false }
            return true
        }
        await ledger.close()
        await server.stop()
    }

    @Test func `a server's last words are the reason`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                writer.bulk(words.last!)
                writer.error(code: "ERR", "server is shutting down")
                return .close
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        #expect(try await ledger.call("ECHO", "x") == .text("x"))
        await #expect {
            _ = try await ledger.call("ECHO", "y")
        } throws: { "\($0)".contains("server is shutting down") }
        await server.stop()
    }

    @Test func `posted commands are answered in bytes, between those that are sent`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                writer.push(1)
                writer.bulk("news")
                if words.last == "4" { writer.bytes += "|1\r\n+age\r\n:1\r\n".utf8 }
                writer.bulk(words.last!)
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let first = ledger.post(encoded(0..<3000))
        let second = ledger.post(encoded(3000..<3001))
        #expect(try await ledger.send(commands(7..<9)) == answers(7..<9))
        #expect(try await second.replies() == Array("$4\r\n3000\r\n".utf8))
        var expected = (0..<3000).flatMap { Array("$\("\($0)".utf8.count)\r\n\($0)\r\n".utf8) }
        expected.insert(contentsOf: "|1\r\n+age\r\n:1\r\n".utf8, at: 4 * 7)
        #expect(try await first.replies() == expected)
        #expect(try await ledger.post(EncodedCommands(bytes: [], count: 0)).replies() == [])
        await ledger.close()
        await server.stop()
    }

    @Test func `posted commands that were answered and those unknown are told apart`() async throws {
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                if words.last == "3" { return .close }
                writer.bulk(words.last!)
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let posted = ledger.post(encoded(0..<10))
        await #expect {
            _ = try await posted.replies()
        } throws: { error in
            guard case ClientError.connectionLost(_, answers(0..<3), unanswered: 7, _) = error else { return false }
            return true
        }
        await server.stop()
    }

    @Test func `who waits for posted commands may be cancelled`() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                if words.last == "0" {
                    arrival.yield()
                } else {
                    writer.bulk("0")  // the answer that was missing
                    writer.bulk(words.last!)
                }
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let held = Task { try await ledger.post(encoded(0..<1)).replies() }
        for await _ in arrived { break }
        held.cancel()
        await #expect(throws: ClientError.cancelled(unanswered: 1)) { _ = try await held.value }
        #expect(try await ledger.send(commands(5..<6)) == answers(5..<6))
        await ledger.close()
        await server.stop()
    }

    @Test func `closing lets what is under way be answered`() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                arrival.yield()
                writer.bulk(words.last!)
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        async let under = ledger.send(commands(0..<2000))
        // The first command at the server proves that the batch is on its way.
        for await _ in arrived { break }
        await ledger.close()
        await ledger.close()
        #expect(try await under == answers(0..<2000))
        await #expect(throws: ClientError.self) { _ = try await ledger.call("ECHO", "z") }
        await server.stop()
    }

    @Test func `a cancelled call ends, the connection goes on`() async throws {
        let (arrived, arrival) = AsyncStream.makeStream(of: Void.self)
        let server = try await FakeServer.start(
            FakeServer.greeting { words, writer in
                switch words.last {
                case "hold": arrival.yield()
                case "release":
                    writer.bulk("held")
                    writer.bulk("released")
                default: writer.bulk(words.last!)
                }
                return .goOn
            })
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let held = Task { try await ledger.call("ECHO", "hold") }
        for await _ in arrived { break }
        held.cancel()
        await #expect(throws: ClientError.cancelled(unanswered: 1)) { _ = try await held.value }
        #expect(
            try await ledger.send([["ECHO", "release"], ["ECHO", "more"]].map { $0.map { Array($0.utf8) } })
                == [.text("released"), .text("more")])
        await ledger.close()
        await server.stop()
    }

    @Test func `a call cancelled before it begins sends nothing`() async throws {
        let server = try await FakeServer.start(echo)
        let ledger = try await RemoteLedger.connect(host: "127.0.0.1", port: server.port)
        let late = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await ledger.call("ECHO", "x")
        }
        late.cancel()
        await #expect(throws: ClientError.cancelled(unanswered: 0)) { _ = try await late.value }
        #expect(try await ledger.call("ECHO", "y") == .text("y"))
        await ledger.close()
        await server.stop()
    }
}
