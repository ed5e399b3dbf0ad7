import Glibc
import LedgerCore
import RESP
import Synchronization

/// A ledger in a dictionary: enough of the protocol for an import, with its own arithmetic. Prices are nano-USD per
/// hour; a charge is rounded half-even with 128-bit integers, written here a second time on purpose.
final class FakeLedger: CommandPort {
    struct User: Sendable {
        var email: String
        var type: String
        var available: Int64
        var debt: Int64 = 0
    }

    struct Session: Sendable {
        var words: [String]
        var amount: Int64
        var user: String
        var type = ""
    }

    struct Lost: Error, CustomStringConvertible {
        var description: String { "connection lost" }
    }

    struct State: Sendable {
        var users: [String: User] = [:]
        var sessions: [String: Session] = [:]
        var references: [String: [String]] = [:]
        var keys: [String: [String]] = [:]
        var source = ""
        /// What was asked, but for the time.
        var log: [[String]] = []
        /// Commands posted whose answers were not asked for yet, now and at most.
        var underWay = 0
        var mostUnderWay = 0
        /// Commands until the connection is lost; those before are carried out.
        var lifetime = Int.max
        /// Every n-th command is refused with BUSY, once.
        var busyEvery = 0
        /// Idempotency keys are forgotten, as they are after a day.
        var forgetsKeys = false
        var answersRecord: RESPValue?
        var received = 0
        var isBusy = false
        /// Unix seconds: 2026-11-23.
        var now: Int64 = 1_795_392_000
    }

    let state: Mutex<State>

    /// nano-USD per hour.
    static let rates: [String: [String: Int64]] = [
        "free": ["small": 50_000_000, "medium": 75_000_000, "large": 100_000_000, "gpu": 250_000_000],
        "pro": ["small": 25_000_000, "medium": 37_500_000, "large": 50_000_000, "gpu": 125_000_000],
        "enterprise": ["small": 10_000_000, "medium": 15_000_000, "large": 20_000_000, "gpu": 50_000_000],
        "admin": ["small": 0, "medium": 0, "large": 0, "gpu": 0],
    ]

    static func price(_ type: String, _ tier: String, _ seconds: Int64) -> Int64 {
        let product = Int128(rates[type]![tier]!) * Int128(seconds)
        let whole = product / 3600
        let rest = product % 3600
        if rest * 2 > 3600 || (rest * 2 == 3600 && whole % 2 == 1) { return Int64(whole + 1) }
        return Int64(whole)
    }

    init(source: String) {
        var state = State()
        state.source = source
        self.state = Mutex(state)
    }

    var snapshot: State { state.withLock { $0 } }
    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        let words = commands.map { $0.map { String(decoding: $0, as: UTF8.self) } }
        return try state.withLock { state in
            var answers: [RESPValue] = []
            for command in words {
                guard state.received < state.lifetime else { throw Lost() }
                state.received += 1
                if command != ["TIME"] { state.log.append(command) }
                if state.busyEvery > 0, state.received % state.busyEvery == 0, !state.isBusy {
                    state.isBusy = true
                    answers.append(refuse("BUSY", "later"))
                    continue
                }
                state.isBusy = false
                answers.append(answer(command, &state))
            }
            return answers
        }
    }

    /// Carried out when the answers are asked for.
    func post(_ commands: EncodedCommands) -> PostedCommands {
        state.withLock {
            $0.underWay += commands.count
            $0.mostUnderWay = max($0.mostUnderWay, $0.underWay)
        }
        return PostedCommands { [self] in
            state.withLock { $0.underWay -= commands.count }
            var writer = RESPWriter(version: .v3)
            for value in try await send(commands.words) { writer.value(value) }
            return writer.bytes
        }
    }

    private func refuse(_ code: String, _ text: String) -> RESPValue { .error(RESPError(code: code, message: text)) }

    private func receipt(_ fields: [(String, String)], replayed: Bool = false) -> RESPValue {
        var pairs = fields.map { RESPPair(.text($0.0), .text($0.1)) }
        pairs.append(RESPPair(.text("replayed"), .integer(replayed ? 1 : 0)))
        return .map(pairs)
    }

    static func money(_ nanos: Int64) -> String {
        let whole = nanos.magnitude / 1_000_000_000
        var fraction = String(nanos.magnitude % 1_000_000_000)
        fraction = String(repeating: "0", count: 9 - fraction.count) + fraction
        while fraction.count > 2, fraction.last == "0" { fraction.removeLast() }
        return "\(nanos < 0 ? "-" : "")\(whole).\(fraction)"
    }

    static func nanos(_ text: String) -> Int64 {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let fraction = parts.count > 1 ? String(parts[1]) : ""
        return Int64(parts[0])! * 1_000_000_000 + Int64(fraction + String(repeating: "0", count: 9 - fraction.count))!
    }

    private func answer(_ words: [String], _ state: inout State) -> RESPValue {
        switch (words[0], words.count > 1 ? words[1] : "") {
        case ("TIME", _): return .array([.text("\(state.now)"), .text("0")])
        case ("RULE", "SHOW"):
            if state.source.isEmpty { return refuse("NOTFOUND", "no such rule version") }
            return .map([RESPPair(.text("name"), .text(words[2])), RESPPair(.text("source"), .text(state.source))])
        case ("USER", "CREATE"):
            let (email, id, type, key) = (words[2], words[4], words[6], words[8])
            if let before = state.keys[key], !state.forgetsKeys {
                return before == words
                    ? receipt([("id", id), ("bonus", type == "free" ? "5.00" : "0.00")], replayed: true)
                    : refuse("KEYREUSED", "this KEY was used before with other arguments")
            }
            if state.users[id] != nil { return refuse("EXISTS", "this user exists already") }
            if state.users.values.contains(where: { $0.email == email }) {
                return refuse("EXISTS", "this e-mail exists already")
            }
            state.users[id] = User(email: email, type: type, available: type == "free" ? 5_000_000_000 : 0)
            state.keys[key] = words
            return receipt([("id", id), ("bonus", type == "free" ? "5.00" : "0.00")])
        case ("USER", "GET"):
            guard let user = state.users[words[2]] else { return refuse("NOTFOUND", "no such user") }
            return receipt([("user", words[2]), ("email", user.email), ("type", user.type)])
        case ("CREDIT", "BALANCE"):
            guard let user = state.users[words[2]] else { return refuse("NOTFOUND", "no such user") }
            return receipt([("user", words[2]), ("available", Self.money(user.available))])
        case ("CREDIT", "ADJUST"):
            let (user, amount, reference) = (words[2], words[3], words[7])
            if let before = state.references[reference] {
                return before == words
                    ? receipt([("amount", amount)], replayed: true) : refuse("EXISTS", "this adjustment exists already")
            }
            state.references[reference] = words
            state.users[user]!.available += Self.nanos(amount)
            return receipt([("amount", amount)])
        case ("SESSION", "GET"):
            guard let session = state.sessions[words[2]] else { return refuse("NOTFOUND", "no such session") }
            return receipt([("session", words[2]), ("user", session.user)])
        case ("SESSION", "RECORD"):
            let (id, user, tier) = (words[2], words[3], words[4])
            if let answer = state.answersRecord { return answer }
            if let before = state.sessions[id] {
                return before.words == words
                    ? receipt([("amount", Self.money(before.amount)), ("type", before.type)], replayed: true)
                    : refuse("EXISTS", "this session exists already")
            }
            guard let owner = state.users[user] else { return refuse("NOTFOUND", "no such user") }
            let seconds = Self.instant(words[8]) - Self.instant(words[6])
            let amount = Self.price(owner.type, tier, seconds)
            let paid = min(amount, owner.available)
            state.users[user]!.available -= paid
            state.users[user]!.debt += amount - paid
            state.sessions[id] = Session(words: words, amount: amount, user: user, type: owner.type)
            return receipt([("session", id), ("type", owner.type), ("amount", Self.money(amount))])
        default:
            return refuse("ERR", "unknown command")
        }
    }

    /// Unix seconds, or RFC 3339.
    private static func instant(_ word: String) -> Int64 { Timestamp(word)!.nanoseconds / 1_000_000_000 }
}

/// A file that goes away with the value that made it.
final class TemporaryFile {
    let path: String

    init(_ bytes: [UInt8], suffix: String = ".swf") {
        var template = Array("/tmp/florin-import-XXXXXX\(suffix)".utf8CString)
        let file = mkstemps(&template, Int32(suffix.utf8.count))
        precondition(file >= 0, "a temporary file must be possible")
        precondition(write(file, bytes, bytes.count) == bytes.count, "it must be writable")
        close(file)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    convenience init(_ text: String, suffix: String = ".swf") { self.init(Array(text.utf8), suffix: suffix) }

    deinit { unlink(path) }
}
