import LedgerCore
import Testing

@testable import LedgerCommands

/// Commands × passports, whole. A column is a passport with one permission: `R` read, `W` write, `B` billing, `M`
/// monitor, `A` admin, with scope `own` (its own user is named, then another one) or `all`; `-` is no passport at all.
struct AuthorizationTests {
    private static let expected = """
        - RRR WWW BBB MMM AAA  AUTH
        - RRR WWW BBB MMM AAA  HELLO
        - RRR WWW BBB MMM AAA  PING
        - RRR WWW BBB MMM AAA  ECHO
        - RRR WWW BBB MMM AAA  QUIT
        - RRR WWW BBB MMM AAA  RESET
        - RRR WWW BBB MMM AAA  SELECT
        - RRR WWW BBB MMM AAA  TIME
        - RRR WWW BBB MMM AAA  CLIENT SETNAME
        - RRR WWW BBB MMM AAA  CLIENT GETNAME
        - RRR WWW BBB MMM AAA  CLIENT SETINFO
        - RRR WWW BBB MMM AAA  CLIENT ID
        - RRR WWW BBB MMM AAA  CLIENT INFO
        - RRR WWW BBB MMM AAA  CLIENT LIST
        - RRR WWW BBB MMM AAA  CONFIG GET
        . RRR WWW BBB MMM AAA  COMMAND
        . RRR WWW BBB MMM AAA  COMMAND COUNT
        . RRR WWW BBB MMM AAA  COMMAND INFO
        . RRR WWW BBB MMM AAA  COMMAND DOCS
        . RRR WWW BBB MMM AAA  COMMAND LIST
        . RRR WWW BBB MMM AAA  HELP
        . ... ... ... ... ..A  USER CREATE
        . R.R ... ... ... ...  USER GET
        . ... ... ... ... ..A  USER SET
        . ... ... ... ... ..A  USER DELETE
        . ..R ... ... ... ...  USER LIST
        . ..R ... ... ... ...  USER FIND
        . R.R ... ... ... ...  USER SUMMARY
        . ... ... ... ... ..A  PASSPORT CREATE
        . ..R ... ... ... ...  PASSPORT VERIFY
        . R.R ... ... ... ...  PASSPORT LIST
        . ... ... ... ... ..A  PASSPORT SET
        . ... ... ... ... ..A  PASSPORT REVOKE
        . ... ... ... ... ..A  PASSPORT ROTATE
        . ... ... ..B ... ...  CREDIT PURCHASE
        . ... ... ..B ... ...  CREDIT GRANT
        . ... ..W ... ... ...  CREDIT CHARGE
        . ... ... ..B ... ...  CREDIT ADJUST
        . ... ... ..B ... ...  CREDIT REFUND
        . ... ... ..B ... ...  CREDIT TRANSFER
        . R.R ... ... ... ...  CREDIT BALANCE
        . R.R ... ... ... ...  CREDIT LOTS
        . R.R ... ... ... ...  CREDIT HISTORY
        . ... ... ..B ... ...  ALLOWANCE SET
        . ... ... ..B ... ...  ALLOWANCE REMOVE
        . R.R ... ... ... ...  ALLOWANCE LIST
        . ... ..W ... ... ...  HOLD PLACE
        . ... ..W ... ... ...  HOLD CAPTURE
        . ... ..W ... ... ...  HOLD VOID
        . R.R ... ... ... ...  HOLD GET
        . R.R ... ... ... ...  HOLD LIST
        . R.R ... ... ... ...  SESSION QUOTE
        . ... ..W ... ... ...  SESSION ADMIT
        . ... ..W ... ... ...  SESSION START
        . ... ..W ... ... ...  SESSION HEARTBEAT
        . ... ..W ... ... ...  SESSION RETIER
        . ... ..W ... ... ...  SESSION STOP
        . ... ..W ... ... ...  SESSION CANCEL
        . R.R ... ... ... ...  SESSION GET
        . ... ..W ... ... ...  SESSION RECORD
        . R.R ... ... ... ...  SESSION LIST
        . ... ..W ... ... ...  STORAGE CREATE
        . ... ..W ... ... ...  STORAGE RESIZE
        . ... ..W ... ... ...  STORAGE DELETE
        . R.R ... ... ... ...  STORAGE LIST
        . ... ... ... ... ..A  SPACE ADD
        . ... ... ... ... ..A  SPACE GRANT
        . ... ... ... ... ..A  SPACE REVOKE
        . R.R ... ... ... ...  SPACE LIST
        . ... ..W ... ... ...  SPACE PURCHASE
        . R.R ... ... ... ...  SPACE OWNED
        . ... ... ... ... ..A  METER ADD
        . R.R ... ... ... ...  METER LIST
        . ... ..W ... ... ...  USAGE RECORD
        . R.R ... ... ... ...  USAGE QUOTE
        . R.R ... ... ... ...  PRICE INFO
        . R.R ... ... ... ...  EXPLAIN
        . ... ... ... ... ..A  RULE LOAD
        . ... ... ... ... ..A  RULE LIST
        . ... ... ... ... ..A  RULE SHOW
        . ... ... ... ... ..A  RULE CHECK
        . ... ... ... ... ..A  RULE ACTIVATE
        . ... ... ... ... ..A  RULE ROLLBACK
        . ... ... ... ... ..A  RULE BACKTEST
        . ... ... ... ... ..A  RULE SHADOW
        . ... ... ... ... ..A  RULE DIFF
        . ... ... ... ... ..A  RULE STEP
        . ... ... ... ... ..A  LIMIT LIST
        . ... ... ... ... ..A  LIMIT SET
        . R.R ... ... ... ...  RUNWAY
        . RRR WWW BBB MMM AAA  DRYRUN
        . RRR WWW BBB MMM AAA  AT
        . R.R ... ... ... ...  DIFF
        . ... ... ... ... ..A  MONITOR
        . ... ... ... ... ..A  TAIL FROM
        . ... ... ... ... ..A  TAIL STOP
        . RRR WWW BBB MMM AAA  INFO
        . ... ... ... ... ..A  SLOWLOG GET
        . ... ... ... MMM ..A  SLOWLOG LEN
        . ... ... ... ... ..A  SLOWLOG RESET
        . ... ... ... MMM ..A  LATENCY LATEST
        . ... ... ... MMM ..A  LATENCY RECENT
        . ... ... ... MMM ..A  LATENCY HISTOGRAM
        . ... ... ... MMM ..A  DBSIZE
        . RRR WWW BBB MMM AAA  WAIT
        . ... ... ... ... ..A  SNAPSHOT
        . ... ... ... MMM ..A  CLOCK
        . ... ... ... ... ..A  CLOCK ACCEPT
        . ... ... ... ... ..A  CLOCK SET
        . ... ... ... ... ..A  SHUTDOWN
        . ... ... ... ... ..A  EVAL
        . ... ... ... ... ..A  EVALSHA
        . ... ... ... ... ..A  SCRIPT LOAD
        . ... ... ... ... ..A  SCRIPT EXISTS
        . ... ... ... ... ..A  SCRIPT FLUSH
        . ... ... ... ... ..A  SCRIPT KILL
        . RRR WWW BBB MMM AAA  MULTI
        . RRR WWW BBB MMM AAA  EXEC
        . RRR WWW BBB MMM AAA  DISCARD
        . ..R ... ... ... ...  WATCH
        . RRR WWW BBB MMM AAA  UNWATCH
        . ... ... ... ... ..A  FORK NEW
        . ... ... ... ... ..A  FORK RUN
        . ... ... ... ... ..A  FORK ADVANCE
        . ... ... ... ... ..A  FORK DIFF
        . ... ... ... ... ..A  FORK LIST
        . ... ... ... ... ..A  FORK DROP
        """

    private static let mine = UserOrdinal(5)
    private static let columns: [(Permissions, String)] = [
        (.read, "R"), (.write, "W"), (.billing, "B"), (.monitor, "M"),
        (.admin, "A"),
    ]

    private static func may(_ id: CommandID, _ permissions: Permissions, _ scope: Scope, _ owner: Authorization.Owner)
        -> Bool
    {
        let rights = Authorization.Rights(permissions: permissions, scope: scope, user: mine)
        return Authorization.refusal(id, rights, owner: owner) == nil
    }

    /// `-`, then for each permission: own user, other user, scope all.
    private static func row(_ spec: CommandSpec) -> String {
        var text = Authorization.refusal(spec.id, nil, owner: .nobody) == nil ? "-" : "."
        for (permission, letter) in columns {
            text += " "
            text += may(spec.id, permission, .own, .user(mine)) ? letter : "."
            text += may(spec.id, permission, .own, .user(UserOrdinal(6))) ? letter : "."
            text += may(spec.id, permission, .all, .user(UserOrdinal(6))) ? letter : "."
        }
        return text + "  " + spec.name
    }

    @Test func `who may ask what`() {
        let table = CommandTable.specs.map(Self.row).joined(separator: "\n")
        #expect(table == Self.expected, "\(table)")
    }

    @Test func `permissions add up and imply nothing`() {
        for spec in CommandTable.specs {
            for scope in Scope.allCases {
                for owner in [
                    Authorization.Owner.nobody, .unknown, .undetermined, .user(Self.mine), .user(UserOrdinal(6)),
                ] {
                    for bits in 0..<UInt8(32) {
                        let set = Permissions(rawValue: bits)
                        let parts = Self.columns.map(\.0).filter { set.contains($0) }
                        let byParts = parts.contains { Self.may(spec.id, $0, scope, owner) }
                        let byNothing = Self.may(spec.id, [], scope, owner)
                        #expect(
                            Self.may(spec.id, set, scope, owner) == (byParts || byNothing), "\(spec.name) \(set.text)")
                    }
                }
            }
        }
    }

    @Test func `scope own reaches nothing that it is not known to own`() {
        for spec in CommandTable.specs where spec.access == .readOwn {
            for owner in [Authorization.Owner.nobody, .unknown, .user(.none)] {
                #expect(!Self.may(spec.id, .all, .own, owner), "\(spec.name)")
                #expect(Self.may(spec.id, .all, .all, owner), "\(spec.name)")
            }
        }
        let nobody = Authorization.Rights(permissions: .all, scope: .own, user: .none)
        #expect(Authorization.refusal(.creditBalance, nobody, owner: .user(.none)) != nil)
    }

    @Test func `the first question never says no to what the second would allow`() {
        for spec in CommandTable.specs {
            for bits in 0..<UInt8(32) {
                for scope in Scope.allCases {
                    let rights = Authorization.Rights(
                        permissions: Permissions(rawValue: bits), scope: scope, user: Self.mine)
                    if Authorization.refusal(spec.id, rights, owner: .user(Self.mine)) == nil {
                        #expect(Authorization.mayAsk(spec.id, rights) == nil, "\(spec.name)")
                    }
                }
            }
        }
    }

    @Test func `a passport with every permission of scope own creates no credit, meters nothing and ends nothing`() {
        // What a transaction carries out was asked for command by command.
        for spec in CommandTable.specs where spec.lane.isWrite && spec.id != .exec {
            #expect(!Self.may(spec.id, .all, .own, .user(Self.mine)), "\(spec.name)")
        }
    }

    @Test func `refusals say what is missing`() {
        let reader = Authorization.Rights(permissions: .read, scope: .own, user: Self.mine)
        #expect(Authorization.refusal(.creditCharge, nil, owner: .unknown)?.code == "NOAUTH")
        #expect(
            Authorization.refusal(.creditCharge, reader, owner: .unknown)?.text
                == "CREDIT CHARGE needs a passport with permission write")
        let writer = Authorization.Rights(permissions: .write, scope: .own, user: Self.mine)
        #expect(
            Authorization.refusal(.creditCharge, writer, owner: .unknown)?.text
                == "CREDIT CHARGE needs a passport with scope all")
        #expect(
            Authorization.refusal(.creditBalance, reader, owner: .unknown)?.text
                == "CREDIT BALANCE: a passport of scope own reads its own user only")
    }

    private static func refusal(
        _ line: String, _ permissions: Permissions, _ scope: Scope = .all, keys: Bool = false
    ) throws -> String? {
        let rights = Authorization.Rights(permissions: permissions, scope: scope, user: mine, requiresKeys: keys)
        return Authorization.refusal(try parse(line), rights).map { "\($0.code) \($0.text)" }
    }

    @Test func `some sections of INFO are for every passport, all of them for those that monitor`() throws {
        for section in ["server", "Clients", "STATS", "replication", "server replication"] {
            for permissions in [Permissions.read, .write, .billing, .admin, .monitor] {
                #expect(try Self.refusal("INFO \(section)", permissions, .own) == nil, "\(section)")
            }
        }
        for line in ["INFO", "INFO all", "INFO memory", "INFO server persistence", "INFO commandstats", "INFO books"] {
            #expect(try Self.refusal(line, .monitor, .own) == nil && Self.refusal(line, .admin) == nil, "\(line)")
            #expect(
                try Self.refusal(line, [.read, .write, .billing])
                    == "NOPERM INFO needs a passport with permission monitor; without it, ask for the sections server, clients, stats, replication"
            )
            #expect(try Self.refusal(line, .admin, .own) != nil, "\(line)")
        }
    }

    @Test func `one user's past is for who may read it, the whole ledger's for admins besides`() throws {
        for spec in CommandTable.specs where spec.past.isPossible {
            let inner =
                spec.id == .info
                ? "INFO ledger"
                : RefusalTests.line(spec).map { String(decoding: $0, as: UTF8.self) }
                    .map { $0.isEmpty ? "''" : "'\($0)'" }.joined(separator: " ")
            let all = Authorization.Rights(permissions: .all, scope: .all, user: Self.mine)
            #expect(Authorization.refusal(try parse("AT lsn:5 \(inner)"), all) == nil, "\(spec.name)")
            let isAlone = spec.past == .user
            for (permissions, scope) in [
                (Permissions([.read, .write, .billing, .monitor]), Scope.all), (Permissions.all, .own),
            ] {
                let rights = Authorization.Rights(permissions: permissions, scope: scope, user: Self.mine)
                let refusal = Authorization.refusal(try parse("AT lsn:5 \(inner)"), rights)
                #expect((refusal == nil) == isAlone, "\(spec.name): \(refusal?.text ?? "nothing")")
                #expect(refusal.map { $0.code == "NOPERM" } ?? true)
            }
        }
        #expect(
            try Self.refusal("AT 2026-01-01 CREDIT BALANCE u FOR api", .read)
                == "NOPERM AT with CREDIT BALANCE loads the whole ledger as it was: that needs a passport with permission admin and scope all"
        )
        #expect(try Self.refusal("AT 2026-01-01 CREDIT BALANCE u", .read) == nil)
        #expect(
            try Self.refusal("AT 2026-01-01 CREDIT LOTS u", .admin)
                == "NOPERM CREDIT LOTS needs a passport with permission read")
    }

    @Test func `where keys are required, what changes money needs one, and nothing else does`() throws {
        for spec in RefusalTests.plain where !RefusalTests.needsAnOption.contains(spec.id) {
            let words = RefusalTests.line(spec)
            let rights = Authorization.Rights(permissions: .all, scope: .all, user: Self.mine, requiresKeys: true)
            let refusal = Authorization.refusal(try parse(words), rights)
            #expect((refusal != nil) == spec.changesMoney, "\(spec.name)")
            if let refusal {
                #expect(refusal.code == "ERR" && refusal.text.contains("must carry a KEY"))
                let keyed = words + ["KEY", "k"].map { Array($0.utf8) }
                #expect(Authorization.refusal(try parse(keyed), rights) == nil, "\(spec.name)")
                #expect(spec.takesKey, "\(spec.name)")
            }
        }
        #expect(try Self.refusal("CREDIT CHARGE u 1 api", .write) == nil)
        let names = CommandTable.specs.filter(\.changesMoney).map(\.name)
        #expect(
            names == [
                "CREDIT PURCHASE", "CREDIT GRANT", "CREDIT CHARGE", "CREDIT ADJUST", "CREDIT REFUND",
                "CREDIT TRANSFER", "HOLD PLACE", "HOLD CAPTURE", "SPACE PURCHASE",
            ])
    }
}
