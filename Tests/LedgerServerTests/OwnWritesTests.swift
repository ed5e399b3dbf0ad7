import LedgerClient
import LedgerCommands
import LedgerCore
import LedgerEngine
import LedgerTestKit
import RESP
import Testing

@testable import LedgerServer

/// What a script or a transaction reads behind its own writes is what everybody reads once they are there: every read
/// that a script may use, behind every write that it may use.
@Suite(.serialized, .timeLimit(.minutes(10))) struct OwnWritesTests {
    private typealias Table = ReadYourWritesTests

    static let morning = Timestamp("2026-11-23T09:30:00Z")!

    /// A server with this clock, whose scripts have time.
    static func serve(_ clock: ManualClock, _ body: (Serving) async throws -> Void) async throws {
        try await Serving.with {
            $0.scriptMilliseconds = 10_000
        } engine: {
            $0.clock = clock
        } _: {
            try await body($0)
        }
    }

    /// A server whose time stands, and two connections.
    static func with(_ body: (Serving, RemoteLedger, RemoteLedger) async throws -> Void) async throws {
        try await serve(ManualClock(morning)) { serving in
            let (one, other) = (try await serving.connect(), try await serving.connect())
            try await body(serving, one, other)
            await one.close()
            await other.close()
        }
    }

    /// Calls `body` with every pair, and counts how often it says that the read saw a difference.
    private func forEachPair(
        _ body: (_ write: String, _ before: [String], _ read: String, CommandID) async throws -> Bool
    ) async throws {
        var (writes, pairs, changed) = (0, 0, 0)
        for write in CommandTable.specs where write.script.isAllowed {
            guard case .write(let writeLine, let before) = Table.use(write.id) else { continue }
            writes += 1
            for read in CommandTable.specs where read.script.isAllowed {
                guard case .read(let readLine) = Table.use(read.id) else { continue }
                pairs += 1
                if try await body(writeLine, before, readLine, read.id) { changed += 1 }
            }
        }
        #expect(writes > 25 && pairs > 25 * writes)
        #expect(changed > writes * 3, "only \(changed) of \(pairs) reads saw a difference")
    }

    @Test func `a read in a transaction answers behind a write of it what it answers afterwards`() async throws {
        try await Self.with { _, one, other in
            var ground = try await Table.Ground(one)
            try await forEachPair { write, before, read, id in
                ground.number += 1
                for line in before { try await ground.prepare(line) }
                let (writing, reading) = (ground.fill(write), ground.fill(read))
                let old = try await other.call(reading)
                let answers = try await one.send([words("MULTI"), writing, reading, words("EXEC")])
                let results = try #require(answers[3].elements, "\(write): \(answers)")
                #expect(results[0].error == nil, "\(write): \(results[0])")
                let alone = try await other.call(reading)
                #expect(Table.comparable(results[1], id) == Table.comparable(alone, id), "\(read) behind \(write)")
                return Table.comparable(old, id) != Table.comparable(alone, id)
            }
        }
    }

    /// Carries out lines, each as a number of words and the words. KEYS: the hold and the charge that were made last.
    static let lines = """
        local made, last, at = { ["$hold"] = KEYS[1], ["$charge"] = KEYS[2] }, nil, 1
        while at <= #ARGV do
          local count, words = math.tointeger(tonumber(ARGV[at])), {}
          for i = 1, count do words[i] = made[ARGV[at + i]] or ARGV[at + i] end
          at = at + count + 1
          -- What is asked last may be refused.
          last = (at > #ARGV and redis.pcall or redis.call)(table.unpack(words))
          for _, id in ipairs{ type(last) == "table" and last.id or "", type(last) == "table" and last.charge or "" } do
            if type(id) == "string" and id:sub(1, 2) == "h_" then made["$hold"] = id end
            if type(id) == "string" and id:sub(1, 2) == "c_" then made["$charge"] = id end
          end
        end
        return { last, made["$hold"], made["$charge"] }
        """

    @Test func `a read in a script answers behind all that was made in it what it answers afterwards`() async throws {
        try await Self.with { _, one, other in
            var ground = try await Table.Ground(one)
            func run(_ client: RemoteLedger, _ lines: [String]) async throws -> [RESPValue] {
                var call: [[UInt8]] = ["EVAL", Self.lines, "2", ground.names["hold"]!, ground.names["charge"]!]
                    .map { Array($0.utf8) }
                for line in lines {
                    let filled = ground.fill(line, without: ["hold", "charge"])
                    call += [Array("\(filled.count)".utf8)] + filled
                }
                let answer = try await client.call(call)
                let values = try #require(answer.elements, "\(lines): \(answer)")
                (ground.names["hold"], ground.names["charge"]) = (values[1].string, values[2].string)
                return values
            }
            try await forEachPair { write, before, read, id in
                ground.number += 1
                var inside: [String] = []
                for line in before {
                    let known = try Words.with(words(line)) { (words) throws(CommandError) in
                        try CommandTable.find(words)
                    }
                    if inside.isEmpty, !CommandTable.spec(known).script.isAllowed {
                        try await ground.prepare(line)
                    } else {
                        inside.append(line)
                    }
                }
                let old = try await other.call(ground.fill(read))
                let found = try await run(one, inside + [write, read])[0]
                let alone = try await run(other, [read])[0]
                #expect(Self.settled(found, id) == Self.settled(alone, id), "\(read) behind \(write)")
                return try await Table.comparable(old, id) != Table.comparable(other.call(ground.fill(read)), id)
            }
        }
    }

    /// Without what moves with each nanosecond: the event that ends a script is one later.
    private static func settled(_ value: RESPValue, _ id: CommandID) -> RESPValue {
        switch Table.comparable(value, id) {
        case .map(let pairs):
            let kept = pairs.filter { !["empty_at", "seconds_left"].contains($0.key.string) }
            return .map(kept.map { RESPPair($0.key, settled($0.value, id)) })
        case .array(let items): return .array(items.map { settled($0, id) })
        case let other: return other
        }
    }

    /// All pages of a user's history, one after the other, with the cursors between them.
    private static let pages = """
        local rows, cursor, label = {}, "0", ARGV[3] ~= "" and ARGV[3] or nil
        repeat
          local page = ledger.history(ARGV[1], { count = ARGV[2], cursor = cursor, label = label })
          cursor = page[1]
          for _, row in ipairs(page[2]) do
            rows[#rows + 1] = table.concat({ row.id, row.type, row.source, tostring(row.amount),
              tostring(row.available), tostring(row.description), row.time }, " ")
          end
          rows[#rows + 1] = cursor
        until cursor == "0"
        """

    @Test func `pages of a history go on across the border between what is new and what was there`() async throws {
        let clock = ManualClock(Self.morning)
        try await Self.serve(clock) { serving in
            let client = try await serving.connect()
            for line in [
                "USER CREATE a@b.example ID u_a TYPE pro", "CREDIT PURCHASE u_a 10 card",
                "CREDIT GRANT u_a 3 EXPIRES 2026-11-23T10:00:00Z REASON hello",
                "CREDIT CHARGE u_a 0.5 api LABELS team=ml DESCRIPTION 'for Ada'",
            ] { try await client.call(words(line)).mustBeAnswer() }
            // What ends a hold whose credit has expired has two rows: once of before, once of the script.
            let holds = try await client.send(["HOLD PLACE u_a 1 TTL 1d", "HOLD PLACE u_a 1 TTL 1d"].map(words))
            clock.advance(by: .hours(1))
            let ids = holds.compactMap { $0["id"]?.string }
            try await client.call(words("HOLD CAPTURE \(ids[0]) 0.25 FINAL")).mustBeAnswer()
            for (count, label) in [("1", ""), ("2", ""), ("3", ""), ("4", ""), ("100", ""), ("1", "team=ml")] {
                let hold = count == "1" && label.isEmpty ? ids[1] : ""
                let source = """
                    ledger.charge{ user = "u_a", amount = "0.01", source = "api", labels = "team=ml",
                      description = "new" }
                    if ARGV[4] ~= "" then
                      ledger.hold.capture(ARGV[4], "0.75", { final = true })
                    else
                      ledger.charge("u_a", "0.02", "api")
                    end
                    ledger.purchase("u_a", "10", "card")
                    """
                let inside = try await client.call(
                    "EVAL", source + "\n" + Self.pages + " return rows", "0", "u_a", count, label, hold)
                let rows = try #require(inside.elements?.map(\.string), "\(inside)")
                let alone = try await client.call("EVAL", Self.pages + " return rows", "0", "u_a", count, label, hold)
                #expect(rows == alone.elements?.map(\.string), "COUNT \(count) LABEL \(label)")
                #expect(rows.count > (label.isEmpty ? 7 : 2), "\(rows)")
                // And outside of any script.
                var (listed, cursor): ([String], String) = ([], "0")
                repeat {
                    var line = ["CREDIT", "HISTORY", "u_a", "COUNT", count, "CURSOR", cursor]
                    if !label.isEmpty { line += ["LABEL", label] }
                    let page = try #require(try await client.call(line).elements)
                    listed += (page[1].elements ?? []).compactMap { $0["id"]?.string }
                    cursor = page[0].string ?? "0"
                } while cursor != "0"
                #expect(
                    listed
                        == rows.compactMap { $0 }.filter { $0.contains(" ") }.map { "\($0.split(separator: " ")[0])" })
            }
            let strange = try await client.call(
                "EVAL",
                "local c = ledger.charge('u_a', '0.01', 'api') "
                    + "ledger.user.create{ email = 'x@y.example', id = 'u_x' } "
                    + "return ledger.history('u_x', { cursor = tostring(2 * c.lsn) })", "0")
            #expect(strange.error?.text.contains("CURSOR is not one") == true, "\(strange)")
            await client.close()
        }
    }

    @Test func `a summary adds what is new to what was there`() async throws {
        try await Self.with { _, one, other in
            for line in [
                "USER CREATE a@b.example ID u_a TYPE pro", "CREDIT PURCHASE u_a 50 card",
                "METER ADD calls UNIT calls", "RULE LOAD meter:calls 'return function(t, n) return n * 1000 end'",
                "RULE ACTIVATE meter:calls 1", "CREDIT CHARGE u_a 1 zeta LABELS team=ml",
                "CREDIT CHARGE u_a 2 alpha", "USAGE RECORD first u_a calls 5", "CREDIT GRANT u_a 1 REASON r",
                "SESSION RECORD r1 u_a small FROM 2026-11-23T08:00:00Z TO 2026-11-23T09:00:00Z",
            ] { try await one.call(words(line)).mustBeAnswer() }
            let source = """
                ledger.charge{ user = "u_a", amount = "3", source = "beta", labels = { team = "ops" } }
                ledger.charge{ user = "u_a", amount = "4", source = "zeta", labels = { team = "ml" } }
                ledger.usage.record("second", "u_a", "calls", 7)
                ledger.session.record{ session = "r2", user = "u_a", tier = "medium", from = "2026-11-23T08:00:00Z",
                  to = "2026-11-23T08:30:00Z" }
                ledger.purchase("u_a", "20", "card")
                ledger.adjust("u_a", "-1", { reason = "r" })
                """
            let summary = " return ledger.user.summary('u_a', { by = ARGV[1], from = ARGV[2] })"
            for (by, from) in [("label:team", "2026-11-01"), ("label:none", "2026-11-23T08:15:00Z")] {
                let inside = try await one.call(
                    "EVAL", (by == "label:team" ? source : "ledger.charge('u_a', '1', 'zeta')") + summary, "0", by, from
                )
                let alone = try await other.call("EVAL", summary, "0", by, from)
                #expect(inside.error == nil && inside == alone, "\(inside)\n\(alone)")
            }
        }
    }

    @Test func `limits on requests are those of the script, and what it is taken back for counts against none`()
        async throws
    {
        try await Self.with { _, one, _ in
            let made = try await one.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("PASSPORT CREATE u_a key read,write"),
            ])
            let secret = try #require(made[1]["secret"]?.string)
            let answers = try await one.send([
                words("MULTI"), words("LIMIT SET pro requests_per_hour 0"), words("PASSPORT VERIFY \(secret)"),
                words("LIMIT SET pro requests_per_hour 2"), words("EXEC"),
            ])
            #expect(answers[4].elements?[1].error?.code == "LIMIT", "\(answers)")
            for _ in 0..<5 {
                let failed = try await one.call(
                    "EVAL", "assert(ledger.passport.verify(ARGV[1])) error('no')", "0", secret)
                #expect(failed.error?.text.contains("no") == true, "\(failed)")
            }
            // Run twice, for it reads the journal, and counted once.
            let source = "assert(ledger.passport.verify(ARGV[1])) return #ledger.history('u_a')[2]"
            #expect(try await one.call("EVAL", source, "0", secret).error == nil)
            #expect(try await one.call("PASSPORT", "VERIFY", secret).error == nil)
            #expect(try await one.call("PASSPORT", "VERIFY", secret).error?.code == "LIMIT")
        }
    }

    @Test func `texts about somebody whom the script deletes are gone in it`() async throws {
        try await Self.with { _, one, other in
            for line in [
                "USER CREATE a@b.example ID u_a NAME Ada", "CREDIT CHARGE u_a 1 api DESCRIPTION 'Ada before'",
            ] { try await one.call(words(line)).mustBeAnswer() }
            let read = " return ledger.history('u_a')"
            let source = "ledger.charge{ user = 'u_a', amount = '1', source = 'api', description = 'Ada now' } "
            let told = try await one.call("EVAL", source + read, "0")
            let texts = (told.elements?[1].elements ?? []).compactMap { $0["description"]?.string }
            #expect(texts == ["Ada now", "Ada before", "credit at sign-up"], "\(told)")
            let inside = try await one.call(
                "EVAL", source + "assert(ledger.user.delete('u_a', { forfeit = true }))" + read, "0")
            let rows = try #require(inside.elements?[1].elements, "\(inside)")
            #expect(rows.count >= 4 && rows.allSatisfy { $0["description"]?.string?.contains("Ada") != true })
            #expect(inside == (try await other.call("EVAL", read, "0")))
        }
    }

    @Test func `in a fork it is the same, and DRYRUN tries no script`() async throws {
        try await Self.with { _, one, _ in
            _ = try await Table.Ground(one)
            try await one.call("FORK", "NEW", "f").mustBeAnswer()
            let source = """
                local charge = ledger.charge("u_a", "2", "fork").id
                ledger.refund(charge, { amount = "0.5", reason = "r" })
                return { charge, ledger.history("u_a", { count = 3 }), ledger.explain(charge) }
                """
            let inside = try await one.call("FORK", "RUN", "f", "EVAL", source, "0")
            let id = try #require(inside.elements?[0].string, "\(inside)")
            let read = "return { ARGV[1], ledger.history('u_a', { count = 3 }), ledger.explain(ARGV[1]) }"
            #expect(inside == (try await one.call("FORK", "RUN", "f", "EVAL", read, "0", id)))
            #expect(try await one.call("EXPLAIN", id).error?.code == "NOTFOUND")
            let tried = try await one.call("DRYRUN", "EVAL", source, "0")
            #expect(tried.error?.text.contains("EVAL cannot be tried") == true, "\(tried)")
        }
    }
}
