internal import LedgerClient
internal import RESP

/// What a connection has beside its ledger, and a new one to the same ledger has not. Commands that were typed for it
/// mean something else without it.
struct ConnectionTies: Hashable, Sendable {
    /// Between MULTI and EXEC: whatever is sent is queued, so nothing may be asked that was not typed.
    var transaction = false
    /// WATCH: EXEC is to look whether these users were changed.
    var watch = false
    /// The passport of an AUTH; a new connection shows that of `FLORIN_PASSPORT`.
    var passport = false

    var isEmpty: Bool { self == ConnectionTies() }

    /// For people.
    var names: [String] {
        [
            transaction ? "the transaction" : nil, watch ? "what was watched" : nil,
            passport ? "the passport of AUTH" : nil,
        ].compactMap { $0 }
    }

    mutating func add(_ other: ConnectionTies) {
        transaction = transaction || other.transaction
        watch = watch || other.watch
        passport = passport || other.passport
    }

    mutating func endTransaction() { (transaction, watch) = (false, false) }
}

/// A command was not sent: what it relied on has ended with the connection.
struct TiesLost: Error, CustomStringConvertible {
    /// At least one.
    let ties: ConnectionTies

    var description: String {
        if ties.transaction {
            return "the transaction ended with the connection: nothing of it was carried out, and this was not sent; "
                + "DISCARD ends it here, too"
        }
        if ties.watch {
            return "what was watched is watched no more, for the connection was lost: this was not sent; "
                + "WATCH watches again, UNWATCH goes on without"
        }
        return "the passport of AUTH was forgotten with the connection: this was not sent; "
            + "AUTH shows it again, RESET goes on with that of FLORIN_PASSPORT"
    }
}

/// Sending, and what becomes of it when the connection is gone.
extension REPL {
    /// Between MULTI and EXEC.
    var isInTransaction: Bool { ties.transaction }

    /// Sends, on a new connection if the old one is known to be gone: only where nothing was sent, never where the
    /// outcome is unknown, and not what relied on the old one (``TiesLost``).
    mutating func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        if let answer = try await answerHere(commands) { return [answer] }
        let commands = try commands.map { try withFiles($0) }
        do {
            return try await exchange(commands)
        } catch ClientError.notConnected(let peer, let reason) {
            guard let reconnect = options.reconnect else { throw ClientError.notConnected(peer: peer, reason: reason) }
            port = try await reconnect()
            lost.add(ties)
            ties = ConnectionTies()
            guard lost.isEmpty else { throw TiesLost(ties: lost) }
            return try await exchange(commands)
        }
    }

    private mutating func exchange(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        do {
            let answers = try await reach.send(commands)
            for (words, answer) in zip(commands, answers) { note(words, answer) }
            return answers
        } catch let error as ClientError {
            let answered: [RESPValue]
            switch error {
            case .connectionLost(_, let first, _, _): answered = first
            case .cancelled(let unanswered) where unanswered > 0: answered = []
            case .cancelled, .cannotConnect, .passportRefused, .turnedAway, .notALedger, .notConnected: throw error
            }
            for (place, words) in commands.enumerated() {
                note(words, place < answered.count ? answered[place] : nil)
            }
            throw error
        }
    }

    /// Takes up what ties a command has made or ended. `answer` nil: it was sent, and nobody knows whether it was
    /// carried out.
    private mutating func note(_ words: [[UInt8]], _ answer: RESPValue?) {
        let names = Self.names(words)
        let mayBeDone = answer?.error == nil
        switch names.first {
        case "MULTI" where mayBeDone: ties.transaction = true
        case "WATCH" where mayBeDone: (ties.watch, lost.watch) = (true, false)
        case "UNWATCH": ties.watch = false
        // Refused or not, the ledger ends it.
        case "EXEC" where ties.transaction, "DISCARD" where ties.transaction: ties.endTransaction()
        case "AUTH" where mayBeDone, "HELLO" where mayBeDone && names.contains("AUTH"):
            ties = ConnectionTies(passport: true)
            lost.passport = false
        default: break
        }
    }

    /// The answer to a command that must not go over the prompt's own connection, or need not. Nil: it is to be sent.
    private mutating func answerHere(_ commands: [[[UInt8]]]) async throws -> RESPValue? {
        let names = commands.count == 1 ? Self.names(commands[0]) : []
        if !lost.isEmpty, let answer = try settle(names) { return answer }
        guard world == .ledger else { return nil }
        switch names.first {
        case "RESET":
            // It would leave the connection without a passport, and with another protocol.
            guard let reconnect = options.reconnect else { return nil }
            // What the old one holds ends at once, not when somebody notices that nobody asks it any more.
            _ = try? await port.send(commands)
            port = try await reconnect()
            ties = ConnectionTies()
            _ = known.endForks()
            mustAskMode = true
            return .simple("RESET")
        case "HELLO" where names.count > 1 && Int(names[1]) == 2:
            return Self.refusal("HELLO 2 would change the protocol under the prompt, which reads RESP3")
        case "QUIT":
            return Self.refusal("QUIT would end the connection under the prompt: quit leaves it, RESET makes a new one")
        case "MONITOR" where options.monitor != nil:
            return Self.refusal("MONITOR needs a connection of its own: typed at the prompt as a line, it has one")
        case "TAIL" where names.count > 1 && names[1] == "FROM" && !names.contains("BLOCK") && options.moment == nil:
            return Self.refusal(
                "events would come between the answers of other commands: .tail or tail() shows them as they come, "
                    + "and with BLOCK the next ones are the answer")
        default: return nil
        }
    }

    private static func refusal(_ text: String) -> RESPValue { .error(RESPError(code: "ERR", message: text)) }

    /// What a command does about ties that were lost. Nil: it is to be sent. Throws where it relies on them.
    private mutating func settle(_ names: [String]) throws(TiesLost) -> RESPValue? {
        switch names.first {
        case "RESET":
            lost = ConnectionTies()
            return nil
        case "DISCARD" where lost.transaction:
            lost.endTransaction()
            return .simple("OK")
        case "EXEC" where lost.transaction:
            lost.endTransaction()
            return .error(
                RESPError(
                    code: "EXECABORT",
                    message: "the transaction ended with the connection: nothing of it was carried out"))
        case "UNWATCH" where lost.watch && !lost.transaction:
            lost.watch = false
            return .simple("OK")
        case "WATCH" where lost == ConnectionTies(watch: true): return nil
        case "AUTH" where lost == ConnectionTies(passport: true): return nil
        case "HELLO" where lost == ConnectionTies(passport: true) && names.contains("AUTH"): return nil
        default: throw TiesLost(ties: lost)
        }
    }

    /// The first words of a command, in capitals.
    private static func names(_ words: [[UInt8]]) -> [String] {
        words.prefix(16).map { $0.count <= 16 ? String(decoding: $0, as: UTF8.self).uppercased() : "" }
    }

    /// After a wait that was given up: its answer is still to come on the old connection. Says what ended with it.
    mutating func reconnect(_ outcome: inout Outcome) async {
        guard let reconnect = options.reconnect else { return }
        do {
            port = try await reconnect()
            // Of the fork that was entered the next prompt tells.
            let forks = known.endForks().filter { $0 != world.fork }.joined(separator: ", ")
            let ended = ties.names + (forks.isEmpty ? [] : ["fork " + DisplayText.sanitized(forks)])
            lost.add(ties)
            ties = ConnectionTies()
            if !ended.isEmpty {
                outcome.errors += "what ended with the connection: \(ended.joined(separator: "; "))\n"
            }
        } catch {
            outcome.errors += "\(error)\n"
        }
    }

    /// What a copy of this prompt has changed while it worked for it.
    mutating func take(from copy: REPL) {
        (port, last, world) = (copy.port, copy.last, copy.world)
        (mustAskMode, ties, lost) = (copy.mustAskMode, copy.ties, copy.lost)
    }
}
