internal import LedgerClient
internal import RESP

/// `.tail`: events as they come.
extension REPL {
    /// What is to be followed.
    struct TailRequest: Hashable, Sendable {
        /// A number, `$` or `now`; nil: a few of the last ones first.
        var from: String?
        var user: String?
        /// Events at most.
        var count: Int?

        /// `[FROM lsn] [USER u]`, and of `TAIL FROM lsn [USER u] [COUNT n]` the words from FROM on. Nil: neither.
        init?(_ words: [String], mayCount: Bool = false) {
            guard words.count.isMultiple(of: 2) else { return nil }
            for place in stride(from: 0, to: words.count, by: 2) {
                let value = words[place + 1]
                switch words[place].uppercased() {
                case "FROM" where from == nil: from = value
                case "USER" where user == nil: user = value
                case "COUNT" where mayCount && count == nil:
                    guard let number = Int(value), number > 0 else { return nil }
                    count = number
                default: return nil
                }
            }
        }

        /// As an answer, which comes after a moment even where nothing happens: nobody waits longer for Ctrl-C.
        func words(from next: String, count most: Int = 100) -> [[UInt8]] {
            var words = ["TAIL", "FROM", next, "COUNT", "\(min(count ?? most, most))", "BLOCK", "\(patience)"]
            if let user { words += ["USER", user] }
            return words.map { Array($0.utf8) }
        }

        /// Milliseconds.
        private var patience: Int { 250 }
    }

    private static let mostBefore = 10
    /// How far back those are looked for that are about one user.
    private static let farthest: Int64 = 10_000

    /// Shows each event on a line, until the task is cancelled. A connection that is lost is opened again, and the
    /// events go on behind the last one. Of a fork, whose time stands, it shows what has happened in it, and ends.
    mutating func tail(_ arguments: [String], _ rendering: Rendering) async -> Outcome {
        guard let asked = TailRequest(arguments) else { return usage(.tail) }
        return await follow(asked, rendering)
    }

    /// The same for `TAIL FROM …` where it would push events. Nil where it is another command, or a wrong one.
    mutating func tailCommand(_ words: [String], _ rendering: Rendering) async -> Outcome? {
        guard words.prefix(2).map({ $0.uppercased() }) == ["TAIL", "FROM"], words.count > 2,
            let asked = TailRequest(Array(words.dropFirst()), mayCount: true)
        else { return nil }
        switch audience {
        case .later: return nil
        case .program, .person: return await follow(asked, rendering)
        }
    }

    private mutating func follow(_ request: TailRequest, _ rendering: Rendering) async -> Outcome {
        if isInTransaction { return Self.needsEnd }
        if !lost.isEmpty { return Outcome(errors: "\(TiesLost(ties: lost))\n", failed: true) }
        if case .later = audience {
            return Outcome(errors: ".tail goes on and on: nobody is here to see it\n", failed: true)
        }
        var (asked, outcome) = (request, Outcome())
        if case .person(let console) = audience {
            let title =
                world.fork.map { "what happened in fork \(DisplayText.sanitized($0))" } ?? "events, until Ctrl-C"
            console.terminal.write((rendering.usesColour ? Style.faint.applied(to: title) : title) + "\n")
        }
        do {
            var day = ""
            var next = try await begin(&asked, rendering, &day)
            while !Task.isCancelled, asked.count != 0 {
                let answer: RESPValue
                do {
                    answer = try await reach.send([asked.words(from: next)])[0]
                } catch let error as ClientError {
                    guard !Task.isCancelled, world == .ledger, try await connectAgain(after: error, next) else {
                        if Task.isCancelled { break }
                        throw error
                    }
                    continue
                }
                guard let page = try Self.page(of: answer) else { break }
                if page.events.isEmpty, world != .ledger { break }
                show(page.events, rendering, &day)
                next = page.next
                asked.count = asked.count.map { max($0 - page.events.count, 0) }
            }
        } catch let error as RESPError {
            outcome = Outcome(errors: rendering.text(of: .error(error)), failed: true)
        } catch {
            outcome = Outcome(errors: "\(error)\n", failed: true)
        }
        outcome.wasInterrupted = Task.isCancelled
        return outcome
    }

    /// Shows the events before, if none were asked for, and answers where to go on.
    private mutating func begin(
        _ asked: inout TailRequest, _ rendering: Rendering, _ day: inout String
    ) async throws -> String {
        if let from = asked.from { return from }
        if let fork = world.fork {
            let answer = try await send([["FORK", "LIST"].map { Array($0.utf8) }])[0]
            if let error = answer.error { throw error }
            return "\((ListedFork.list(answer)?.first { $0.name == fork }?.lsn ?? 0) + 1)"
        }
        let answer = try await send([["WAIT", "0"].map { Array($0.utf8) }])[0]
        if let error = answer.error { throw error }
        let last = answer.integer ?? 0
        guard asked.user != nil else { return "\(max(last - Int64(Self.mostBefore) + 1, 1))" }
        var next = max(last - Self.farthest, 1)
        var events: [RESPValue] = []
        while next <= last, !Task.isCancelled {
            let answer = try await send([asked.words(from: "\(next)", count: 1000)])[0]
            guard let page = try Self.page(of: answer), let number = Int64(page.next), number > next else { break }
            events = (events + page.events).suffix(Self.mostBefore)
            next = number
        }
        show(events, rendering, &day)
        return "\(next)"
    }

    /// `[next, [event, …]]`. Throws what was refused.
    private static func page(of answer: RESPValue) throws -> (next: String, events: [RESPValue])? {
        if let error = answer.error { throw error }
        guard let parts = answer.elements, parts.count == 2, let next = parts[0].string, let events = parts[1].elements
        else { return nil }
        return (next, events)
    }

    private func show(_ events: [RESPValue], _ rendering: Rendering, _ day: inout String) {
        guard !events.isEmpty else { return }
        for event in events { known.learn(from: event) }
        _ = audience.take(events.map { EventLine.text(of: $0, rendering, day: &day) }.joined(), "")
    }

    /// Tries until it is connected, with growing pauses. False: cancelled, or there is no way to.
    private mutating func connectAgain(after error: ClientError, _ next: String) async throws -> Bool {
        switch error {
        case .connectionLost, .notConnected: break
        case .cannotConnect, .passportRefused, .turnedAway, .notALedger, .cancelled: return false
        }
        // Where the connection was more than a way to the ledger, the next command tells what ended with it.
        guard let reconnect = options.reconnect, ties.isEmpty else { return false }
        _ = audience.take("", "the connection is lost; trying again, until Ctrl-C\n")
        var told = ""
        var pause = Duration.milliseconds(200)
        while !Task.isCancelled {
            do {
                port = try await reconnect()
                _ = audience.take("", "connected again; the events go on from \(next)\n")
                return true
            } catch {
                if told != "\(error)", !Task.isCancelled {
                    told = "\(error)"
                    _ = audience.take("", told + "\n")
                }
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(5))
        }
        return false
    }
}

extension REPL.Audience {
    /// Shows a text at once. False where nobody is there to see it.
    func take(_ output: String, _ errors: String) -> Bool {
        switch self {
        case .later: return false
        case .program:
            writeAll(output, to: 1)
            writeAll(errors, to: 2)
        case .person(let console): console.terminal.write(output + errors)
        }
        return true
    }
}
