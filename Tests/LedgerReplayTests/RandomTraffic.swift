import LedgerCore
import LedgerEngine
import LedgerServer
import LedgerTestKit
import RESP

/// A random month of everything that clients ask for, by several passports, with pauses: often refused, and never
/// twice the same.
struct RandomTraffic {
    private var random: SeededGenerator
    private var ledger: Ledger
    private(set) var now: Timestamp
    /// Of the ledger's own clock, where it is not driven by commands.
    private let isDriven: Bool
    private var users = ["u0", "u1", "u2", "u3"]
    private var made = 0
    /// Secrets by which is asked; the admin's is the first.
    private var services: [String]
    /// Of users, for ADMIT.
    private var secrets: [String] = []
    private var passports: [String] = []
    private var holds: [String] = []
    private var charges: [String] = []
    private var sessions: [String] = []
    private var count = 0
    private var client = ""
    private static let tiers = ["small", "medium", "large", "gpu"]
    private static let types = ["free", "pro", "enterprise", "admin"]
    private static let scopes = ["", " FOR session_runtime", " FOR storage_creation,api", " FOR calls,job"]

    init(_ ledger: Ledger, seed: UInt64, isDriven: Bool = true) {
        self.ledger = ledger
        self.isDriven = isDriven
        random = SeededGenerator(seed: seed)
        now = Ledger.begins
        services = [ledger.secret]
    }

    mutating func prepare() async throws {
        try await ledger.ask("AUTH \(ledger.secret)")
        for (index, user) in users.enumerated() {
            try await ledger.ask(
                "USER CREATE \(user)@b.example ID \(user) NAME \"Name \(user)\" TYPE \(Self.types[index])")
            try await ledger.ask("CREDIT PURCHASE \(user) 20 card")
        }
        for line in [
            "LIMIT SET free storage_grace 10h", "LIMIT SET pro storage_grace 0s",
            "LIMIT SET enterprise storage_debt 0.005", "LIMIT SET pro tiers small,medium,large",
            "SPACE ADD ml COST 2.5 SIZE 5 CREATOR u1 SHARE 30 DESCRIPTION \"a space\"",
            "SPACE ADD web COST 2.499999999 SIZE 5 PUBLIC no CREATOR u2 SHARE 12.34",
            "METER ADD calls UNIT calls", "METER ADD egress UNIT GB SCALE 3 DESCRIPTION \"traffic out\"",
            "RULE LOAD meter:calls \"return function(t, n, before) return n * 100001 + before % 7 end\"",
            "RULE LOAD meter:egress \"return function(t, n, before) return n * 333333 end\"",
            "RULE ACTIVATE meter:calls 1", "RULE ACTIVATE meter:egress 1",
            "RULE LOAD session_runtime \"return function(t, tier, s) return { {0, 51234567}, {3, 12345678} } end\"",
            "RULE LOAD session_runtime \"return function(t, tier, s) return 99999999 + s % 1000 end\"",
            "RULE LOAD storage \"return function(t, kind, gb) return 20000003 + gb end\"",
            "RULE LOAD space_purchase \"return function(t, space, price, gb) return price - price // 10 end\"",
            "RULE LOAD purchase_bonus \"return function(t, amount) return amount // 20 end\"",
        ] {
            try await ledger.must(line)
        }
        for line in [
            "PASSPORT CREATE u3 service read,write,billing SCOPE all",
            "PASSPORT CREATE u3 capped write,billing SCOPE all CAP_DAY 3 CAP_MONTH 9",
            "PASSPORT CREATE u3 keyed write,billing SCOPE all KEYS required RATE 100000",
        ] {
            let answer = try await ledger.ask(line)
            guard let secret = answer["secret"]?.string else { throw Unexpected("\(line): \(answer)") }
            services.append(secret)
        }
    }

    /// The same ledger, started again.
    mutating func go(on ledger: Ledger) { self.ledger = ledger }

    /// Eight clients at once, by ports of their own.
    func fromManyClients(of ledger: Ledger) async throws {
        try await withThrowingTaskGroup { clients in
            for number in 1...8 {
                let other = try await ledger.another()
                let traffic = another(number, on: other)
                clients.addTask {
                    var traffic = traffic
                    for _ in 0..<80 { try await traffic.step() }
                    await other.port.close()
                }
            }
            try await clients.waitForAll()
        }
    }

    /// Another client of the same ledger, who asks for other things.
    private func another(_ number: Int, on ledger: Ledger) -> RandomTraffic {
        var another = self
        another.ledger = ledger
        another.client = "c\(number)."
        another.random = SeededGenerator(seed: UInt64(number) &+ 1_000)
        return another
    }

    /// One step: time perhaps goes on, somebody else perhaps asks, and a command is sent. Returns the answer.
    @discardableResult
    mutating func step() async throws -> RESPValue {
        if number(3) == 0 { try await wait() }
        let line = next()
        // Most of what only an admin may is asked by one.
        let service = number(3) == 0 ? Int(number(Int64(services.count))) : isForAdmins(line) ? 0 : 1
        // One that is banned or has ended may not: the admin asks instead.
        if try await ledger.ask("AUTH \(services[service])").error != nil {
            try await ledger.ask("AUTH \(ledger.secret)")
        }
        let answer = try await ledger.ask(line)
        learn(line, answer)
        return answer
    }

    private mutating func wait() async throws {
        let longest: Int64 = number(12) == 0 ? 700_000 : 4_000
        let span = TimeSpan(nanoseconds: (1 + number(longest)) * 1_000_000_000 + number(1_000_000_000))
        let isAway = number(15) == 0
        let before = now
        now = now + span
        guard isDriven else { return isAway ? ledger.clock.sleep(for: span) : ledger.clock.advance(by: span) }
        try await ledger.ask("AUTH \(ledger.secret)")
        try await ledger.ask("CLOCK SET \(now)" + (isAway ? " DOWN \(before)" : ""))
    }

    private func isForAdmins(_ line: String) -> Bool {
        ["USER", "PASSPORT", "LIMIT", "RULE", "SPACE GRANT", "SPACE REVOKE", "CLOCK", "ALLOWANCE"].contains {
            line.hasPrefix($0)
        }
    }

    private mutating func learn(_ line: String, _ answer: RESPValue) {
        if line.hasPrefix("HOLD PLACE"), let hold = answer["id"]?.string { holds.append(hold) }
        if let charge = answer["charge"]?.string ?? answer["id"]?.string, charge.hasPrefix("c_") {
            charges.append(charge)
        }
        if line.hasPrefix("PASSPORT CREATE") || line.hasPrefix("PASSPORT ROTATE"), let id = answer["passport"]?.string,
            let secret = answer["secret"]?.string
        {
            passports.append(id)
            secrets.append(secret)
        }
        if line.hasPrefix("USER CREATE"), let user = answer["user"]?.string { users.append(user) }
    }

    // MARK: Wishes

    private mutating func number(_ below: Int64) -> Int64 { Int64(random.next() % UInt64(max(below, 1))) }
    private mutating func money(_ dollars: Int64) -> Money {
        Money(nanos: 1 + number(dollars * 1_000_000_000))
    }
    private mutating func one(_ of: [String]) -> String { of[Int(number(Int64(of.count)))] }
    private mutating func user() -> String { number(6) == 0 ? one(users) : users[Int(number(4))] }
    private mutating func session() -> String { sessions.isEmpty ? "none" : one(sessions.suffix(12)) }
    private mutating func key() -> String {
        count += 1
        return number(4) == 0
            ? " KEY k\(client)\(number(Int64(count)))" : number(3) == 0 ? "" : " KEY n\(client)\(count)"
    }
    private mutating func labels() -> String {
        number(3) == 0 ? " LABELS team=\(one(["ml", "web"])),job=\(number(5))" : ""
    }

    private mutating func next() -> String { (number(2) == 0 ? money() : number(2) == 0 ? use() : rare()) }

    private mutating func money() -> String {
        switch number(14) {
        case 0:
            "CREDIT PURCHASE \(user()) \(1000 + number(2000)).\(10 + number(90)) \(one(["card", "wire"]))"
                + " REF p\(number(9999))" + key()
        case 1:
            "CREDIT GRANT \(user()) \(money(2)) KIND \(one(["promo", "compensation"]))"
                + " EXPIRES \(now + .hours(6 + number(50)))"
                + (number(2) == 0 ? " EFFECTIVE \(now + .hours(1 + number(4)))" : "") + one(Self.scopes)
                + " REASON \"because\"" + key()
        case 2, 3, 4:
            "CREDIT CHARGE \(user()) \(money(4)) \(one(["api", "gpu"]))" + (number(3) == 0 ? " OVER" : "")
                + (number(2) == 0 ? " DESCRIPTION \"calls\"" : "") + labels() + key()
        case 5:
            "CREDIT ADJUST \(user()) \(number(2) == 0 ? "-" : "")\(money(4)) REASON \"entered twice\"" + key()
        case 6, 7: "HOLD PLACE \(user()) \(money(3)) TTL \(1 + number(3000))m SOURCE job" + labels() + key()
        case 8:
            "HOLD CAPTURE \(holds.isEmpty ? "h_1" : one(holds.suffix(5))) \(money(2))"
                + (number(2) == 0 ? " FINAL" : "")
                + (number(2) == 0 ? " OVER" : "") + key()
        case 9: "HOLD VOID \(holds.isEmpty ? "h_1" : one(holds.suffix(5)))" + key()
        case 10: "CREDIT TRANSFER \(user()) \(user()) \(money(3)) REASON \"shared\"" + key()
        case 11: "CREDIT REFUND \(charges.isEmpty ? "c_1" : one(charges)) REASON \"did not work\"" + key()
        case 12: "CREDIT REFUND \(charges.isEmpty ? "c_1" : one(charges)) \(money(1)) REASON \"in part\"" + key()
        default:
            "CREDIT REFUND \(session())" + (number(2) == 0 ? " \(money(1))" : "") + " REASON \"node failed\"" + key()
        }
    }

    private mutating func use() -> String {
        switch number(15) {
        case 0, 1:
            sessions.append("s\(client)\(sessions.count)")
            return "SESSION START \(sessions.last!) \(user()) \(one(Self.tiers)) TTL \(1 + number(40_000))m"
                + (number(5) == 0 ? " RESERVE full" : "")
                + (number(2) == 0 ? " HEARTBEAT \(1 + number(4000))m" : "") + labels() + key()
        case 2, 3:
            sessions.append("s\(client)\(sessions.count)")
            return
                "SESSION ADMIT \(secrets.isEmpty ? ledger.secret : one(secrets)) \(sessions.last!) \(one(Self.tiers)) "
                + "TTL \(1 + number(40_000))m" + labels() + key()
        case 4: return "SESSION STOP \(session())" + key()
        case 5, 6: return "SESSION HEARTBEAT \(session())"
        case 7: return "SESSION CANCEL \(sessions.last ?? "none") REASON \"no node\""
        case 8: return "SESSION RETIER \(session()) \(one(Self.tiers))" + key()
        case 9:
            sessions.append("s\(client)\(sessions.count)")
            return "SESSION RECORD \(sessions.last!) \(user()) large FROM \(now - .minutes(number(90_000))) TO \(now)"
                + labels() + key()
        case 10:
            return
                "STORAGE CREATE \(user()) r\(number(7)) \(one(["bucket", "filestore"])) \(1 + number(9)).\(number(999))"
                + labels()
        case 11: return "STORAGE RESIZE r\(number(7)) \(number(9)).\(100 + number(899))" + key()
        case 12: return "STORAGE DELETE r\(number(7))"
        case 13:
            return "SPACE PURCHASE \(user()) \(one(["ml", "web"])) w i\(number(20))" + labels() + key()
        default:
            count += 1
            return "USAGE RECORD use\(client)\(number(3) == 0 ? number(Int64(count)) : Int64(count)) \(user()) "
                + (number(2) == 0 ? "calls \(number(500))" : "egress \(number(9)).\(100 + number(899))")
                + (number(2) == 0 ? " AT \(now - .hours(number(900)))" : "") + labels() + key()
        }
    }

    private mutating func rare() -> String {
        switch number(19) {
        case 0:
            made += 1
            return "USER CREATE g\(made)@b.example ID g\(made) TYPE \(one(Self.types)) PERSON p\(number(5))" + key()
        case 1: return "USER DELETE \(users.last!)" + (number(2) == 0 ? " FORFEIT" : "") + key()
        case 2: return "USER SET \(user()) STATE \(one(["active", "active", "suspended", "banned"]))"
        case 3: return "USER SET \(user()) STATE active"
        case 4: return "USER SET \(user()) TYPE \(one(Self.types))" + key()
        case 5: return "USER SET \(user()) EMAIL e\(number(5))@b.example"
        case 6: return "USER SET \(user()) NAME \"\(one(["", "New Name"]))\""
        case 7, 8:
            return "PASSPORT CREATE \(user()) laptop read,write"
                + (number(2) == 0 ? " EXPIRES \(now + .hours(1 + number(100)))" : "")
                + (number(2) == 0 ? " CAP_DAY \(money(3))" : "")
        case 9: return "PASSPORT ROTATE \(passports.isEmpty ? "0000000000" : one(passports)) OVERLAP \(number(90))m"
        case 10: return "PASSPORT REVOKE \(passports.isEmpty ? "0000000000" : one(passports))"
        case 11:
            return "PASSPORT SET \(passports.isEmpty ? "0000000000" : one(passports)) CAP_DAY "
                + (number(2) == 0 ? "none" : "\(money(5))")
        case 12:
            return
                "LIMIT SET user:\(user()) \(one(["cap_day", "cap_month"])) \(number(3) == 0 ? "none" : "\(money(6))")"
        case 13:
            return one([
                "LIMIT SET pro exhaustion_grace \(number(7200))s",
                "LIMIT SET \(one(Self.types)) exhaustion_debt \(number(2) == 0 ? "none" : "\(money(3))")",
                "LIMIT SET \(one(Self.types)) storage_debt \(money(1))", "LIMIT SET free storage_gb 12.5",
                "LIMIT SET \(one(Self.types)) storage_grace \(number(50_000))s", "LIMIT SET enterprise sessions 40",
            ])
        case 14:
            return "RULE ACTIVATE "
                + one(["session_runtime 2", "session_runtime 3", "storage 2", "space_purchase 2", "purchase_bonus 1"])
                + (number(2) == 0 ? " AT \(now + .minutes(1 + number(5000)))" : "")
        case 15: return "RULE ROLLBACK \(one(["session_runtime", "storage", "space_purchase", "purchase_bonus"]))"
        case 16:
            return "ALLOWANCE SET \(number(3) == 0 ? "type:\(one(Self.types))" : user()) \(money(1)) EVERY "
                + one(["day", "week", "month"]) + (number(2) == 0 ? " ROLLOVER \(money(1))" : "") + one(Self.scopes)
        case 17: return "ALLOWANCE REMOVE \(number(3) == 0 ? "type:\(one(Self.types))" : user())"
        default: return one(["SPACE GRANT web \(user())", "SPACE REVOKE web \(user())", "CLOCK ACCEPT"])
        }
    }
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
