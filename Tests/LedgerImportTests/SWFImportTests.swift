import Glibc
import LedgerCore
import LedgerImport
import LedgerRules
import LedgerTestKit
import RESP
import Synchronization
import Testing

let projectRoot = String(#filePath.dropLast("/Tests/LedgerImportTests/SWFImportTests.swift".count))
let nasaMap = "\(projectRoot)/Scripts/import/nasa.lua"
let sessionRule = RuleSource.defaults[0].text

/// A small log: user, procs, run of each job.
private func log(_ jobs: [(user: Int, procs: Int, run: Int)]) -> String {
    var text = "; UnixStartTime: 1000000000\n"
    for (index, job) in jobs.enumerated() {
        text += "\(index + 1) \(index * 60) -1 \(job.run) \(job.procs) -1 -1 -1 -1 -1 -1 \(job.user) 1 -1 -1 -1 -1 -1\n"
    }
    return text
}

private let smallLog = log([(1, 4, 3600), (2, 16, 3601), (3, 64, 1), (1, 128, 7200), (3, 1, 360_000), (2, 2, 0)])

private func failure(_ work: SWFImport) async -> ImportError? {
    do {
        let report = try await work.run()
        Issue.record("it succeeded with \(report.sessions) sessions")
        return nil
    } catch { return error }
}

@Suite struct SWFImportTests {
    @Test func `a log is billed exactly, in the file's order`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        // user 1: pro, user 2: enterprise, user 3: free.
        #expect(report.sessions == 6)
        #expect(report.users == 3)
        #expect(report[.pro, .small] == .init(sessions: 1, total: Money("0.025")!))
        #expect(report[.pro, .gpu] == .init(sessions: 1, total: Money("0.25")!))
        #expect(report[.enterprise, .medium] == .init(sessions: 1, total: Money("0.015004167")!))
        #expect(report[.enterprise, .small] == .init(sessions: 1, total: Money.zero))
        #expect(report[.free, .large] == .init(sessions: 1, total: Money("0.000027778")!))
        #expect(report[.free, .small] == .init(sessions: 1, total: Money("5.00")!))
        #expect(report.total == Money("5.290031945")!)
        #expect(
            report.json
                == #"{"sessions":6,"users":3,"total":"5.290031945","by":{"free/small":{"sessions":1,"total":"5.00"},"free/large":{"sessions":1,"total":"0.000027778"},"pro/small":{"sessions":1,"total":"0.025"},"pro/gpu":{"sessions":1,"total":"0.25"},"enterprise/small":{"sessions":1,"total":"0.00"},"enterprise/medium":{"sessions":1,"total":"0.015004167"}}}"#
        )
        let state = ledger.snapshot
        #expect(state.log.filter { $0[1] == "RECORD" }.map { $0[2] } == (1...6).map { "t:\($0)" })
        #expect(
            state.log.first { $0[1] == "RECORD" }
                == ["SESSION", "RECORD", "t:1", "nasa-1", "small", "FROM", "1000000000", "TO", "1000003600"])
    }

    @Test func `credit covers the bill, minus the sign-up credit, rounded up to a cent`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(report.usersCreated == 3)
        #expect(report.usersToppedUp == 3)
        let adjusted = ledger.snapshot.log.filter { $0[1] == "ADJUST" }
        #expect(
            adjusted == [
                [
                    "CREDIT", "ADJUST", "nasa-1", "0.28", "REASON", "import of t", "REF", "import:t:nasa-1", "KEY",
                    "import:t:nasa-1",
                ],  // 0.275
                // 0.015004167
                [
                    "CREDIT", "ADJUST", "nasa-2", "0.02", "REASON", "import of t", "REF", "import:t:nasa-2", "KEY",
                    "import:t:nasa-2",
                ],
                // 5.000027778 - 5.00
                [
                    "CREDIT", "ADJUST", "nasa-3", "0.01", "REASON", "import of t", "REF", "import:t:nasa-3", "KEY",
                    "import:t:nasa-3",
                ],
            ])
        #expect(
            ledger.snapshot.users.values.allSatisfy { $0.debt == 0 && $0.available >= 0 && $0.available < 10_000_000 })
    }

    @Test func `users whose sign-up credit suffices get nothing more`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(log([(3, 4, 3600), (6, 4, 360_000)]))  // 0.05, and exactly 5.00
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(report.usersToppedUp == 0)
        #expect(ledger.snapshot.users["nasa-6"]?.available == 0)
        #expect(ledger.snapshot.users["nasa-6"]?.debt == 0)
    }

    @Test func `a repeated import bills nothing and reports the same`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        let work = try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger)
        let first = try await work.run()
        let users = ledger.snapshot.users.mapValues { [$0.available, $0.debt] }
        for forgetsKeys in [false, true] {
            ledger.change { $0.forgetsKeys = forgetsKeys }
            let again = try await work.run()
            #expect(again.json == first.json)
            #expect(again.billedBefore == 6)
            #expect(again.usersCreated == 0)
            #expect(again.usersToppedUp == 0)
            #expect(ledger.snapshot.users.mapValues { [$0.available, $0.debt] } == users)
        }
    }

    @Test func `an import that is cut anywhere and repeated bills everything once`() async throws {
        let file = TemporaryFile(smallLog)
        let whole = FakeLedger(source: sessionRule)
        let expected = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: whole).run()
        let commands = whole.snapshot.received
        for forgetsKeys in [false, true] {
            for cut in 0..<commands {
                let ledger = FakeLedger(source: sessionRule)
                ledger.change { $0.lifetime = cut }
                let work = try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger)
                let error = await failure(work)
                #expect(error?.kind == .interrupted)
                ledger.change {
                    $0.lifetime = .max
                    $0.forgetsKeys = forgetsKeys
                }
                let report = try await work.run()
                #expect(report.json == expected.json)
                #expect(
                    ledger.snapshot.users.mapValues { [$0.available, $0.debt] }
                        == whole.snapshot.users.mapValues { [$0.available, $0.debt] }, "cut at \(cut)")
            }
        }
    }

    @Test func `the error of an interrupted import says how far it came`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        ledger.change { $0.lifetime = 12 }  // RULE SHOW, TIME, 3 × CREATE, 3 × ADJUST, 4 of 6 sessions
        var work = try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger)
        work.window = 2
        let error = await failure(work)
        #expect(
            error?.text
                == "connection lost; 4 of 6 sessions are known to be billed. Run it again: nothing is billed twice")
    }

    @Test func `users that existed are billed and not topped up`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.users["nasa-1"] = .init(email: "ada@example.com", type: "pro", available: 100_000_000) }
        let file = TemporaryFile(smallLog)
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(report.usersCreated == 2)
        #expect(ledger.snapshot.users["nasa-1"]?.available == 0)
        #expect(ledger.snapshot.users["nasa-1"]?.debt == 175_000_000)
        #expect(!ledger.snapshot.log.contains { $0[1] == "ADJUST" && $0[2] == "nasa-1" })
        #expect(report.notes == [])
    }

    @Test func `a user who exists with another type is noted, and billed by the ledger's type`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.users["nasa-1"] = .init(email: "ada@example.com", type: "admin", available: 0) }
        let file = TemporaryFile(smallLog)
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(report.notes == ["user nasa-1 exists as admin, and is billed and listed as such; the map says pro"])
        #expect(report[.pro, .small].sessions == 0 && report[.pro, .gpu].sessions == 0)
        #expect(report[.admin, .small] == .init(sessions: 1, total: .zero))
        #expect(report[.admin, .gpu] == .init(sessions: 1, total: .zero))
        #expect(report.json.contains(#""admin/gpu":{"sessions":1,"total":"0.00"}"#))
    }

    @Test func `two sources do not meet`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        let first = try await SWFImport(file: file.path, map: nasaMap, source: "a", port: ledger).run()
        let second = try await SWFImport(file: file.path, map: nasaMap, source: "b", port: ledger).run()
        #expect(second.billedBefore == 0)
        #expect(second.json == first.json)
        #expect(second.usersCreated == 0)
        #expect(second.usersToppedUp == 0)
        #expect(ledger.snapshot.sessions.count == 12)
    }

    @Test func `a busy ledger is asked again`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.busyEvery = 3 }
        let file = TemporaryFile(smallLog)
        let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(report.total == Money("5.290031945")!)
        #expect(ledger.snapshot.sessions.count == 6)
    }

    @Test func `many commands are under way at a time, and never more than the window`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        var trace = GeneratedTrace(seed: 1)
        trace.jobs = 1000
        let file = TemporaryFile(trace.text())
        var work = try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger)
        work.window = 320
        let seen = Mutex<[ImportProgress]>([])
        work.progress = { progress in seen.withLock { $0.append(progress) } }
        let report = try await work.run()
        #expect(report.sessions == 1000)
        #expect(ledger.snapshot.mostUnderWay == 320)
        let billing = seen.withLock { $0.filter { $0.phase == .billing } }
        #expect(billing.map(\.done) == Array(stride(from: 20, through: 1000, by: 20)))
        #expect(billing.allSatisfy { $0.total == 1000 })
        #expect(seen.withLock { $0.first?.phase } == .reading)
    }

    @Test func `the source is the file's name`() {
        #expect(SWFImport.defaultSource(of: "/a/b/nasa-ipsc-1993.swf.gz") == "nasa-ipsc-1993")
        #expect(SWFImport.defaultSource(of: "trace.swf") == "trace")
        #expect(SWFImport.defaultSource(of: "trace") == "trace")
        #expect(SWFImport.defaultSource(of: ".swf") == ".swf")
    }

    @Test func `a map may name sessions, skip jobs and give numbers as users`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        let map = """
            return function(job)
              if job.run == 0 then return nil end
              return { user = job.user, type = "pro", tier = "small", seconds = job.run, start = job.epoch + job.submit,
                       session = "s" .. job.id }
            end
            """
        let report = try await SWFImport(file: file.path, mapName: "m.lua", mapSource: map, source: "t", port: ledger)
            .run()
        #expect(report.sessions == 5)
        #expect(report.skipped == 1)
        #expect(Set(ledger.snapshot.users.keys) == ["1", "2", "3"])
        #expect(Set(ledger.snapshot.sessions.keys) == ["s1", "s2", "s3", "s4", "s5"])
    }

    @Test func `a step tariff is credited as it is charged`() async throws {
        // 0.05 for the first hour, then 0.01; the fake ledger does not know steps, so only the credit is looked at.
        let ledger = FakeLedger(source: #"return function() return { {0, usd"0.05"}, {1, usd"0.01"} } end"#)
        let file = TemporaryFile(log([(1, 1, 36_000)]))
        _ = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(ledger.snapshot.references["import:t:nasa-1"]?[3] == "0.14")
    }

    @Test func `a rule that counts the month's usage is asked with it`() async throws {
        let ledger = FakeLedger(
            source: #"return function(user_type, tier, seconds) return seconds >= 3600 and usd"0.01" or usd"0.05" end"#)
        let file = TemporaryFile(log([(1, 1, 3600), (1, 1, 3600), (1, 1, 3600)]))
        _ = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
        #expect(ledger.snapshot.references["import:t:nasa-1"]?[3] == "0.07")
    }

    @Test func `odd names of users and sources become e-mail addresses that differ`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let names = [
            "x", "X", "x78", "a b", "a-b", "-a", "ü@…", "A@b", "aaaaaaaaaaaaaaaaaaaaaaaaa", "AAAAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAAAB",
        ]
        let file = TemporaryFile(log(names.indices.map { ($0, 1, 3600) }))
        let map = """
            local names = { \(names.map { "'\($0)'" }.joined(separator: ", ")) }
            return function(job)
              return { user = names[job.user + 1], type = "pro", tier = "small", seconds = job.run, start = 0 }
            end
            """
        let source = "-Odd Söurce/2"
        let work = SWFImport(file: file.path, mapName: "m.lua", mapSource: map, source: source, port: ledger)
        #expect(try await work.run().usersCreated == names.count)
        let emails = ledger.snapshot.users.values.map(\.email)
        #expect(Set(emails.map { $0.lowercased() }).count == names.count)
        for email in emails {
            let parts = email.split(separator: "@")
            #expect(parts.count == 2 && parts[0].count <= 64 && parts[1].count <= 80)
            #expect(parts[1] == "x2dx4fddx20x53xc3xb6urcex2f2.import.invalid")
            #expect(email.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        }
        ledger.change { $0.forgetsKeys = true }
        #expect(try await work.run().billedBefore == names.count)
    }

    // MARK: - Mistakes

    @Test(arguments: [
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = 1.5, start = 1 }",
            "returned the float 1.5 as 'seconds'; it must be an integer"
        ),
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = 1, start = 1e9 }",
            "returned the float 1000000000.0 as 'start'; it must be an integer"
        ),
        ("return { user = 1, type = 'pro', tier = 'small', start = 1 }", "returned no 'seconds'"),
        ("return { user = 1, type = 'pro', tier = 'small', seconds = 1 }", "returned no 'start'"),
        ("return { type = 'pro', tier = 'small', seconds = 1, start = 1 }", "returned no 'user'"),
        ("return { user = 1, tier = 'small', seconds = 1, start = 1 }", "returned no 'type'"),
        ("return { user = 1, type = 'pro', seconds = 1, start = 1 }", "returned no 'tier'"),
        (
            "return { user = 1, type = 'vip', tier = 'small', seconds = 1, start = 1 }",
            "returned the type \"vip\"; the types are free, pro, enterprise, admin"
        ),
        (
            "return { user = 1, type = 'pro', tier = 'huge', seconds = 1, start = 1 }",
            "returned the tier \"huge\"; the tiers are small, medium, large, gpu"
        ),
        ("return { user = 1, type = 'pro', tier = 'small', seconds = -1, start = 1 }", "returned -1 seconds"),
        (
            "return { user = '', type = 'pro', tier = 'small', seconds = 1, start = 1 }",
            "returned an empty 'user'"
        ),
        (
            "return { user = {}, type = 'pro', tier = 'small', seconds = 1, start = 1 }",
            "returned a table as 'user'; it must be a text or an integer"
        ),
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = 1, start = 1, sesion = 'x' }",
            "returned a field 'sesion'; user, type, tier, seconds, start and session are known"
        ),
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = 1, start = 1, 'x' }",
            "returned a field of type number"
        ),
        ("return 5", "returned the integer 5 instead of a table"),
        ("return job.nothing + 1", "m.lua:2: attempt to perform arithmetic on a nil value (field 'nothing')"),
        ("error('no such user')", "m.lua:2: no such user"),
        ("while true do end", "m.lua:2: still running after 100000 instructions"),
        ("local s = 'x' while true do s = s .. s end", "out of memory"),
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = 1, start = math.maxinteger }",
            "lies outside the years 1678 to 2261"
        ),
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = math.maxinteger, start = 1 }",
            "lies outside the years 1678 to 2261"
        ),
        (
            "return { user = 1, type = 'pro', tier = 'small', seconds = 1, start = math.mininteger }",
            "lies outside the years 1678 to 2261"
        ),
        (
            "return { user = ('x'):rep(65), type = 'pro', tier = 'small', seconds = 1, start = 1 }",
            "attempt to call a nil value (method 'rep')"
        ),
        (
            "return { user = '0123456789012345678901234567890123456789012345678901234567890123x', type = 'pro', tier = 'small', seconds = 1, start = 1 }",
            "has more than 64 bytes"
        ),
        (
            "return { user = '0123456789012345678901234567890123456789012345678901234567890123', type = 'pro', tier = 'small', seconds = 1, start = 1 }",
            "has more than 64 bytes"
        ),
    ])
    func `what cannot be billed is an error naming the line, before anything is billed`(body: String, message: String)
        async throws
    {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile("\n" + smallLog)
        let work = SWFImport(
            file: file.path, mapName: "m.lua", mapSource: "return function(job)\n\(body)\nend", source: "t",
            port: ledger)
        let error = try #require(await failure(work))
        #expect(error.kind == .map)
        #expect(error.text.contains(", line 3: "), "\(error.text)")
        #expect(error.text.contains(message), "\(error.text)")
        #expect(ledger.snapshot.log == [["RULE", "SHOW", "session_runtime"]])
    }

    @Test(arguments: [
        ("return function(", "m.lua:1:"), ("return 5", "m.lua: the source must end with"),
        ("", "m.lua: the source must end with"),
        ("x = 1", "m.lua:1: 'x' is not declared"),
    ])
    func `a map that does not load says where`(source: String, message: String) async throws {
        let file = TemporaryFile(smallLog)
        let work = SWFImport(
            file: file.path, mapName: "m.lua", mapSource: source, source: "t", port: FakeLedger(source: sessionRule))
        let error = try #require(await failure(work))
        #expect(error.kind == .map)
        #expect(error.text.hasPrefix(message), "\(error.text)")
    }

    @Test func `a map that is not there is named`() {
        let error = #expect(throws: ImportError.self) {
            try SWFImport(file: "x", map: "/nowhere/map.lua", port: FakeLedger(source: ""))
        }
        #expect(error?.text == "/nowhere/map.lua: No such file or directory")
    }

    @Test func `nothing of a log can steer the terminal`() async throws {
        for bad in ["\u{1b}]0;x\u{7}", "\u{1b}[2J", "1\u{9b}2K", "\u{202e}7"] {
            let file = TemporaryFile("; UnixStartTime: 0\n\(bad) 0 -1 1 1 -1 -1 -1 -1 -1 -1 1 1 -1 -1 -1 -1 -1\n")
            let error = await failure(
                try SWFImport(file: file.path, map: nasaMap, source: "t", port: FakeLedger(source: sessionRule)))
            #expect(error?.text.contains("line 2: column 1 (id) is '") == true)
            #expect(error?.text.unicodeScalars.allSatisfy { $0.properties.generalCategory != .control } == true)
            #expect(error?.text.contains("\u{202e}") == false)
        }
        let map =
            #"return function() return { user = "a", type = "\27[2J", tier = "small", seconds = 1, start = 1 } end"#
        let file = TemporaryFile(smallLog)
        let error = await failure(
            SWFImport(
                file: file.path, mapName: "m.lua", mapSource: map, source: "t", port: FakeLedger(source: sessionRule)))
        #expect(error?.text.contains("\u{1b}") == false)
    }

    @Test func `a log of nothing is noted`() async throws {
        for text in ["", "; UnixStartTime: 0\n"] {
            let file = TemporaryFile(text)
            let ledger = FakeLedger(source: sessionRule)
            let report = try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run()
            #expect(report.sessions == 0 && report.notes == ["the log holds no jobs"])
        }
    }

    @Test func `a job that ends in the future is found before a user is created`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.now = 1_000_007_379 }  // job 4 begins at 180 and runs for 7200
        let file = TemporaryFile(log([(1, 4, 3600), (2, 16, 3601), (3, 64, 1), (1, 128, 7200)]))
        let error = await failure(try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger))
        #expect(error?.kind == .map)
        #expect(
            error?.text.hasSuffix("line 5: the session t:4 ends at 2001-09-09T03:49:40Z, in the future") == true,
            "\(error?.text ?? "")")
        #expect(ledger.snapshot.users.isEmpty)
        ledger.change { $0.now += 1 }
        #expect(try await SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger).run().sessions == 4)
    }

    @Test(arguments: [("fl_x", "contains fl_"), ("a_FL_b", "contains fl_"), ("a\nb", "is not printable")])
    func `a source that no session's id can begin with is refused at once`(source: String, reason: String) async throws
    {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog)
        let error = await failure(try SWFImport(file: file.path, map: nasaMap, source: source, port: ledger))
        #expect(error?.text.contains(reason) == true && error?.text.contains("choose another --source") == true)
        #expect(error?.text.contains("fl_x") == false)
        #expect(ledger.snapshot.received == 0)
    }

    @Test func `a log is read once, so a pipe will do`() async throws {
        let pipe = TemporaryFile("")
        unlink(pipe.path)
        try #require(mkfifo(pipe.path, 0o600) == 0)
        let text = Array(smallLog.utf8)
        let writer = Task.detached {
            let file = open(pipe.path, O_WRONLY)  // waits for the reader
            defer { close(file) }
            return write(file, text, text.count)
        }
        // It may remember its calls, and is called once for each job.
        let map = """
            local calls = 0
            return function(job)
              calls = calls + 1
              return { user = "u", type = "pro", tier = "small", seconds = 1, start = 1, session = calls }
            end
            """
        let ledger = FakeLedger(source: sessionRule)
        let report = try await SWFImport(
            file: pipe.path, mapName: "m.lua", mapSource: map, source: "t", port: ledger
        ).run()
        #expect(await writer.value == text.count)
        #expect(report.sessions == 6)
        #expect(Set(ledger.snapshot.sessions.keys) == ["1", "2", "3", "4", "5", "6"])
    }

    @Test func `a session that occurs twice is found among many, also by the name another map gave`() async throws {
        var trace = GeneratedTrace(seed: 5)
        trace.jobs = 3000
        let file = TemporaryFile(trace.text())
        let twice = trace.rows()[70].id
        let map = """
            local calls = 0
            return function(job)
              calls = calls + 1
              return { user = "u" .. job.user, type = "pro", tier = "small", seconds = 1, start = 1,
                       session = calls == 2900 and "t:\(twice)" or nil }
            end
            """
        let ledger = FakeLedger(source: sessionRule)
        let error = await failure(
            SWFImport(file: file.path, mapName: "m.lua", mapSource: map, source: "t", port: ledger))
        #expect(
            error?.text.hasSuffix("line \(2900 + 7): the session t:\(twice) occurs a second time") == true,
            "\(error?.text ?? "")")
        #expect(ledger.snapshot.users.isEmpty)
    }

    @Test func `a session that occurs twice is an error`() async throws {
        let file = TemporaryFile(smallLog + "1 900 -1 5 4 -1 -1 -1 -1 -1 -1 1 1 -1 -1 -1 -1 -1\n")
        let error = await failure(
            try SWFImport(file: file.path, map: nasaMap, source: "t", port: FakeLedger(source: sessionRule)))
        #expect(error?.text.hasSuffix("line 8: the session t:1 occurs a second time") == true, "\(error?.text ?? "")")
    }

    @Test func `a user with two types is an error`() async throws {
        let file = TemporaryFile(smallLog + "9 900 -1 5 4 -1 -1 -1 -1 -1 -1 1 2 -1 -1 -1 -1 -1\n")
        let error = await failure(
            try SWFImport(file: file.path, map: nasaMap, source: "t", port: FakeLedger(source: sessionRule)))
        #expect(
            error?.text.hasSuffix("line 8: user nasa-1 is admin here and pro in line 2") == true, "\(error?.text ?? "")"
        )
    }

    @Test func `of several mistakes the first of the file is told`() async throws {
        let file = TemporaryFile(smallLog + "9 900 -1\n")
        let map = "return function(job) assert(job.id ~= 4, 'not this one') return nil end"
        let error = await failure(
            SWFImport(
                file: file.path, mapName: "m.lua", mapSource: map, source: "t", port: FakeLedger(source: sessionRule)))
        #expect(error?.text.hasSuffix("line 5: m.lua:1: not this one") == true, "\(error?.text ?? "")")
    }

    @Test func `a damaged file stops the import before anything is billed`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        let file = TemporaryFile(smallLog + "9 900 -1\n")
        let error = await failure(try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger))
        #expect(error?.kind == .file)
        #expect(ledger.snapshot.sessions.isEmpty)
        #expect(ledger.snapshot.users.isEmpty)
    }

    @Test func `what the ledger refuses is told with the line`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.answersRecord = .error(RESPError(code: "ERR", message: "TO is later than now")) }
        let file = TemporaryFile(smallLog)
        let error = await failure(try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger))
        #expect(error?.kind == .ledger)
        #expect(error?.text == "line 2: session t:1: ERR TO is later than now")
    }

    @Test func `a session billed before with other arguments is told`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.sessions["t:2"] = .init(words: [], amount: 5, user: "nasa-2") }
        let file = TemporaryFile(smallLog)
        let error = await failure(try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger))
        #expect(
            error?.text
                == "line 3: session t:2: EXISTS this session exists already (it was billed before with other arguments)"
        )
    }

    @Test func `a receipt without an amount is an error, not a free session`() async throws {
        let ledger = FakeLedger(source: sessionRule)
        ledger.change { $0.answersRecord = .map([]) }
        let file = TemporaryFile(smallLog)
        let error = await failure(try SWFImport(file: file.path, map: nasaMap, source: "t", port: ledger))
        #expect(error?.text == "line 2: session t:1: the receipt has no amount")
    }

    @Test func `without an active rule nothing begins`() async throws {
        let file = TemporaryFile(smallLog)
        let error = await failure(
            try SWFImport(file: file.path, map: nasaMap, source: "t", port: FakeLedger(source: "")))
        #expect(error?.text == "RULE SHOW session_runtime: NOTFOUND no such rule version")
    }
}
