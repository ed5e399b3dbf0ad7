import LedgerCore
import Testing

@testable import LedgerCommands

/// Every command, malformed in every field: what it says, and that it says no secret.
struct RefusalTests {
    /// What each kind of field must refuse.
    static func bad(_ kind: FieldKind) -> [String] {
        let long = String(repeating: "x", count: 65)
        return switch kind {
        case .user, .session, .resource, .instance, .reference, .label:
            ["", long, "a\nb", "a\u{0}b", "\u{1b}[2J", "a\u{202e}b", "a\u{85}b"]
        case .space, .word, .category: ["", long, "a b", "ä", "a/b", "a,b", "a\nb"]
        case .wordList:
            [
                "", long, ",", "api,", ",api", "api,,gpu", "*", "api,*", "a b", "ä", "a;b",
                String(repeating: "x,", count: 33) + "x",
            ]
        case .labels:
            [
                "", "k", "k=", "=v", "k=v,", "k=v,k=w", "k=v=w", "a b=c", "k=ä", "k=a@b.example", "\(long)=v",
                "k=\(long)",
                "k=fl_0Ab3dE6gH9", (1...9).map { "k\($0)=v" }.joined(separator: ","),
            ]
        case .labelFilter: ["", "k=", "=v", "k=v,j=w", "a b", long, "k=\(long)"]
        case .grouping:
            ["", "label", "label:", "team", "label team", "tag:team", "label:a b", "label:k=v", "label:\(long)"]
        case .key, .person: ["", String(repeating: "k", count: 256)]
        case .email:
            [
                "", "ada", "@example.com", "ada@", "ada@example", "ada@.com", "ada@example.", "a@b@example.com",
                "a b@example.com",
                "ada@-x.com", "ada@example。", "ada@ü", "ada@x。.com", "a\n@example.com",
                String(repeating: "a", count: 65) + "@example.com",
                "a@" + String(repeating: "b", count: 250) + ".com",
            ]
        case .personName: [String(repeating: "x", count: 1025)]
        case .text: ["", String(repeating: "x", count: 1025)]
        case .amount:
            [
                "", "0", "0.00", "-1", "+1", "1e3", ".5", "1.", " 1", "1 ", "NaN", "inf", "0x1", "1,5", "1.0000000001",
                "1_000",
                "9223372036.854775808", "99999999999999999999", "١", "1.2.3",
            ]
        case .signedAmount:
            ["", "0", "-0", "+1", "1e3", ".5", "--1", "-", "NaN", "1.0000000001", "-9223372036.854775809"]
        case .cents: ["", "0", "-10", "10.001", "0.005", "1e3", "+10", "ten"]
        case .cap: ["", "-1", "1e3", ".5", "+1", "1.0000000001", "nothing", "unlimited"]
        case .limitSubject: ["", "nothing", "1", "free ", "user:", "users:ada", "user:" + long, "user:a\u{0}b"]
        case .userOrType: ["", long, "a\nb", "a\u{0}b", "type:nothing", "type:free ", "TYPE:1"]
        case .price: ["", "-1", "1e3", ".5", "+1", "1.0000000001"]
        case .quantity: ["", "-1", "1e3", ".5", "+1", "1.0000000001", "9223372036.854775808"]
        case .scale: ["", "-1", "10", "1.5", "x"]
        case .percent: ["", "-1", "100.01", "101", "0.001", "1e1", "30%", "+1", ".5"]
        case .gigabytes: ["", "0", "-1", "0.0001", "1e3", "10GB", "+1"]
        case .gigabytesWhole: ["", "0", "-1", "1.5", "1e3", "1000000001", "18446744073709551616"]
        case .hours: ["", "-1", "-0.5", "1e3", "1h", "1000000.1", "NaN", "+1"]
        case .count: ["", "0", "-1", "10001", "1.5", "ten", "18446744073709551616"]
        case .tailStart: ["", "0", "-1", "x", "1.5", "$$", "latest", "18446744073709551616"]
        case .cursor, .lsn: ["", "-1", "x", "1.5", "18446744073709551616"]
        case .versionOrOff: ["", "0", "-1", "4294967296", "1.5", "x", "offf"]
        case .rate, .version: ["", "0", "-1", "4294967296", "1.5", "x"]
        case .time:
            [
                "", "now", "2026-13-01", "2026-02-30", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", "26-1-1", "1e9",
                "1_000",
                "2026-01-01T00:00:00.0000000001Z", "99999999999", "0", "5", "2026", "20261123", "315532799",
                "7258118400",
                "1795426200000", "-1", "99999999999999999999999", "2262-01-01", "9998-12-31", "9999-12-30",
                "9999-12-32",
                "9999-12-31T25:00:00Z", "9999-12-31T00:00:00", "1500-01-01", "0000-01-01",
            ]
        case .moment:
            ["", "now", "2026-13-01", "lsn", "lsn:", "lsn:0", "lsn:-1", "lsn:x", "lsn: 1", "LSN:1.5", "5", "event:1"]
        case .lifetime: ["", "0s", "0.5s", "31d", "90", "-1h", "1w", "h", "1e3s", "10 m", "999ms"]
        case .heartbeat: ["", "0s", "0.5s", "31d", "90", "-1h"]
        case .overlap: ["", "-1s", "31d", "1"]
        case .timeout: ["", "-1", "x", "31d", "-1s", "1.5"]
        case .secret:
            [
                "", "x", "fl_", "fl_0Ab3dE6gH9", "fl_0Ab3dE6gH9-xxxx", "xx_0Ab3dE6gH9_xxxx",
                String(repeating: "x", count: 65),
            ]
        case .passport: ["", "0Ab3dE6gH", "0Ab3dE6gH9x", "0Ab3dE6g-9"]
        case .hold: ["", "h_", "c_4q", "4q", "h_0", "h_4-q", "h_zzzzzzzzzzzzzz", "H_4q"]
        case .chargeOrSession: ["", long, "a\nb"]
        case .entry: ["", "c_", "h_4q", "4q", "e_0"]
        case .permissions: ["", "all", "read,", "read;write", "read,,write", "root", " read"]
        case .permission: ["", "all", "read,write"]
        case .source: ["", String(repeating: "x", count: 65_537)]
        case .limitValue: ["", "x", "-1", "1.5"]
        case .userType, .userState, .tier, .storageKind, .grantKind, .period, .scope, .keyPolicy, .status, .reserve,
            .yesNo, .limitName, .priceGrouping:
            ["", "nothing", "1", "small ", "deleted", long]
        case .ruleName: ["", "nothing", "1", "storage ", long, "meter:", "meter:a b", "meter:" + long, "meter"]
        case .bytes, .words, .flag: []
        }
    }

    /// A good value of each kind.
    static func good(_ kind: FieldKind) -> String {
        switch kind {
        case .user, .userOrType, .session, .resource, .instance, .reference, .label, .space, .word, .wordList,
            .category,
            .key, .person, .personName, .text:
            "good"
        case .email: "ada@example.com"
        case .labels, .labelFilter: "team=ml"
        case .grouping: "label:team"
        case .amount, .signedAmount, .cents, .price, .cap, .percent, .quantity, .scale, .gigabytes, .gigabytesWhole,
            .hours, .count, .cursor, .rate, .version, .lsn,
            .tailStart:
            "1"
        case .time, .moment: "2026-01-01"
        case .lifetime, .heartbeat, .overlap, .timeout: "1h"
        case .secret: secret
        case .passport: "0Ab3dE6gH9"
        case .hold: "h_4q"
        case .chargeOrSession: "c_4q"
        case .entry: "e_4q"
        case .userType, .limitSubject: "pro"
        case .userState: "banned"
        case .tier: "small"
        case .storageKind: "bucket"
        case .grantKind: "promo"
        case .period: "month"
        case .permissions, .permission: "read"
        case .scope: "all"
        case .keyPolicy: "required"
        case .status: "active"
        case .reserve: "full"
        case .yesNo: "yes"
        case .ruleName: "session_runtime"
        case .priceGrouping: "user"
        case .versionOrOff: "2"
        case .limitName: "sessions"
        case .limitValue: "1"
        case .source: "return 1"
        case .bytes, .words, .flag: "good"
        }
    }

    /// The words of a command with every field that must be there, and one more where it is named.
    static func line(_ spec: CommandSpec, with field: Int? = nil, as value: String = "") -> [[UInt8]] {
        var line = spec.words
        for (index, it) in spec.fields.enumerated()
        where it.isRequired || index == field || !it.isOption && index < field ?? 0 {
            if let token = it.token { line.append(token) }
            if !it.isFlag { line.append(index == field ? value : good(it.kind)) }
        }
        return line.map { Array($0.utf8) }
    }

    /// At least one of their options must be given, whichever.
    static let needsAnOption: [CommandID] = [.userSet, .passportSet]
    static let plain = CommandTable.specs.filter { spec in !spec.fields.contains { $0.kind == .words } }

    @Test func `every field of every command refuses what it must and says its name`() {
        for spec in Self.plain where !Self.needsAnOption.contains(spec.id) {
            #expect(failure(Self.line(spec)) == nil, "\(spec.name) with good fields")
            for (index, field) in spec.fields.enumerated() {
                for value in Self.bad(field.kind) {
                    let text = failure(Self.line(spec, with: index, as: value))
                    let shown = "\(spec.name) \(field.name) '\(value.prefix(40))': \(text ?? "was taken")"
                    if field.kind == .secret {
                        #expect(text == "NOPERM this passport is not valid", "\(shown)")
                    } else {
                        #expect(text?.hasPrefix("ERR \(field.token ?? field.name) ") == true, "\(shown)")
                    }
                    #expect(text.map { $0.utf8.count < 300 && $0.utf8.allSatisfy { $0 >= 0x20 } } == true, "\(shown)")
                }
            }
        }
    }

    @Test func `every kind of field is in the table and refuses something`() {
        let used = Set(CommandTable.specs.flatMap { $0.fields.map(\.kind) })
        for kind in FieldKind.allCases {
            #expect(used.contains(kind), "\(kind)")
            if ![.bytes, .words, .flag].contains(kind) { #expect(!Self.bad(kind).isEmpty) }
        }
    }

    @Test func `too few words, too many, an option that is none, twice, or without its value`() {
        for spec in Self.plain where !Self.needsAnOption.contains(spec.id) {
            let line = Self.line(spec)
            let optional = spec.positional.filter { !$0.isRequired }.map { Array(Self.good($0.kind).utf8) }
            if spec.positional.contains(where: \.isRequired) {
                let short = Array(line.prefix(spec.words.count + spec.positional.filter(\.isRequired).count - 1))
                #expect(
                    failure(short)?.hasPrefix("ERR wrong number of arguments for '\(spec.name.lowercased())'") == true,
                    "\(spec.name)")
            }
            let head = Array(line.prefix(spec.words.count + spec.positional.filter(\.isRequired).count))
            let rest = Array(line.dropFirst(head.count))
            let extra = failure(head + optional + rest + [Array("FROB".utf8), Array("1".utf8)])
            if [.command, .clock].contains(spec.id) {  // nouns as well
                #expect(extra?.hasPrefix("ERR unknown command") == true)
            } else if spec.options.isEmpty {
                #expect(extra?.hasPrefix("ERR wrong number of arguments") == true, "\(spec.name): \(extra ?? "taken")")
            } else {
                #expect(
                    extra?.hasPrefix("ERR unknown option 'FROB' for \(spec.name)") == true,
                    "\(spec.name): \(extra ?? "taken")")
            }
            for option in spec.options {
                let words = [option.token!] + (option.isFlag ? [] : [Self.good(option.kind)])
                let once = words.map { Array($0.utf8) }
                let twice = failure(line + (option.isRequired ? [] : once) + once)
                #expect(twice == "ERR option \(option.token!) is given twice", "\(spec.name): \(twice ?? "taken")")
                if !option.isRequired, !option.isFlag {
                    let open = failure(line + [once[0]])
                    #expect(
                        open?.hasPrefix("ERR option \(option.token!) needs a value") == true,
                        "\(spec.name): \(open ?? "taken")")
                }
                if option.isRequired {
                    let others = spec.options.filter { $0.isRequired && $0.token != option.token }
                    let without = head + others.flatMap { [Array($0.token!.utf8), Array(Self.good($0.kind).utf8)] }
                    #expect(
                        failure(without)?.hasPrefix("ERR \(spec.name) needs the option \(option.token!)") == true,
                        "\(spec.name)")
                }
            }
        }
    }

    @Test(arguments: [
        (
            "CREDIT CHARGE u 1e3 api",
            "ERR amount '1e3' is not a decimal amount above 0 (like 25 or 0.0375), at most 9 fraction digits"
        ),
        (
            "CREDIT CHARGE u -1 api",
            "ERR amount '-1' is not a decimal amount above 0 (like 25 or 0.0375), at most 9 fraction digits"
        ),
        (
            "CREDIT CHARGE u",
            "ERR wrong number of arguments for 'credit charge': use CREDIT CHARGE user amount source [DESCRIPTION d] [OVER] [LABELS k=v,…] [KEY k]"
        ),
        (
            "CREDIT CHARGE u 1 session_runtime",
            "ERR source 'session_runtime' is a word for entries that the ledger makes itself; choose another one"
        ),
        (
            "HOLD PLACE u 1 SOURCE storage_creation",
            "ERR source 'storage_creation' is a word for entries that the ledger makes itself; choose another one"
        ),
        ("CREDIT HISTORY u FROM 1700000002 TO 1700000001", "ERR FROM is after TO"),
        ("USER SUMMARY u FROM 2026-01-02 TO 2026-01-01", "ERR FROM is after TO"),
        ("SESSION RECORD s u small FROM 1700000002 TO 1700000001", "ERR FROM is after TO"),
        (
            "SESSION QUOTE u small -1",
            "ERR hours '-1' is not a decimal number of hours from 0 to 1000000 (like 2 or 1.5), at most 9 fraction digits"
        ),
        ("SESSION START s u huge", "ERR tier 'huge' is not one of small, medium, large or gpu"),
        ("CREDIT GRANT u 1 REASON r EFFECTIVE 2027-01-01 EXPIRES 2027-01-01", "ERR EFFECTIVE is not before EXPIRES"),
        (
            "CREDIT GRANT u 1 REASON r FOR api,Transfer",
            "ERR source 'Transfer' is a word for entries that the ledger makes itself; choose another one"
        ),
        (
            "CREDIT GRANT u 1 REASON r FOR Session_runtime",
            "ERR source 'Session_runtime' is a word for entries that the ledger makes itself; choose another one"
        ),
        ("CREDIT GRANT u 1 REASON r FOR api,gpu,api", "ERR FOR names 'api' twice"),
        (
            "CREDIT HISTORY u FROM 30",
            "ERR FROM '30' is no unix time between 1980 and 2199: write RFC 3339 (like 2026-11-23T09:30:00Z or 2026-11-23) or unix seconds (like 1795426200)"
        ),
        (
            "CREDIT GRANT u 1 REASON r EXPIRES 2500-01-01",
            "ERR EXPIRES '2500-01-01' is out of range: times go from 1678-01-01 to 2261-12-31, and 9999-12-31 means never"
        ),
        (
            "RULE ACTIVATE storage 2 AT 9999-12-31",
            "ERR AT is never: a version that is not activated prices nothing already"
        ),
        ("PASSPORT CREATE u n read KEYS yes", "ERR KEYS 'yes' is not one of required or optional"),
        ("PASSPORT SET 0Ab3dE6gH9", "ERR PASSPORT SET changes CAP_DAY, CAP_MONTH or both"),
        (
            "PASSPORT SET 0Ab3dE6gH9 CAP_DAY -1",
            "ERR CAP_DAY '-1' is not a decimal amount of 0 or more (like 25 or 0.0375), at most 9 fraction digits, or none"
        ),
        (
            "LIMIT SET user:ada sessions 5",
            "ERR a user of its own has the limits cap_day and cap_month; sessions is its type's"
        ),
        (
            "ALLOWANCE SET type:king 5 EVERY day",
            "ERR who 'type:king' is not a user id of 1 to 64 printable bytes, or type: and one of free, pro, enterprise, admin"
        ),
        ("ALLOWANCE SET u 5 EVERY year", "ERR EVERY 'year' is not one of day, week or month"),
        ("ALLOWANCE SET u 5 EVERY day FOR api,api", "ERR FOR names 'api' twice"),
        ("USER SET u", "ERR USER SET changes one thing at a time: NAME, TYPE, STATE or EMAIL"),
        ("USER SET u TYPE pro STATE banned", "ERR USER SET changes one thing at a time: NAME, TYPE, STATE or EMAIL"),
        ("USER SET u TYPE king", "ERR TYPE 'king' is not one of free, pro, enterprise or admin"),
        ("LIMIT SET pro tiers none", "ERR value 'none' is not a list of tiers like small,medium"),
        ("LIMIT SET pro exhaustion_grace none", "ERR value 'none' is not a duration from 0s to 30d"),
        (
            "LIMIT SET pro exhaustion_debt 4000000000.01",
            "ERR value '4000000000.01' is not an amount of at most 4000000000.00, or none"
        ),
        ("LIMIT SET pro purchase_min 0.001", "ERR value '0.001' is not an amount in whole cents, or none"),
        ("SELECT 1", "ERR DB index is out of range: there is one ledger, number 0"),
        ("HELLO 4", "NOPROTO unsupported protocol version: HELLO 2 or HELLO 3"),
        ("HELLO x", "ERR Protocol version is not an integer or out of range"),
        ("HELLO 3 AUTH default", "ERR HELLO takes [2|3 [AUTH default passport] [SETNAME name]]"),
        ("HELLO 3 SETNAME \"a b\"", "ERR a connection's name has at most 64 printable characters and no blanks"),
        ("AUTH x", "WRONGPASS this passport is not valid"),
        ("AUTH root \(secret)", "WRONGPASS this passport is not valid"),
        ("AUTH a b c", "ERR wrong number of arguments for 'auth': use AUTH [default] passport"),
        ("AUTH", "ERR wrong number of arguments for 'auth': use AUTH [default] passport"),
        ("CLIENT SETNAME", "ERR wrong number of arguments for 'client setname': use CLIENT SETNAME name"),
        (
            "CREDIT CHARGE u 1 Session_Runtime",
            "ERR source 'Session_Runtime' is a word for entries that the ledger makes itself; choose another one"
        ),
        ("USER CREATE a@b.cc ID u_fl_1", "ERR ID contains fl_, as passports do: a passport must not be recorded"),
        ("CREDIT CHARGE u 1 api KEY Fl_x", "ERR KEY contains fl_, as passports do: a passport must not be recorded"),
        ("CREDIT CHARGE u 1 fl_x", "ERR source contains fl_, as passports do: a passport must not be recorded"),
        ("USER CREATE fl_x@b.cc", "ERR email contains fl_, as passports do: a passport must not be recorded"),
        (
            "RULE BACKTEST session_runtime 2 FROM 2026-01-01",
            "ERR RULE BACKTEST needs the option TO: use \(CommandTable.spec(.ruleBacktest).usage)"
        ),
        (
            "RULE BACKTEST session_runtime 2 FROM 2026-02-01 TO 2026-01-01",
            "ERR FROM is after TO"
        ),
        (
            "RULE BACKTEST session_runtime 0 FROM 2026-01-01 TO 2026-02-01",
            "ERR source '0' is neither Lua nor a version number, 1 or more"
        ),
        (
            "RULE BACKTEST session_runtime 1 FROM 2026-01-01 TO 2026-02-01 ADMIT ADMIT",
            "ERR option ADMIT is given twice"
        ),
        (
            "RULE BACKTEST meter:calls 1 FROM 2026-01-01 TO 2026-02-01 BY tier",
            "ERR BY tier is for sessions, storage and spaces: meter:calls knows no tier"
        ),
        (
            "RULE BACKTEST session_runtime 1 FROM 2026-01-01 TO 2026-02-01 BY day",
            "ERR BY 'day' is not one of type, tier or user"
        ),
        ("RULE SHADOW session_runtime OFF FOR 1d", "ERR FOR is for a version; OFF ends at once"),
        ("RULE CHECK storage 0", "ERR source '0' is neither Lua nor a version number, 1 or more"),
        ("RULE CHECK storage 4294967296", "ERR source '4294967296' is neither Lua nor a version number, 1 or more"),
        ("RULE CHECK storage \"\"", "ERR source '' is not Lua of 1 to 16384 bytes in UTF-8"),
        ("CLIENT SETINFO LIB-OS linux", "ERR unrecognized option 'LIB-OS': use LIB-NAME or LIB-VER"),
        ("CLIENT SETINFO LIB-VER \"1 2\"", "ERR LIB-VER has at most 64 printable characters and no blanks"),
        ("SHUTDOWN NOW", "ERR SHUTDOWN takes SAVE or NOSAVE, which mean the same here"),
        ("CREDIT REFUND c_4 REASON", "ERR option REASON needs a value: text of 1 to 1024 bytes in UTF-8"),
        (
            "CREDIT REFUND c_4 soon REASON r",
            "ERR amount 'soon' is not a decimal amount above 0 (like 25 or 0.0375), at most 9 fraction digits"
        ),
    ])
    func `errors name the field and what was expected`(line: String, expected: String) {
        #expect(failure(line) == expected)
    }

    @Test(arguments: CommandTable.reservedSources.map { "\($0)" })
    func `a charge cannot look like an entry of the ledger's own`(word: String) {
        for word in [word, word.uppercased(), word.prefix(1).uppercased() + word.dropFirst()] {
            for line in ["CREDIT CHARGE u 1 \(word)", "HOLD PLACE u 1 SOURCE \(word)"] {
                #expect(failure(line)?.hasSuffix("choose another one") == true, "\(line)")
            }
            #expect(failure("CREDIT CHARGE u 1 \(word)s") == nil && failure("CREDIT CHARGE u 1 my_\(word)") == nil)
        }
    }

    @Test func `no error repeats a secret, wherever it was put by mistake`() {
        for spec in CommandTable.specs {
            for index in 0..<spec.fields.count where !spec.fields[index].isFlag {
                for value in [secret, "x \(secret)", secret + "longer than it should be", "FL_0Ab3dE6gH9_x"] {
                    let text = failure(Self.line(spec, with: index, as: value)) ?? ""
                    #expect(!text.lowercased().contains("fl_0ab"), "\(spec.name): \(text)")
                }
            }
            let extra = failure(Self.line(spec) + [Array(secret.utf8)]) ?? ""
            #expect(!extra.contains("fl_0Ab"), "\(spec.name): \(extra)")
        }
    }

    @Test func `what is kept for ever is never a secret`() {
        for line in [
            "USER CREATE a@b.cc ID \(secret)", "SESSION START \(secret) u small", "STORAGE CREATE u \(secret) bucket 1",
            "CREDIT CHARGE u 1 \(secret)", "CREDIT CHARGE u 1 api KEY \(secret)",
            "CREDIT PURCHASE u 10 stripe REF \(secret)",
            "PASSPORT CREATE u \(secret) read", "SESSION RECORD \(secret) u small FROM 2026-01-01 TO 2026-01-02",
            "CREDIT CHARGE u 1 api DESCRIPTION \"his key is \(secret).\"", "CREDIT GRANT u 1 REASON \(secret)",
            "USER CREATE a@b.cc NAME \"\(secret)x\"", "USER SET u NAME \(secret)", "SESSION CANCEL s REASON x\(secret)",
            "SPACE ADD s COST 1 SIZE 1 DESCRIPTION \(secret)", "RULE LOAD storage \"x \(secret)\"",
            "RULE CHECK storage \"-- \(secret)\"",
        ] {
            #expect(
                failure(line)?.hasSuffix("contains fl_, as passports do: a passport must not be recorded") == true,
                "\(line)")
        }
    }

    @Test func `free text may name a passport, without what makes it one`() {
        for text in ["fl_", "fl_0Ab3dE6gH9 was lost", "fl_0Ab3dE6gH9_…", String(secret.dropLast())] {
            #expect(failure("CREDIT CHARGE u 1 api DESCRIPTION \"\(text)\"") == nil, "\(text)")
        }
    }

    @Test func `bytes that are not text are refused where text is wanted`() {
        let prefix = words("CREDIT CHARGE u 1 api DESCRIPTION")
        #expect(failure(prefix + [[0xff, 0xfe]]) == "ERR DESCRIPTION is not text of 1 to 1024 bytes in UTF-8")
        #expect(
            failure(words("CREDIT BALANCE") + [[0x61, 0xc3]]) == "ERR user is not a user id: 1 to 64 printable bytes")
        #expect(failure(words("RULE LOAD storage") + [[0x1b, 0x4c, 0xff]])?.hasPrefix("ERR source") == true)
    }
}
