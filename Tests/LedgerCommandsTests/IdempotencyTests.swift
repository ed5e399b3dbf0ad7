import LedgerCore
import Testing

@testable import LedgerCommands

struct IdempotencyTests {
    private func key(_ line: String, as other: ParseContext = context) throws -> IdempotencyKey {
        guard let key = try parse(line, as: other).key else { throw CommandError.invalid("no key: \(line)") }
        return key
    }

    @Test func `the same request has the same identity, however it is written`() throws {
        let first = try key("CREDIT CHARGE u 25 api OVER DESCRIPTION x KEY k")
        for line in [
            "credit charge u 25.00 api KEY k over description x",
            "CREDIT CHARGE u 25.000000000 api DESCRIPTION x KEY k OVER",
        ] {
            #expect(try key(line) == first, "\(line)")
        }
    }

    @Test(arguments: [
        ("USER CREATE a@b.example KEY k", "TYPE Free"), ("PASSPORT CREATE u n read KEY k", "SCOPE own"),
        ("PASSPORT CREATE u n read KEY k", "KEYS optional"),
        ("PASSPORT ROTATE \(PassportID(value: 7).text) KEY k", "OVERLAP 0m"),
        ("CREDIT GRANT u 1 REASON r KEY k", "KIND promo"), ("HOLD PLACE u 1 KEY k", "TTL 1d"),
        ("HOLD PLACE u 1 KEY k", "SOURCE hold"), ("SESSION START s u small KEY k", "TTL 24h"),
        ("SESSION START s u small KEY k", "RESERVE LEASE"), ("SESSION ADMIT \(secret) s small KEY k", "TTL 1440m"),
        ("SESSION ADMIT \(secret) s small KEY k", "RESERVE lease"),
        ("PASSPORT CREATE u n read KEY k", "CAP_DAY None"), ("PASSPORT CREATE u n read KEY k", "CAP_MONTH none"),
        ("SPACE ADD s COST 1 SIZE 2 KEY k", "PUBLIC yes"), ("SPACE ADD s COST 1 SIZE 2 KEY k", "CATEGORY general"),
        ("SPACE ADD s COST 1 SIZE 2 KEY k", "SHARE 0.00"),
        ("METER ADD m UNIT u KEY k", "SCALE 0"), ("ALLOWANCE SET u 1 EVERY day KEY k", "ROLLOVER 0.00"),
    ])
    func `an option that is given its default says nothing`(line: String, option: String) throws {
        let (without, with) = (try parse(line), try parse(line + " " + option))
        #expect(with.key == without.key)
        #expect("\(with.ask)" == "\(without.ask)", "the table and the parser disagree about a default")
        #expect(
            CommandTable.spec(with.id).options.contains {
                $0.token! == option.prefix { $0 != " " } && $0.standard != nil
            })
    }

    @Test func `a meter's name is compared as it is, a rule of the ledger's own in whatever case`() throws {
        let first = try key("RULE ROLLBACK meter:calls KEY k")
        #expect(try key("rule rollback METER:calls key k") == first)
        #expect(try key("RULE ROLLBACK meter:Calls KEY k").arguments != first.arguments)
        #expect(try key("RULE ROLLBACK storage KEY k") == key("RULE ROLLBACK Storage KEY k"))
        #expect(
            try key("RULE ROLLBACK storage KEY k").arguments != key("RULE ROLLBACK meter:storage KEY k").arguments)
    }

    @Test func `a type is named in whatever case, a user as it is`() throws {
        let first = try key("ALLOWANCE SET type:free 5 EVERY month KEY k")
        #expect(try key("allowance set TYPE:Free 5.00 every MONTH key k") == first)
        #expect(try key("ALLOWANCE SET free 5 EVERY month KEY k").arguments != first.arguments)
        #expect(
            try key("ALLOWANCE SET Ann 5 EVERY month KEY k").arguments
                != key("ALLOWANCE SET ann 5 EVERY month KEY k").arguments)
    }

    @Test func `every option that has a default is tried above`() {
        let withDefault = CommandTable.specs.flatMap { spec in
            spec.options.filter { $0.standard != nil && spec.takesKey }.map { "\(spec.name) \($0.token!)" }
        }
        #expect(withDefault.count == 18, "\(withDefault)")
    }

    @Test(arguments: [
        "CREDIT CHARGE v 25 api OVER DESCRIPTION x KEY k", "CREDIT CHARGE u 25.000000001 api OVER DESCRIPTION x KEY k",
        "CREDIT CHARGE u 25 apj OVER DESCRIPTION x KEY k", "CREDIT CHARGE u 25 API OVER DESCRIPTION x KEY k",
        "CREDIT CHARGE u 25 api DESCRIPTION x KEY k", "CREDIT CHARGE u 25 api OVER DESCRIPTION y KEY k",
        "CREDIT CHARGE u 25 api OVER KEY k", "CREDIT CHARGE u 25 api OVER DESCRIPTION x LABELS a=1 KEY k",
    ])
    func `other arguments are other arguments under the same key`(line: String) throws {
        let first = try key("CREDIT CHARGE u 25 api OVER DESCRIPTION x KEY k")
        let other = try key(line)
        #expect(other.scope == first.scope && other.arguments != first.arguments)
    }

    @Test func `a key belongs to its passport and its command`() throws {
        let first = try key("CREDIT CHARGE u 25 api KEY k")
        var stranger = context
        stranger.actor = PassportOrdinal(4)
        #expect(try key("CREDIT CHARGE u 25 api KEY k", as: stranger).scope != first.scope)
        #expect(try key("CREDIT CHARGE u 25 api KEY k", as: stranger).arguments == first.arguments)
        #expect(try key("CREDIT CHARGE u 25 api KEY K").scope != first.scope)
        #expect(try key("HOLD PLACE u 25 KEY k").scope != first.scope)
        #expect(try key("SESSION STOP s KEY k").scope != key("SESSION HEARTBEAT s KEY k").scope)
    }

    @Test func `neighbouring fields do not run into each other`() throws {
        #expect(
            try key("SPACE PURCHASE u s ab c KEY k").arguments != key("SPACE PURCHASE u s a bc KEY k").arguments)
        #expect(
            try key("CREDIT GRANT u 1 REASON REF KEY k").arguments
                != key("CREDIT GRANT u 1 REASON R EXPIRES 2027-01-01 KEY k").arguments)
    }

    @Test func `words of closed lists, times, durations, sizes and lists of permissions are compared by meaning`()
        throws
    {
        for (a, b) in [
            ("SESSION START s u small TTL 60m KEY k", "SESSION START s u SMALL TTL 1h KEY k"),
            ("CREDIT CHARGE u 1 api LABELS a=1,b=2 KEY k", "CREDIT CHARGE u 1 api LABELS b=2,a=1 KEY k"),
            ("STORAGE CREATE u r bucket 1 KEY k", "STORAGE CREATE u r BUCKET 1.000 KEY k"),
            ("PASSPORT CREATE u n read,write KEY k", "PASSPORT CREATE u n WRITE,read KEY k"),
            ("RULE ACTIVATE storage 2 AT 2026-01-01 KEY k", "RULE ACTIVATE Storage 2 AT 1767225600 KEY k"),
            (
                "SESSION RECORD s u gpu FROM 1700000000 TO 1700000060 KEY k",
                "SESSION RECORD s u gpu TO 1700000060.0 FROM 2023-11-14T22:13:20Z KEY k"
            ),
        ] {
            #expect(try key(a) == key(b), "\(a)")
        }
        #expect(try key("SESSION START s u small TTL 60m KEY k") != key("SESSION START s u small TTL 61m KEY k"))
        #expect(
            try key("CREDIT CHARGE u 1 api LABELS a=1,b=2 KEY k") != key("CREDIT CHARGE u 1 api LABELS a=2,b=1 KEY k"))
    }

    @Test func `what a limit is set to is compared by meaning`() throws {
        for (a, b) in [
            ("sessions 3", "sessions 03"), ("tiers small,medium", "tiers MEDIUM,small"),
            ("storage_gb 1", "storage_gb 1.000"),
            ("purchase_min 5", "purchase_min 5.00"), ("exhaustion_grace 60s", "exhaustion_grace 1m"),
            ("exhaustion_debt 2.50", "exhaustion_debt 2.5"), ("cap_day 2.50", "cap_day 2.5"),
            ("requests_per_hour none", "requests_per_hour NONE"),
        ] {
            #expect(try key("LIMIT SET pro \(a) KEY k") == key("limit set PRO \(b) KEY k"), "\(a)")
        }
        #expect(try key("LIMIT SET pro exhaustion_grace 60s KEY k") != key("LIMIT SET pro exhaustion_grace 61s KEY k"))
        #expect(try key("LIMIT SET pro sessions 3 KEY k") != key("LIMIT SET pro requests_per_hour 3 KEY k"))
    }

    @Test func `a user created without an id has the same identity each time`() throws {
        var other = context
        other.random = { 43 }
        #expect(try key("USER CREATE a@b.cc KEY k") == key("USER CREATE a@b.cc KEY k", as: other))
        #expect(try key("USER CREATE a@b.cc KEY k") != key("USER CREATE a@b.cc ID u KEY k"))
        #expect(try key("USER CREATE a@b.cc KEY k") != key("USER CREATE a@b.cc PERSON p KEY k"))
        #expect(try key("USER CREATE a@b.cc PERSON q KEY k") != key("USER CREATE a@b.cc PERSON p KEY k"))
    }

    @Test func `a recorded session knows its arguments without a key, and a key does not change them`() throws {
        func arguments(_ line: String) throws -> Hash128 {
            guard case .sessionRecord(let it) = try mutation(line) else { throw CommandError.invalid(line) }
            return it.arguments
        }
        let first = try arguments("SESSION RECORD s u gpu FROM 1970-01-01 TO 1970-01-01T00:01:00Z")
        #expect(
            try arguments("SESSION RECORD s u gpu TO 1970-01-01T00:01:00Z FROM 1970-01-01T00:00:00Z KEY k") == first)
        #expect(try arguments("SESSION RECORD s u gpu FROM 1970-01-01 TO 1970-01-01T00:01:01Z") != first)
        #expect(try arguments("SESSION RECORD s u large FROM 1970-01-01 TO 1970-01-01T00:01:00Z") != first)
        #expect(try arguments("SESSION RECORD s u gpu FROM 1970-01-01 TO 1970-01-01T00:01:00Z LABELS a=1") != first)
        // These hashes are journaled, and never made anew: a change here answers EXISTS to repeated imports.
        #expect(first == Hash128(high: 13_544_349_036_739_756_909, low: 3_205_684_948_706_103_652))
    }

    @Test func `keys have 1 to 255 bytes of any kind`() throws {
        let prefix = words("CREDIT CHARGE u 1 api KEY")
        for key in [[0x00], [0xff, 0x0a], [UInt8](repeating: 0x6b, count: 255)] as [[UInt8]] {
            #expect(try parse(prefix + [key]).key != nil)
        }
    }

    @Test func `every command that takes a key has one, and every other refuses it`() {
        for spec in RefusalTests.plain where !RefusalTests.needsAnOption.contains(spec.id) {
            let line = RefusalTests.line(spec) + words("KEY k")
            if spec.takesKey {
                #expect((try? parse(line))?.key != nil, "\(spec.name)")
            } else {
                #expect(failure(line) != nil, "\(spec.name)")
            }
        }
    }
}
