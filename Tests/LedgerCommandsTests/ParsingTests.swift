import LedgerCore
import Testing

@testable import LedgerCommands

/// What good commands become. (What bad ones are told: RefusalTests.)
struct ParsingTests {
    @Test func `a charge has a user, an amount, a source, and options in any order`() throws {
        guard case .creditCharge(let it) = try mutation("credit charge u_1 0.0375 api:v2 OVER description \"3 calls\"")
        else {
            throw CommandError.invalid("not a charge")
        }
        #expect(it.user == names.user("u_1"))
        #expect(it.amount == Money(usd: "0.0375"))
        #expect(it.source == "api:v2")
        #expect(it.description == .clear(Array("3 calls".utf8)))
        #expect(it.over)
    }

    @Test func `a charge needs no options`() throws {
        let parsed = try parse("CREDIT CHARGE u_1 25 api")
        guard case .mutation(.creditCharge(let it)) = parsed.ask else { throw CommandError.invalid("not a charge") }
        #expect(!it.over && it.description.isEmpty && parsed.key == nil)
        #expect(parsed.target == .user(names.user("u_1")))
    }

    @Test func `a user with an id of its own, and one without`() throws {
        guard case .userCreate(let it) = try mutation("USER CREATE ada@example.com ID ada NAME \"Ada L.\" TYPE PRO")
        else {
            throw CommandError.invalid("not a creation")
        }
        #expect(it.id == "ada" && it.type == .pro)
        #expect(it.email == .clear(Array("ada@example.com".utf8)) && it.name == .clear(Array("Ada L.".utf8)))
        #expect(it.emailHash == Array("ada@example.com".utf8).withUnsafeBytes { names.hash(.email, $0) })

        guard case .userCreate(let other) = try mutation("USER CREATE ada@example.com") else {
            throw CommandError.invalid("not a creation")
        }
        #expect(other.id == "u_0000000g0000000g" && other.type == .free && other.name.isEmpty)
    }

    @Test func `a person is a hash, and nobody without one`() throws {
        func person(_ line: String) throws -> Hash128 {
            guard case .userCreate(let it) = try mutation(line) else { throw CommandError.invalid("not a creation") }
            return it.personHash
        }
        #expect(
            try person("USER CREATE a@b.cc PERSON p") == Array("p".utf8).withUnsafeBytes { names.hash(.person, $0) })
        #expect(try person("USER CREATE a@b.cc PERSON P") != person("USER CREATE a@b.cc PERSON p"))
        #expect(try person("USER CREATE a@b.cc") == .zero)
    }

    @Test func `an address that nobody can have is refused with the reason, and nothing else is`() throws {
        var strict = context
        strict.emailHash = { (_) throws(UnusableEmail) in throw UnusableEmail(reason: "has a hole") }
        for (line, field) in [("USER CREATE ada@b.cc", "email"), ("USER SET u EMAIL ada@b.cc", "EMAIL")] {
            #expect(throws: CommandError.invalid("\(field) 'ada@b.cc' has a hole")) { try parse(line, as: strict) }
        }
        _ = try parse("USER SET u NAME n", as: strict)
    }

    @Test(arguments: ["u@例え。jp", "u@b．cc", "u@b｡cc"])
    func `the dots of other scripts are dots`(address: String) throws {
        guard case .userCreate(let it) = try mutation("USER CREATE \(address)") else {
            throw CommandError.invalid("no")
        }
        #expect(it.email == .clear(Array(address.utf8)))
    }

    @Test func `a user is changed in one thing`() throws {
        guard case .userSet(let it) = try mutation("USER SET ada STATE suspended"), case .state(.suspended) = it.change
        else {
            throw CommandError.invalid("not a change of state")
        }
        guard case .userSet(let name) = try mutation("USER SET ada NAME \"\""), case .name(let text) = name.change
        else {
            throw CommandError.invalid("not a change of name")
        }
        #expect(text.isEmpty)
        guard case .userSet(let set) = try mutation("USER SET ada EMAIL Ada@b.cc"),
            case .email(let email, let hash) = set.change
        else { throw CommandError.invalid("not a change of address") }
        #expect(email == .clear(Array("Ada@b.cc".utf8)))
        #expect(hash == Array("Ada@b.cc".utf8).withUnsafeBytes { names.hash(.email, $0) })
    }

    @Test func `a passport has a name, permissions in any case, and options`() throws {
        guard
            case .passportCreate(let it) = try parse(
                "PASSPORT CREATE ada \"My API Key\" billing,READ SCOPE all EXPIRES 2027-01-01 RATE 100"
            ).ask
        else { throw CommandError.invalid("not a passport") }
        #expect(it.user == names.user("ada") && it.name == Array("My API Key".utf8))
        #expect(it.permissions == [.read, .billing] && it.scope == .all)
        #expect(it.expires == Timestamp("2027-01-01T00:00:00Z") && it.rate == 100)

        guard case .passportCreate(let plain) = try parse("PASSPORT CREATE ada laptop read").ask else {
            throw CommandError.invalid("not a passport")
        }
        #expect(plain.scope == .own && plain.expires == .never && plain.rate == 0)
    }

    @Test func `rotation and revocation name the passport`() throws {
        guard case .passportRotate(let id, let overlap) = try parse("PASSPORT ROTATE 0Ab3dE6gH9 OVERLAP 1.5h").ask
        else {
            throw CommandError.invalid("not a rotation")
        }
        #expect(id.text == "0Ab3dE6gH9" && overlap == .minutes(90))
        guard case .passportRotate(_, .zero) = try parse("PASSPORT ROTATE 0Ab3dE6gH9").ask else {
            throw CommandError.invalid("the overlap is not 0")
        }
        guard case .passportRevoke(let revoked) = try mutation("PASSPORT REVOKE 0Ab3dE6gH9") else {
            throw CommandError.invalid("not a revocation")
        }
        #expect(revoked.passport == id)
    }

    @Test func `verify and admit carry the secret, which prints without its secret part`() throws {
        let parsed = try parse("PASSPORT VERIFY \(secret) PERMISSION Write")
        guard case .verify(let it, let permission) = parsed.ask else { throw CommandError.invalid("not a verify") }
        #expect(it.text.string == secret && it.passport.text == "0Ab3dE6gH9" && permission == .write)
        #expect("\(it)" == "fl_0Ab3dE6gH9_(hidden)")

        guard
            case .admit(let other, let start) = try parse(
                "SESSION ADMIT \(secret) job-1 GPU HEARTBEAT 30s TTL 8h RESERVE full"
            ).ask
        else { throw CommandError.invalid("not an admission") }
        #expect(other == it)
        #expect(start.session == "job-1" && start.tier == .gpu && start.reserveFull)
        #expect(start.timeToLive == .hours(8) && start.heartbeat == .seconds(30))
    }

    @Test func `a session that is started is leased for a day by default`() throws {
        guard case .sessionStart(let it) = try mutation("SESSION START job-1 ada small RESERVE lease") else {
            throw CommandError.invalid("not a start")
        }
        #expect(it.user == names.user("ada") && it.timeToLive == .hours(24) && !it.reserveFull && it.heartbeat == .zero)
    }

    @Test func `heartbeat, stop, cancel and get name the session`() throws {
        let session = names.session("job-1")
        guard case .sessionHeartbeat(let heard) = try mutation("SESSION HEARTBEAT job-1"), heard.session == session,
            case .sessionStop(let stop) = try mutation("SESSION STOP job-1"), stop.session == session,
            case .sessionCancel(let cancel) = try mutation("SESSION CANCEL job-1 REASON \"no node\""),
            case .query(.session(session)) = try parse("SESSION GET job-1").ask
        else { throw CommandError.invalid("not that session") }
        #expect(cancel.session == session && cancel.reason == .clear(Array("no node".utf8)))
    }

    @Test func `usage measured elsewhere is recorded from and to a time`() throws {
        guard
            case .sessionRecord(let it) = try mutation(
                "SESSION RECORD nasa:17 7 gpu FROM 749458803 TO 1993-10-01T08:00:03.5Z")
        else { throw CommandError.invalid("not a record") }
        #expect(it.session == "nasa:17" && it.user == names.user("7") && it.tier == .gpu)
        #expect(it.from == Timestamp(seconds: 749_458_803))
        #expect(it.to == Timestamp("1993-10-01T08:00:03.5Z"))
        #expect(it.arguments != .zero)
    }

    @Test func `FROM may be TO`() throws {
        guard case .sessionRecord(let it) = try mutation("SESSION RECORD s u small TO 1700000005 FROM 1700000005")
        else {
            throw CommandError.invalid("not a record")
        }
        #expect(it.from == it.to)
    }

    @Test func `the last day of the year 9999 is never, wherever a time is taken`() throws {
        for never in ["9999-12-31", "9999-12-31T23:59:59Z", "9999-12-31t23:59:59.999999999+02:00"] {
            guard case .creditGrant(let grant) = try mutation("CREDIT GRANT u 1 REASON r EXPIRES \(never)"),
                case .passportCreate(let passport) = try parse("PASSPORT CREATE u n read EXPIRES \(never)").ask,
                case .history(let range) = try parse("CREDIT HISTORY u TO \(never)").ask
            else { throw CommandError.invalid("not these") }
            #expect(grant.expires == .never && passport.expires == .never && range.to == .never)
            let keyed = try parse("CREDIT GRANT u 1 REASON r EXPIRES \(never) KEY k").key
            #expect(keyed == (try parse("CREDIT GRANT u 1 REASON r EXPIRES 9999-12-31T00:00:00Z KEY k").key))
        }
    }

    @Test func `a passport may be bound to keys`() throws {
        for (option, required) in [("", false), (" KEYS optional", false), (" KEYS Required", true)] {
            guard case .passportCreate(let draft) = try parse("PASSPORT CREATE u n write SCOPE all\(option)").ask else {
                throw CommandError.invalid("no passport")
            }
            #expect(draft.requiresKeys == required)
        }
    }

    @Test func `a quote is asked in hours`() throws {
        guard case .quote(let user, .medium, let duration) = try parse("SESSION QUOTE ada medium 1.5").ask else {
            throw CommandError.invalid("not a quote")
        }
        #expect(user == names.user("ada") && duration == .minutes(90))
        guard case .quote(_, _, .zero) = try parse("SESSION QUOTE ada medium 0").ask else {
            throw CommandError.invalid("no hours are hours, too")
        }
    }

    @Test func `a hold is placed for a day by default, and captured`() throws {
        guard case .holdPlace(let place) = try mutation("HOLD PLACE ada 2.5 TTL 10m SOURCE render"),
            case .holdPlace(let plain) = try mutation("HOLD PLACE ada 2.5")
        else { throw CommandError.invalid("not a hold") }
        #expect(place.amount == Money(usd: "2.50") && place.timeToLive == .minutes(10) && place.source == "render")
        #expect(plain.timeToLive == .hours(24) && plain.source == "hold")
        let id = BirthID(shard: 0, lsn: LSN(281))
        guard case .holdCapture(let capture) = try mutation("HOLD CAPTURE \(id.text(as: .hold)) 1.2 FINAL OVER") else {
            throw CommandError.invalid("not a capture")
        }
        #expect(capture.hold == id && capture.amount == Money(usd: "1.20") && capture.final && capture.over)
    }

    @Test func `purchases, grants, adjustments and refunds move credit`() throws {
        guard case .creditPurchase(let purchase) = try mutation("CREDIT PURCHASE ada 25.50 stripe REF \"pi 3\""),
            case .creditGrant(let grant) = try mutation(
                "CREDIT GRANT ada 5 REASON sorry KIND compensation EFFECTIVE 2026-01-01 EXPIRES 2027-01-01"),
            case .creditGrant(let plain) = try mutation("CREDIT GRANT ada 5 REASON hi"),
            case .creditAdjust(let adjust) = try mutation("CREDIT ADJUST ada -1.50 REASON twice REF import:x:ada"),
            case .refund(let refund) = try parse("CREDIT REFUND c_4 REASON broken").ask,
            case .refund(let part) = try parse("CREDIT REFUND c_4 0.5 REASON broken").ask
        else { throw CommandError.invalid("not these") }
        #expect(purchase.amount == Money(usd: "25.50") && purchase.method == "stripe" && purchase.reference == "pi 3")
        #expect(
            grant.kind == .compensation && grant.effective == Timestamp("2026-01-01")
                && grant.expires == Timestamp("2027-01-01"))
        #expect(plain.kind == .promo && plain.effective == nil && plain.expires == .never)
        #expect(plain.scope.isEverything)
        for sources in ["api", "session_runtime", "storage_creation,space_purchase,gpu-hours"] {
            guard case .creditGrant(let scoped) = try mutation("CREDIT GRANT ada 5 REASON hi FOR \(sources)") else {
                throw CommandError.invalid("not a grant")
            }
            #expect(scoped.scope.text.string == sources)
        }
        #expect(adjust.amount == Money(usd: "-1.50") && adjust.reference == "import:x:ada")
        #expect(refund.target == .charge(BirthID(value: 4)) && refund.amount == nil)
        #expect(part.amount == Money(usd: "0.50") && part.reason == .clear(Array("broken".utf8)))
    }

    @Test func `storage is asked in GB with three decimals`() throws {
        guard case .storageCreate(let create) = try mutation("STORAGE CREATE ada data bucket 10.125"),
            case .storageResize(let resize) = try mutation("STORAGE RESIZE data 20"),
            case .storageDelete(let delete) = try mutation("STORAGE DELETE data")
        else { throw CommandError.invalid("not storage") }
        #expect(create.megabytes == 10_125 && create.kind == .bucket && create.resource == "data")
        #expect(resize.megabytes == 20_000 && resize.resource == names.resource("data"))
        #expect(delete.resource == names.resource("data"))
    }

    @Test func `a space is added and purchased`() throws {
        guard
            case .spaceAdd(let add) = try mutation(
                "SPACE ADD ml SIZE 50 COST 5 NAME \"ML Ready\" CATEGORY ml PUBLIC no"),
            case .spaceAdd(let plain) = try mutation("SPACE ADD ml SIZE 50 COST 0"),
            case .spacePurchase(let purchase) = try mutation("SPACE PURCHASE ada ml ws-1 \"my data\"")
        else { throw CommandError.invalid("not spaces") }
        let (entry, usual) = (add.entry, plain.entry)
        #expect(entry.gigabytes == 50 && entry.cost == Money(usd: "5") && entry.name == "ML Ready" && !entry.isPublic)
        #expect(usual.name == "ml" && usual.category == "general" && usual.isPublic && usual.cost == .zero)
        #expect(add.creator == nil && plain.creator == nil && entry.share == 0)
        guard case .spaceAdd(let shared) = try mutation("SPACE ADD ml SIZE 50 COST 5 SHARE 12.5 CREATOR ada") else {
            throw CommandError.invalid("no space")
        }
        #expect(shared.entry.share == 1_250 && shared.creator == context.names.user("ada"))
        for (share, hundredths) in [("0", 0), ("0.01", 1), ("100", 10_000), ("99.99", 9_999)] as [(_, UInt16)] {
            guard case .spaceAdd(let it) = try mutation("SPACE ADD ml SIZE 1 COST 5 CREATOR ada SHARE \(share)") else {
                throw CommandError.invalid("no space")
            }
            #expect(it.entry.share == hundredths)
        }
        #expect(failure("SPACE ADD ml SIZE 1 COST 5 SHARE 1")?.contains("SHARE needs CREATOR") == true)
        #expect(purchase.space == "ml" && purchase.workspace == "ws-1" && purchase.instance == "my data")
    }

    @Test(
        arguments: [
            ("sessions", "3", 3), ("sessions", "none", Limits.none), ("tiers", "small,GPU", 0b1001),
            ("storage_gb", "1.5", 1_500), ("storage_gb", "NONE", Limits.none), ("requests_per_hour", "0", 0),
            ("purchase_min", "10", 10_000_000_000), ("purchase_max", "10000.50", 10_000_500_000_000),
            ("exhaustion_grace", "90s", 90_000_000_000), ("exhaustion_grace", "0s", 0),
            ("cap_day", "0", 0), ("cap_month", "none", Limits.none), ("storage_debt", "25", 25_000_000_000),
            ("storage_grace", "7d", 604_800_000_000_000),
            ("exhaustion_debt", "2.5", 2_500_000_000), ("exhaustion_debt", "none", Limits.none),
        ] as [(String, String, Int64)])
    func `a limit's value is read as its kind`(limit: String, value: String, expected: Int64) throws {
        guard case .limitSet(let it) = try mutation("LIMIT SET pro \(limit) \(value)") else {
            throw CommandError.invalid("not a limit")
        }
        #expect(it.type == .pro && it.limit.text == limit && it.value == expected)
    }

    @Test func `a rule is loaded, checked, activated, shown and rolled back`() throws {
        guard case .ruleLoad(.purchaseBonus, let source) = try parse("RULE LOAD Purchase_Bonus \"return 1\"").ask,
            case .ruleCheck(.storage, .source) = try parse("RULE CHECK storage \"return 1\"").ask,
            case .ruleCheck(.storage, .version(2)) = try parse("RULE CHECK storage 2").ask,
            case .ruleBacktest(let test) = try parse(
                "RULE BACKTEST session_runtime 2 FROM 2026-01-01 TO 2026-02-01 BY User COUNT 3"
            ).ask,
            case .ruleBacktest(let anew) = try parse(
                "RULE BACKTEST storage 1 FROM 2026-01-01 TO 2026-02-01 BY tier Admit"
            ).ask,
            case .ruleShadow(.storage, 2, nil) = try parse("RULE SHADOW storage 2").ask,
            case .ruleShadow(.meter("calls"), 2, nil) = try parse("RULE SHADOW meter:calls 2").ask,
            case .ruleShadow(.purchaseBonus, 3, .days(7)) = try parse("RULE SHADOW purchase_bonus 3 FOR 7d").ask,
            case .ruleShadow(.spacePurchase, nil, nil) = try parse("RULE SHADOW space_purchase Off").ask,
            case .ruleDiff(.sessionRuntime) = try parse("RULE DIFF session_runtime").ask,
            case .ruleStep(_, nil) = try parse("RULE STEP c_4q").ask,
            case .ruleStep(_, .version(2)) = try parse("RULE STEP c_4q 2").ask,
            case .ruleActivate(.storage, 2, nil) = try parse("RULE ACTIVATE storage 2").ask,
            case .ruleActivate(.storage, 3, let at) = try parse("RULE ACTIVATE storage 3 AT 2027-01-01").ask,
            case .query(.ruleSource(.storage, nil)) = try parse("RULE SHOW storage").ask,
            case .query(.ruleSource(.storage, 7)) = try parse("RULE SHOW storage 7").ask,
            case .ruleRollback = try mutation("RULE ROLLBACK storage")
        else { throw CommandError.invalid("not rules") }
        #expect(
            test
                == BacktestDraft(
                    rule: .sessionRuntime, text: .version(2), from: Timestamp("2026-01-01")!,
                    to: Timestamp("2026-02-01")!, grouping: .user, count: 3))
        #expect(anew.rule == .storage && anew.grouping == .tier && anew.admits && !test.admits)
        #expect(source == Array("return 1".utf8) && at == Timestamp("2027-01-01"))
    }

    @Test func `a search is for the beginning of an id, or for an address, or for both`() throws {
        func search(_ text: String) throws -> UserSearch {
            guard case .query(.find(let it, Page(count: 7, cursor: 0))) = try parse("USER FIND \(text) COUNT 7").ask
            else {
                throw CommandError.invalid("not a search")
            }
            return it
        }
        let address = Array("ada@example.com".utf8).withUnsafeBytes { names.hash(.email, $0) }
        #expect(try search("u_a") == UserSearch(email: nil, beginning: "u_a"))
        #expect(try search("ada@example.com") == UserSearch(email: address, beginning: "ada@example.com"))
        #expect(try search("ada@") == UserSearch(email: nil, beginning: "ada@"))
        let long = "a@" + String(repeating: "b", count: 63) + ".example"
        #expect(try search(long).beginning == nil && search(long).email != nil)
        for text in [String(repeating: "x", count: 65), String(repeating: "x", count: 65) + "@x.example", "\"a\nb\""] {
            #expect(failure("USER FIND \(text)")?.hasPrefix("ERR text is neither") == true, "\(text)")
        }
    }

    @Test func `lists begin at the newest and have 100 rows by default`() throws {
        guard case .query(.users(let page)) = try parse("USER LIST").ask,
            case .query(.lots(_, let other)) = try parse("CREDIT LOTS ada CURSOR 17 COUNT 10000").ask,
            case .query(.sessions(let user, .exhausting, _)) = try parse("SESSION LIST STATUS exhausting USER ada").ask,
            case .query(.sessions(nil, nil, _)) = try parse("SESSION LIST").ask,
            case .history(let history) = try parse("CREDIT HISTORY ada FROM 315532800 TO 7258118399.5 COUNT 7").ask,
            case .summary(_, nil, nil, nil) = try parse("USER SUMMARY ada").ask
        else { throw CommandError.invalid("not lists") }
        #expect(page == Page(count: 100, cursor: 0) && other == Page(count: 10_000, cursor: 17))
        #expect(user == names.user("ada"))
        #expect(
            history.from == Timestamp("1980-01-01") && history.to == Timestamp("2199-12-31T23:59:59.5Z")
                && history.page.count == 7)
    }

    @Test func `a deletion gives up bought credit only where it says so`() throws {
        guard case .userDelete(let it) = try mutation("USER DELETE ada"),
            case .userDelete(let all) = try mutation("user delete ada forfeit KEY k")
        else { throw CommandError.invalid("not a deletion") }
        #expect(it.user == names.user("ada") && !it.forfeit && all.forfeit)
    }

    @Test func `eight commands take labels, and reads ask for them`() throws {
        let taking: [CommandID] = [
            .creditCharge, .holdPlace, .sessionAdmit, .sessionStart, .sessionRecord, .storageCreate, .spacePurchase,
            .usageRecord,
        ]
        for spec in RefusalTests.plain {
            let line = RefusalTests.line(spec) + words("LABELS team=ml,job=81")
            guard taking.contains(spec.id) else {
                #expect(!spec.takesLabels && failure(line) != nil, "\(spec.name)")
                continue
            }
            #expect(try spec.takesLabels && parse(line).labels == Labels("job=81,team=ml"), "\(spec.name)")
            #expect(try parse(RefusalTests.line(spec)).labels.isEmpty)
        }
        guard case .history(let it) = try parse("CREDIT HISTORY ada LABEL team=ml").ask,
            case .history(let plain) = try parse("CREDIT HISTORY ada").ask,
            case .summary(_, nil, nil, "a.b/c") = try parse("USER SUMMARY ada by LABEL:a.b/c").ask
        else { throw CommandError.invalid("no filters") }
        #expect(it.label?.admits(Labels("team=ml")!) == true && plain.label == nil)
    }

    @Test func `a connection introduces itself as Redis clients do`() throws {
        for line in ["AUTH \(secret)", "AUTH default \(secret)", "auth DEFAULT \(secret)", "AUTH \"\" \(secret)"] {
            guard case .connection(.auth(let it)) = try parse(line).ask else { throw CommandError.invalid(line) }
            #expect(it.text.string == secret)
        }
        guard case .connection(.hello(nil, nil, nil)) = try parse("HELLO").ask,
            case .connection(.hello(2, nil, nil)) = try parse("HELLO 2").ask,
            case .connection(.hello(3, .some(let auth), .some(let name))) = try parse(
                "HELLO 3 SETNAME w1 auth default \(secret)"
            ).ask,
            case .connection(.hello(3, .some, nil)) = try parse("HELLO 3 AUTH \"\" \(secret)").ask,
            case .connection(.setName(let set)) = try parse("CLIENT SETNAME w1").ask,
            case .connection(.setInfo("LIB-VER", let value)) = try parse("CLIENT SETINFO lib-ver 5.0").ask,
            case .connection(.quit) = try parse("QUIT").ask, case .connection(.reset) = try parse("RESET").ask
        else { throw CommandError.invalid("no introduction") }
        #expect(auth.text.string == secret && name == "w1" && set == "w1" && value == "5.0")
    }

    @Test func `what the server answers by itself, the operator's commands and EXPLAIN parse`() throws {
        guard case .local(.ping(nil)) = try parse("PING").ask,
            case .local(.ping(.some(let text))) = try parse("PING hi").ask,
            case .local(.echo) = try parse("ECHO hi").ask, case .local(.select) = try parse("SELECT 0").ask,
            case .local(.configGet(["save", "appendonly"])) = try parse("CONFIG GET save AppendOnly").ask,
            case .local(.command) = try parse("COMMAND").ask,
            case .local(.commandCount) = try parse("COMMAND COUNT").ask,
            case .local(.commandDocs(nil)) = try parse("COMMAND DOCS").ask,
            case .local(.commandInfo(["credit"])) = try parse("COMMAND INFO CREDIT").ask,
            case .local(.help(["CREDIT", "CHARGE"])) = try parse("HELP credit charge").ask,
            case .local(.help(["CREDIT"])) = try parse("CREDIT HELP").ask,
            case .server(.info(["stats"])) = try parse("INFO Stats").ask,
            case .server(.slowlogGet(10)) = try parse("SLOWLOG GET").ask,
            case .server(.wait(let lsn, nil)) = try parse("WAIT 5").ask,
            case .server(.wait(_, let timeout)) = try parse("WAIT 5 1500").ask,
            case .server(.wait(_, let span)) = try parse("WAIT 5 2s").ask,
            case .server(.wait(_, nil)) = try parse("WAIT 5 0").ask,
            case .server(.shutdown) = try parse("SHUTDOWN nosave").ask,
            case .clockAccept = try mutation("CLOCK ACCEPT"), case .server(.clock) = try parse("clock").ask,
            case .server(.clockSet(_, nil)) = try parse("CLOCK SET 2026-11-01").ask,
            case .server(.clockSet(let set, let down?)) = try parse("CLOCK SET 2026-11-02 DOWN 2026-11-01").ask,
            case .local(.help(["CLOCK"])) = try parse("CLOCK HELP").ask,
            case .explain(let charge) = try parse("EXPLAIN c_4q").ask
        else { throw CommandError.invalid("not the rest") }
        #expect(throws: CommandError.self) { try parse("CLOCK SET 2026-11-01 DOWN 2026-11-02") }
        #expect(text == Array("hi".utf8) && lsn == LSN(5) && set - down == .days(1))
        #expect(timeout == TimeSpan(nanoseconds: 1_500_000_000) && span == .seconds(2) && charge == BirthID(value: 300))
    }

    @Test func `ids may be any printable text of 64 bytes`() throws {
        let longest = String(repeating: "a", count: 64)
        for id in ["a", longest, "Zoë", "a b", "{}", "ada@example.com"] {
            guard case .userCreate(let it) = try mutation("USER CREATE a@b.cc ID \"\(id)\"") else {
                Issue.record("another command: \(id)")
                continue
            }
            #expect(it.id.string == id)
        }
    }
}
