import Glibc
import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerStorage
import LedgerTestKit
import Logging
import RESP
import Synchronization
import Testing

@testable import LedgerServer

/// Clients that take more than their share. Each of these once did harm.
@Suite(.serialized) struct HostileTests {
    private func signIn(_ serving: Serving, receiveBuffer: Int32? = nil) async throws -> RawSocket {
        let socket = try RawSocket(port: serving.server.port, receiveBuffer: receiveBuffer)
        socket.send("AUTH \(serving.passport)\r\n")
        _ = await socket.read(until: "+OK\r\n")
        return socket
    }

    private static let never = "9223372036854775807"

    // MARK: WAIT

    @Test func `a WAIT that timed out, or whose client has gone, waits no more`() async throws {
        try await Serving.with {
            $0.drainSeconds = 1
        } _: { serving in
            let client = try await serving.connect()
            for _ in 0..<50 { #expect(try await client.call("WAIT", Self.never, "1").integer != nil) }
            #expect(serving.engine.waiterCount == 0)
            var sockets: [RawSocket] = []
            for _ in 0..<10 {
                let socket = try await signIn(serving)
                // The second one has not even begun when the client goes.
                socket.send("WAIT \(Self.never)\r\nWAIT \(Self.never) 1h\r\n")
                sockets.append(socket)
            }
            #expect(try await eventually { serving.engine.waiterCount == 10 })
            sockets.removeAll()
            #expect(try await eventually { serving.engine.waiterCount == 0 })
            // The event comes: another connection's write.
            let lsn = try await client.call("WAIT", "0").integer!
            async let waited = client.call("WAIT", "\(lsn + 1)", "10s")
            let other = try await serving.connect()
            _ = try await other.call("USER", "CREATE", "a@b.example")
            #expect(try await waited.integer == lsn + 1)
            #expect(serving.engine.waiterCount == 0)
            await client.close()
            await other.close()
        }
    }

    @Test func `when too many wait, the next is told so`() async throws {
        try await Serving.with {
            $0.eventLoops = 1
            $0.drainSeconds = 1
        } engine: {
            $0.waiterCapacity = 2
        } _: { serving in
            let sockets = [try await signIn(serving), try await signIn(serving)]
            for socket in sockets { socket.send("WAIT \(Self.never)\r\n") }
            #expect(try await eventually { serving.engine.waiterCount == 2 })
            let client = try await serving.connect()
            #expect(try await client.call("WAIT", Self.never, "1").error?.code == "BUSY")
            #expect(try await client.call("PING").string == "PONG")
            await client.close()
        }
    }

    // MARK: Output

    @Test func `behind a WAIT nothing is begun`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let socket = try await signIn(serving)
            let before = serving.server.counters.commands.load(ordering: .relaxed)
            let (size, count) = (30_000, 1300)
            let echo = Array("*2\r\n$4\r\nECHO\r\n$\(size)\r\n\(String(repeating: "e", count: size))\r\n".utf8)
            // An event that comes when this test lets it.
            let next = serving.engine.durableLSN.next.value
            let sending = Task.detached {
                socket.send("WAIT \(next)\r\n")
                var sent = 0
                for _ in 0..<count where socket.send(echo) { sent += 1 }
                return sent
            }
            // The WAIT, and what is held behind it.
            let begun = { serving.server.counters.commands.load(ordering: .relaxed) - before }
            #expect(try await eventually { begun() == 2 })
            let client = try await serving.connect()
            #expect(try await client.call("PING").string == "PONG")
            #expect(serving.server.counters.answersWaiting.load(ordering: .relaxed) == 0)
            // When the WAIT is over, all the rest is answered.
            #expect(try await client.call("USER", "CREATE", "eve@example.com").error == nil)
            await client.close()
            var received = 0
            let all = count * (size + "$\(size)\r\n\r\n".utf8.count)
            while received < all, let chunk = await nextChunk(socket) { received += chunk.count }
            #expect(await sending.value == count && received >= all)
        }
    }

    private func nextChunk(_ socket: RawSocket) async -> [UInt8]? {
        for _ in 0..<2000 {
            if let chunk = socket.readNow() { return chunk.isEmpty ? nil : chunk }
            try? await Task.sleep(nanoseconds: 5_000_000)
        }
        return nil
    }

    /// The lines that begin with one of some letters. By hand: a debug build takes ten times as long to split text.
    private func lines(of bytes: [UInt8], beginningWith letters: String) -> [String] {
        var found: [String] = []
        var start = 0
        bytes.withUnsafeBytes { all in
            while start < all.count, let end = memchr(all.baseAddress! + start, 0x0a, all.count - start) {
                let count = UnsafeRawPointer(end) - (all.baseAddress! + start)
                if count > 1, letters.utf8.contains(all[start]) {
                    found.append(String(decoding: all[start..<(start + count - 1)], as: UTF8.self))
                }
                start += count + 1
            }
        }
        return found
    }

    /// Counts answers of one line each, or receipts by their first field.
    private func count(_ text: String, in socket: RawSocket, until count: Int) async -> Int {
        let wanted = Array(text.utf8)
        var (found, rest) = (0, [UInt8]())
        while found < count, let chunk = await nextChunk(socket) {
            rest += chunk
            var start = 0
            while let end = rest[start...].firstIndex(of: 0x0a) {
                if rest[start...end].starts(with: wanted) { found += 1 }
                start = end + 1
            }
            rest.removeFirst(start)
        }
        return found
    }

    @Test func `a client that writes its whole pipeline before it reads gets every answer, in order`() async throws {
        try await Serving.with {
            // It takes no answer until all is booked, which takes a busy machine longer than the usual limit.
            $0.slowSeconds = 300
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10000 stripe"),
            ])
            let socket = try await signIn(serving, receiveBuffer: 1 << 16)
            let number = 30_000
            let sent = await Task.detached {
                // Charges, reads of the views, reads of the journal and refusals in turn.
                for index in 0..<number {
                    var line = "CREDIT CHARGE u_a 0.01 api\r\n"
                    if index % 1000 == 500 { line += "CREDIT HISTORY u_a COUNT 1\r\nCREDIT BALANCE nobody\r\n" }
                    if index % 1000 == 700 { line += "HELLO \(index % 2000 == 700 ? 2 : 3)\r\n" }
                    guard socket.send(line + "ECHO n\(index)\r\n") else { return false }
                }
                return true
            }.value
            #expect(sent)
            // All is booked, and next to nothing is kept of it.
            #expect(
                try await eventually {
                    try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "9700.00"
                })
            let waiting = serving.server.counters.answersWaiting.load(ordering: .relaxed)
            #expect(waiting > 0 && waiting < 3 << 20, "\(waiting)")
            let end = Array("n\(number - 1)\r\n".utf8)
            var bytes: [UInt8] = []
            while !bytes.suffix(end.count).elementsEqual(end), let chunk = await nextChunk(socket) { bytes += chunk }
            var (echoes, receipts, isInOrder) = (0, 0, true)
            for text in lines(of: bytes, beginningWith: "nr") {
                if text == "replayed" { receipts += 1 }
                guard text.hasPrefix("n"), let echo = Int(text.dropFirst()) else { continue }
                isInOrder = isInOrder && echo == echoes && receipts == echoes + 1
                echoes += 1
            }
            #expect(echoes == number && receipts == number && isInOrder)
            #expect(try await eventually { serving.server.counters.answersWaiting.load(ordering: .relaxed) == 0 })
            #expect(serving.server.counters.clientsDropped.load(ordering: .relaxed) == 0)
            await client.close()
        }
    }

    @Test func `replays and secrets wait as well as anything else`() async throws {
        try await Serving.with {
            $0.outputAhead = 1024
            $0.slowSeconds = 300  // as above
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 100 stripe"),
            ])
            let first = try await client.send((0..<100).map { words("CREDIT CHARGE u_a 1.01 api KEY k\($0)") })
            #expect(first.filter { $0.error?.code == "INSUFFICIENT" }.count == 1)
            let socket = try await signIn(serving, receiveBuffer: 1 << 16)
            let rounds = 100
            _ = await Task.detached {
                for round in 0..<rounds {
                    let keys = (0..<100).map { "CREDIT CHARGE u_a 1.01 api KEY k\($0)\r\n" }.joined()
                    socket.send("\(keys)PASSPORT CREATE u_a p\(round) read\r\n")
                }
            }.value
            #expect(try await eventually { serving.engine.durableLSN.value > 100 + UInt64(rounds) })
            var text = ""
            while !text.hasSuffix("END\r\n"), let chunk = await nextChunk(socket) {
                if text.isEmpty { socket.send("ECHO END\r\n") }
                text += String(decoding: chunk, as: UTF8.self)
            }
            #expect(text.ranges(of: "replayed\r\n:1\r\n").count == 99 * rounds)
            #expect(text.ranges(of: "-INSUFFICIENT").count == rounds)
            #expect(text.ranges(of: "$6\r\nsecret\r\n").count == rounds)
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "0.01")
            await client.close()
        }
    }

    @Test func `beyond the limit commands are read and refused, not executed, and the connection lives`() async throws {
        try await Serving.with {
            $0.answerLimit = 256 << 10
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10000 stripe"),
            ])
            let socket = try await signIn(serving, receiveBuffer: 1 << 16)
            // More than the kernel and the limit hold.
            let echo = "ECHO \(String(repeating: "e", count: 30_000))\r\n"
            let (echoes, charges) = (1000, 20_000)
            let before = serving.server.counters.commands.load(ordering: .relaxed)
            _ = await Task.detached {
                for _ in 0..<echoes { socket.send(echo) }
                for _ in 0..<charges / 100 {
                    socket.send(String(repeating: "CREDIT CHARGE u_a 0.01 api\r\n", count: 100))
                }
            }.value
            let counters = serving.server.counters
            let busy = { counters.commandsBusy.load(ordering: .relaxed) }
            // A turn's commands are added when it is over.
            #expect(
                try await eventually {
                    counters.commands.load(ordering: .relaxed) >= before + UInt64(echoes + charges)
                })
            #expect(busy() >= charges)
            #expect(try await client.call("CREDIT", "BALANCE", "u_a")["available"]?.string == "10000.00")
            #expect(serving.server.counters.answersWaiting.load(ordering: .relaxed) < 1 << 20)
            // Others are served meanwhile; and so is this one again, when it has read.
            #expect(try await client.call("CREDIT", "CHARGE", "u_a", "1", "api").error == nil)
            let refused = Int(busy())
            #expect(await count("-BUSY not executed", in: socket, until: refused) == refused)
            socket.send("CREDIT CHARGE u_a 1 api\r\nECHO done\r\n")
            #expect(await socket.read(until: "done").contains("9998.00"))
            #expect(serving.server.counters.clientsDropped.load(ordering: .relaxed) == 0)
            await client.close()
        }
    }

    @Test func `where all together take too much, who takes little is served`() async throws {
        try await Serving.with {
            $0.eventLoops = 1
            $0.drainSeconds = 1  // for those who never read
            $0.answerLimitOverAll = 1 << 20
        } _: { serving in
            let client = try await serving.connect()
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 10000 stripe"),
            ])
            let line = Array("ECHO \(String(repeating: "h", count: 30_000))\r\n".utf8)
            var hostile: [RawSocket] = []
            for _ in 0..<20 { hostile.append(try await signIn(serving, receiveBuffer: 4096)) }
            let sockets = hostile
            await withTaskGroup(of: Void.self) { tasks in
                for socket in sockets { tasks.addTask { for _ in 0..<150 { socket.send(line) } } }
            }
            let waiting = { serving.server.counters.answersWaiting.load(ordering: .relaxed) }
            #expect(serving.server.counters.commandsBusy.load(ordering: .relaxed) > 0)
            #expect(waiting() < 3 << 20, "\(waiting())")
            for _ in 0..<10 { #expect(try await client.call("CREDIT", "CHARGE", "u_a", "1", "api").error == nil) }
            await client.close()
        }
    }

    // MARK: Turns

    @Test(arguments: ["COMMAND", "COMMAND DOCS", "HELP"])
    func `few bytes that ask for much do not keep the others waiting`(line: String) async throws {
        try await Serving.with {
            $0.eventLoops = 1
        } _: { serving in
            let other = try await serving.connect()
            // Encoded once, for who asks first.
            _ = try await other.call(words(line))
            let flood = try await signIn(serving)
            let isReading = Atomic<Bool>(true)
            let reading = Task.detached {
                var received = 0
                while isReading.load(ordering: .relaxed) {
                    if let chunk = flood.readNow() { received += chunk.count } else { await Task.yield() }
                }
                return received
            }
            // Answered in between: how long each takes is the machine's business, and whether this task has its turns
            // while all of it is answered.
            var pings: UInt64 = 0
            for _ in 0..<10 where pings <= 2 {
                let before = serving.server.counters.commands.load(ordering: .relaxed)
                flood.send(String(repeating: "\(line)\r\n", count: 1024))
                pings = 0
                while serving.server.counters.commands.load(ordering: .relaxed) - before - pings < 1024 {
                    _ = try await other.call("PING")
                    pings += 1
                }
            }
            #expect(pings > 2)
            isReading.store(false, ordering: .relaxed)
            #expect(await reading.value > 100_000)
            await other.close()
        }
    }

    @Test func `however short a turn, all is answered in order`() async throws {
        try await Serving.with {
            $0.turnOutput = 100
            $0.turnNanoseconds = 1
        } _: { serving in
            let client = try await serving.connect()
            let answers = try await client.send((0..<3000).map { words("ECHO number-\($0)") })
            #expect(answers.map(\.string) == (0..<3000).map { "number-\($0)" })
            await client.close()
        }
    }

    // MARK: Strangers

    @Test func `after ten passports that are none the connection is closed, and the log stays short`() async throws {
        let lines = Lines()
        let logger = Logger(label: "tests") { _ in lines.handler }
        try await Serving.with(logger: logger) {
            $0.eventLoops = 1
        } _: { serving in
            for _ in 0..<20 {
                let socket = try RawSocket(port: serving.server.port)
                let guesses = (0..<500).map { $0 % 2 == 0 ? "AUTH fl_0123456789_\($0)\r\n" : "AUTH nonsense\r\n" }
                socket.send(guesses.joined())
                let answers = await socket.readAll().split(separator: "\r\n")
                // The rest may be cut by the reset that unread requests cause; never is there an eleventh.
                #expect(answers.count <= 10 && answers.allSatisfy { $0 == "-WRONGPASS this passport is not valid" })
            }
            #expect(serving.server.counters.authFailures.load(ordering: .relaxed) == 200)
            func told() -> (lines: Int, failures: Int) {
                let mine = lines.all.filter { $0.message == "authentication failed" }
                return (mine.count, mine.reduce(0) { $0 + (Int($1.metadata["more"]?.description ?? "") ?? 1) })
            }
            #expect(try await eventually { told().failures == 200 }, "\(told())")
            #expect(told().lines <= 5, "\(told())")
            let client = try await serving.connect()
            #expect(try await client.call("PING").string == "PONG")
            await client.close()
        }
    }

    @Test func `strangers make room for those who come, the oldest first`() async throws {
        try await Serving.with {
            $0.eventLoops = 1
            $0.maxClients = 8
        } _: { serving in
            let known = try await serving.connect()
            var strangers: [RawSocket] = []
            for _ in 0..<30 {
                let stranger = try RawSocket(port: serving.server.port)
                stranger.send("PING\r\n")
                #expect(await stranger.read(until: "\r\n") == "+PONG\r\n")
                strangers.append(stranger)
            }
            for stranger in strangers.dropLast(4) {
                #expect(await stranger.readAll() == "-ERR too many connections without a passport, closing\r\n")
            }
            for stranger in strangers.suffix(4) { #expect(stranger.readNow() == nil) }
            // The admin gets in, and whoever has shown a passport stays.
            let admin = try await serving.connect()
            #expect(try await admin.call("USER", "LIST").error == nil)
            #expect(try await known.call("PING").string == "PONG")
            #expect(serving.server.counters.clientsRefused.load(ordering: .relaxed) == 0)
            await admin.close()
            await known.close()
        }
    }

    @Test func `there are no more clients than descriptors`() {
        var configuration = ServerConfiguration()
        configuration.eventLoops = 2
        configuration.maxClients = 10_000
        #expect(!configuration.fit(descriptors: 1 << 20) && configuration.maxClients == 10_000)
        #expect(configuration.fit(descriptors: 200) && configuration.maxClients == 120)
        #expect(configuration.strangersPerLoop == 30)
        #expect(configuration.fit(descriptors: 10) && configuration.maxClients == 1)
        #expect(configuration.strangersPerLoop == 1)
    }

    @Test func `after RESET there is as much time for AUTH as at the beginning`() async throws {
        try await Serving.with {
            $0.authSeconds = 2
        } _: { serving in
            let socket = try await signIn(serving)
            try await Task.sleep(nanoseconds: 2_500_000_000)
            socket.send("RESET\r\n")
            #expect(await socket.read(until: "\r\n") == "+RESET\r\n")
            try await Task.sleep(nanoseconds: 1_200_000_000)
            socket.send("AUTH \(serving.passport)\r\n")
            #expect(await socket.read(until: "\r\n") == "+OK\r\n")
            socket.send("RESET\r\n")
            #expect(await socket.readAll().contains("no passport within 2 s"))
        }
    }

    // MARK: The end of one's own passport

    @Test(arguments: ["PASSPORT REVOKE", "PASSPORT ROTATE", "USER SET ops STATE banned"])
    func `nothing runs behind the end of one's own passport`(end: String) async throws {
        try await Serving.with { _ in
        } _: { serving in
            let admin = try await serving.connect()
            let made = try await admin.send([
                words("USER CREATE ops@b.example ID ops"), words("USER CREATE a@b.example ID u_a"),
                words("PASSPORT CREATE ops key read,write,billing,admin SCOPE all"),
            ])
            let secret = try #require(made[2]["secret"]?.string)
            let client = try await serving.connect(secret)
            let last = end.hasPrefix("USER") ? end : "\(end) \(secret.dropFirst(3).prefix(10))"
            let behind = [
                "USER LIST", "USER GET u_a", "CREDIT BALANCE u_a", "CREDIT HISTORY u_a", "SESSION QUOTE u_a small 1",
                "RULE CHECK storage 1", "INFO", "DBSIZE", "PASSPORT LIST u_a", "SNAPSHOT", "SLOWLOG RESET",
                "PASSPORT VERIFY \(secret)", "CREDIT GRANT u_a 1 REASON x", "PASSPORT CREATE u_a key2 read",
                "EXPLAIN c_1",
            ]
            let answers = try await client.send(["USER GET u_a", last].map(words) + behind.map(words))
            #expect(answers[0].error == nil && answers[1].error == nil, "\(answers[1])")
            for (line, answer) in zip(behind, answers.dropFirst(2)) {
                #expect(answer.error?.code == "NOAUTH", "\(line): \(answer)")
            }
            #expect(try await client.call("PING").string == "PONG")
            // Somebody else's passport is no reason to wait, or to be refused.
            let other = try await admin.send([
                words("PASSPORT CREATE u_a key3 read"), words("USER SET u_a STATE banned"), words("USER LIST"),
            ])
            #expect(other.allSatisfy { $0.error == nil })
            await client.close()
            await admin.close()
        }
    }

    @Test func `a secret among the arguments is not the connection's own`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            for secret in ["nonsense", "fl_0123456789_x", String(serving.passport.dropLast()) + "!"] {
                for line in ["PASSPORT VERIFY \(secret)", "SESSION ADMIT \(secret) s-1 small"] {
                    let error = try await client.call(words(line)).error
                    #expect(error?.text == "NOPERM this passport is not valid", "\(line)")
                }
            }
            await client.close()
        }
    }

    @Test func `spaces that are not public are shown to scope all only, with who added them`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let admin = try await serving.connect()
            let made = try await admin.send([
                words("SPACE ADD hidden COST 1 SIZE 1 PUBLIC no"), words("SPACE ADD shown COST 1 SIZE 1"),
                words("USER CREATE a@b.example ID u_a"), words("PASSPORT CREATE u_a key read"),
            ])
            let own = try await serving.connect(try #require(made[3]["secret"]?.string))
            func spaces(_ client: RemoteLedger, _ line: String) async throws -> [RESPValue] {
                try await client.call(words(line)).elements?[1].elements ?? []
            }
            let all = try await spaces(admin, "SPACE LIST")
            #expect(all.prefix(2).map { $0["space"]?.string } == ["shown", "hidden"])
            #expect(all.prefix(2).map { $0["creator"]?.string } == ["admin", "admin"])
            #expect(all.count == 6 && all.suffix(4).allSatisfy { $0["creator"] == .null })
            let seen = try await spaces(own, "SPACE LIST")
            #expect(seen.count == 5 && seen.allSatisfy { $0["public"]?.integer == 1 || $0["public"] == .boolean(true) })
            // Pages are cut from what may be seen, and the last one is the last.
            var (paged, cursor): ([String?], String) = ([], "0")
            repeat {
                let page = try await own.call(words("SPACE LIST COUNT 2 CURSOR \(cursor)")).elements ?? []
                paged += (page.last?.elements ?? []).map { $0["space"]?.string }
                #expect(page.last?.elements?.isEmpty == false)
                cursor = page.first?.string ?? "0"
            } while cursor != "0"
            #expect(paged == seen.map { $0["space"]?.string })
            await own.close()
            await admin.close()
        }
    }
}

/// Log lines, kept for a test to look at.
private final class Lines: Sendable {
    struct Line: Sendable {
        let message: String
        let metadata: Logger.Metadata
    }
    private let lines = Lock<[Line]>([])
    /// With storage of its own, for ThreadSanitizer, which does not see that a reader lets go of an array.
    var all: [Line] { lines.withLock { $0.map { $0 } } }
    var handler: Handler { Handler(lines: self) }

    struct Handler: LogHandler {
        let lines: Lines
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info
        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            lines.lines.withLock { $0.append(Line(message: "\(event.message)", metadata: event.metadata ?? [:])) }
        }
    }
}
