import LedgerClient
import LedgerCore
import LedgerEngine
import LedgerCommands
import RESP
import Testing

@testable import LedgerServer

/// Every read of the command table behind every write, in one packet: the read must answer what it answers afterwards,
/// alone. Which read sees nothing of the ledger is said here, command by command.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ReadYourWritesTests {
    enum Use {
        /// The write, and what has to be there before it. `#` is a number that never comes twice; `$hold` and the like
        /// are what the preparation made last.
        case write(String, after: [String] = [])
        case read(String)
        /// Answers nothing that a write changes.
        case neither
    }

    // A switch, so that a new command does not compile until somebody has said what it is.
    static func use(_ id: CommandID) -> Use {
        let start = "SESSION START s# u_a small"
        let storage = "STORAGE CREATE u_a r# bucket 1"
        let charge = "CREDIT CHARGE u_a 0.01 api"
        let hold = "HOLD PLACE u_a 1"
        let passport = "PASSPORT CREATE u_a key# read,write,admin SCOPE all"
        switch id {
        case .ping, .echo, .quit, .reset, .select, .time: return .neither
        case .clientSetName, .clientGetName, .clientSetInfo, .clientID, .clientInfo, .clientList: return .neither
        case .configGet, .command, .commandCount, .commandInfo, .commandDocs, .commandList, .help: return .neither
        case .auth: return .read("AUTH $secret")
        case .hello: return .read("HELLO 3 AUTH default $secret")
        case .userCreate: return .write("USER CREATE u#@b.example ID u# TYPE pro")
        case .userGet: return .read("USER GET u_a")
        case .userSet: return .write("USER SET u_a EMAIL set#@b.example")
        case .userDelete:
            return .write("USER DELETE u_gone# FORFEIT", after: ["USER CREATE gone#@b.example ID u_gone#"])
        case .userList: return .read("USER LIST COUNT 5")
        case .userFind: return .read("USER FIND u_")
        case .userSummary: return .read("USER SUMMARY u_a")
        case .passportCreate: return .write(passport)
        case .passportVerify: return .read("PASSPORT VERIFY $secret")
        case .passportList: return .read("PASSPORT LIST u_a COUNT 5")
        case .passportSet: return .write("PASSPORT SET $passport CAP_DAY 1#", after: [passport])
        case .passportRevoke: return .write("PASSPORT REVOKE $passport", after: [passport])
        case .passportRotate: return .write("PASSPORT ROTATE $passport", after: [passport])
        case .creditPurchase: return .write("CREDIT PURCHASE u_a 10 card")
        case .creditGrant: return .write("CREDIT GRANT u_a 1 REASON r")
        case .creditCharge: return .write(charge)
        case .creditAdjust: return .write("CREDIT ADJUST u_a -1 REASON r")
        case .creditTransfer: return .write("CREDIT TRANSFER u_a u_b 1 REASON r")
        case .creditRefund: return .write("CREDIT REFUND $charge REASON r", after: [charge])
        case .creditBalance: return .read("CREDIT BALANCE u_a")
        case .creditLots: return .read("CREDIT LOTS u_a COUNT 5")
        case .creditHistory: return .read("CREDIT HISTORY u_a COUNT 5")
        case .allowanceSet: return .write("ALLOWANCE SET u_a 0.0# EVERY month")
        case .allowanceRemove:
            return .write("ALLOWANCE REMOVE u_a", after: ["ALLOWANCE SET u_a 1 EVERY day ROLLOVER 0.0#"])
        case .allowanceList: return .read("ALLOWANCE LIST u_a")
        case .holdPlace: return .write(hold)
        case .holdCapture: return .write("HOLD CAPTURE $hold 0.5", after: [hold])
        case .holdVoid: return .write("HOLD VOID $hold", after: [hold])
        case .holdGet: return .read("HOLD GET $hold")
        case .holdList: return .read("HOLD LIST u_a COUNT 5")
        case .sessionQuote: return .read("SESSION QUOTE u_a small 1")
        case .sessionAdmit: return .write("SESSION ADMIT $secret s# small", after: [passport])
        case .sessionStart: return .write(start)
        case .sessionHeartbeat: return .write("SESSION HEARTBEAT s#", after: [start])
        case .sessionRetier: return .write("SESSION RETIER s# medium", after: [start])
        case .sessionStop: return .write("SESSION STOP s#", after: [start])
        case .sessionGet: return .read("SESSION GET s#")
        case .sessionCancel: return .write("SESSION CANCEL s# REASON r", after: [start])
        case .sessionRecord:
            return .write("SESSION RECORD s# u_a small FROM 2026-11-23T08:00:00Z TO 2026-11-23T09:00:00Z")
        case .sessionList: return .read("SESSION LIST USER u_a COUNT 5")
        case .storageCreate: return .write(storage)
        case .storageResize: return .write("STORAGE RESIZE r# 2", after: [storage])
        case .storageDelete: return .write("STORAGE DELETE r#", after: [storage])
        case .storageList: return .read("STORAGE LIST u_a COUNT 5")
        case .spaceAdd: return .write("SPACE ADD space# COST 1 SIZE 1")
        case .spaceGrant: return .write("SPACE GRANT lab# u_a", after: [lab])
        case .spaceRevoke: return .write("SPACE REVOKE lab# u_a", after: [lab, "SPACE GRANT lab# u_a"])
        case .spaceList: return .read("SPACE LIST COUNT 3 FOR u_a")
        case .spaceOwned: return .read("SPACE OWNED u_a COUNT 5")
        case .spacePurchase: return .write("SPACE PURCHASE u_a web-dev w# i#")
        case .meterAdd: return .write("METER ADD meter# UNIT u")
        case .meterList: return .read("METER LIST")
        case .usageRecord: return .write("USAGE RECORD use# u_a calls 3")
        case .usageQuote: return .read("USAGE QUOTE u_a calls 5")
        case .priceInfo: return .read("PRICE INFO")
        case .explain: return .read("EXPLAIN $charge")
        case .ruleLoad: return .write("RULE LOAD purchase_bonus \"return function() return # end\"")
        case .ruleList: return .read("RULE LIST")
        case .ruleShow: return .read("RULE SHOW session_runtime")
        case .ruleCheck: return .read("RULE CHECK session_runtime $version")
        case .ruleActivate:
            return .write("RULE ACTIVATE session_runtime $version", after: [prices])
        case .ruleRollback:
            return .write(
                "RULE ROLLBACK session_runtime", after: [prices, "RULE ACTIVATE session_runtime $version"])
        // What a shadow has seen is another matter each time.
        case .ruleShadow, .ruleDiff: return .neither
        case .ruleStep: return .read("RULE STEP $priced")
        case .ruleBacktest:
            return .read("RULE BACKTEST session_runtime $version FROM 2020-01-01 TO 2030-01-01")
        case .limitList: return .read("LIMIT LIST")
        case .limitSet: return .write("LIMIT SET enterprise requests_per_hour 10000#")
        case .runway: return .read("RUNWAY u_a")
        // Number and time are those of now, as the next event has them.
        case .dryRun: return .neither
        case .at: return .read("AT lsn:30 CREDIT HISTORY u_a COUNT 5")
        case .diff: return .read("DIFF u_a lsn:1 lsn:30")
        case .monitor, .tailFrom, .tailStop: return .neither
        case .info: return .read("INFO books")
        case .dbsize: return .read("DBSIZE")
        // Which commands kept the writer long is another matter each time; a snapshot and the end have no answer to
        // compare.
        case .slowlogGet, .slowlogLen, .slowlogReset, .snapshot, .shutdown: return .neither
        case .wait: return .read("WAIT 0")
        case .clockAccept: return .write("CLOCK ACCEPT")
        case .clock, .clockSet, .latencyLatest, .latencyRecent, .latencyHistogram: return .neither
        case .eval: return .write("EVAL \"return ledger.charge('u_a', '0.0#', 'api').available\" 0")
        case .evalSHA, .scriptLoad, .scriptExists, .scriptFlush, .scriptKill: return .neither
        case .multi, .exec, .discard, .watch, .unwatch: return .neither
        case .forkNew, .forkRun, .forkAdvance, .forkDiff, .forkList, .forkDrop: return .neither
        }
    }

    /// Another price each time.
    private static let prices =
        "RULE LOAD session_runtime \"return function(t, tier) return 10# + 1000000, 2000000 + # end\""

    private static let lab = "SPACE ADD lab# COST 1 SIZE 1 PUBLIC no"

    /// A ledger with something of everything, and what was made in it last.
    struct Ground {
        let client: RemoteLedger
        var names = ["passport": "", "secret": "", "hold": "", "charge": "", "version": "1"]
        var number = 1000

        init(_ client: RemoteLedger) async throws {
            self.client = client
            for line in [
                "USER CREATE a@b.example ID u_a TYPE enterprise", "USER CREATE b@b.example ID u_b",
                "CREDIT PURCHASE u_a 10000 card",
                "CREDIT PURCHASE u_a 10000 card", "HOLD PLACE u_a 1", "CREDIT CHARGE u_a 1 api",
                "PASSPORT CREATE u_a first read,write,admin SCOPE all", "METER ADD calls UNIT calls",
                "RULE LOAD meter:calls \"return function(t, quantity, before) return quantity * 1000 + before end\"",
                "RULE ACTIVATE meter:calls 1",
                "SESSION RECORD s0 u_a small FROM 2026-11-23T08:00:00Z TO 2026-11-23T09:00:00Z",
            ] { try await prepare(line) }
            names["priced"] = names["charge"]
        }

        func fill(_ line: String, without kept: [String] = []) -> [[UInt8]] {
            var line = line.replacing("#", with: "\(number)")
            for (name, value) in names where !kept.contains(name) { line = line.replacing("$\(name)", with: value) }
            return words(line)
        }

        mutating func prepare(_ line: String) async throws {
            let answer = try await client.call(fill(line))
            #expect(answer.error == nil, "\(line): \(answer)")
            for name in ["passport", "secret", "version"] {
                if let value = answer[name]?.string { names[name] = value }
            }
            guard let id = answer["id"]?.string else { return }
            if id.hasPrefix("h_") { names["hold"] = id }
            if id.hasPrefix("c_") { names["charge"] = id }
        }
    }

    @Test func `a read of any kind behind a write of any kind answers what it answers afterwards`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let (one, other) = (try await serving.connect(), try await serving.connect())
            var ground = try await Ground(one)
            var (writes, reads, changed) = (0, 0, 0)
            for write in CommandTable.specs {
                guard case .write(let writeLine, let before) = Self.use(write.id) else {
                    // CLOCK SET is for a ledger of its own.
                    #expect(
                        !write.lane.isWrite || write.id == .clockSet || write.lane == .program,
                        "\(write.name) is a write, and no line of it is given")
                    continue
                }
                writes += 1
                reads = 0
                for read in CommandTable.specs {
                    guard case .read(let readLine) = Self.use(read.id) else { continue }
                    reads += 1
                    ground.number += 1
                    for line in before { try await ground.prepare(line) }
                    let (writing, reading) = (ground.fill(writeLine), ground.fill(readLine))
                    let old = try await other.call(reading)
                    let answers = try await one.send([writing, reading, words("AUTH \(serving.passport)")])
                    #expect(answers[0].error == nil, "\(writeLine): \(answers[0])")
                    let alone = try await other.call(reading)
                    #expect(
                        Self.comparable(answers[1], read.id) == Self.comparable(alone, read.id),
                        "\(read.name) behind \(write.name)")
                    if Self.comparable(old, read.id) != Self.comparable(alone, read.id) { changed += 1 }
                    _ = try await other.call("AUTH", serving.passport)
                }
            }
            #expect(writes > 25 && reads > 20)
            // What compares equal because nothing ever changed would show nothing.
            #expect(changed > writes * 3, "only \(changed) of \(writes * reads) reads saw a difference")
            await one.close()
            await other.close()
        }
    }

    /// Without what tells the connection or the instant.
    static func comparable(_ value: RESPValue, _ id: CommandID) -> RESPValue {
        if id == .hello { return value.error.map { .error($0) } ?? .simple("HELLO") }
        switch value {
        case .map(let pairs):
            let kept = pairs.filter { !["time", "seconds"].contains($0.key.string) }
            return .map(kept.map { RESPPair($0.key, comparable($0.value, id)) })
        case .array(let items): return .array(items.map { comparable($0, id) })
        default: return value
        }
    }

    @Test func `a limit on requests holds for what comes behind it`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            let made = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("PASSPORT CREATE u_a key read"),
            ])
            let secret = try #require(made[1]["secret"]?.string)
            for limit in [0, 1000, 0] {
                let answers = try await client.send([
                    words("LIMIT SET pro requests_per_hour \(limit)"), words("PASSPORT VERIFY \(secret)"),
                ])
                #expect(answers[0].error == nil && answers[1].error?.code == (limit == 0 ? "LIMIT" : nil))
            }
            await client.close()
        }
    }

    @Test func `what a WAIT waited for is seen by what comes behind it`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let (client, other) = (try await serving.connect(), try await serving.connect())
            _ = try await client.send([
                words("USER CREATE a@b.example ID u_a TYPE pro"), words("CREDIT PURCHASE u_a 100 card"),
            ])
            for number in 1...20 {
                let next = serving.engine.durableLSN.next.value
                async let waited = client.send([words("WAIT \(next)"), words("CREDIT BALANCE u_a")])
                _ = try await other.call("CREDIT", "CHARGE", "u_a", "1", "api")
                #expect(try await waited[1]["available"]?.string == "\(100 - number).00")
            }
            await client.close()
            await other.close()
        }
    }
}
