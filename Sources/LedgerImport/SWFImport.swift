internal import LedgerCore
internal import LedgerRules
package import RESP

/// Bills a log of real usage: every job that the map names becomes a `SESSION RECORD` with its true times.
///
/// Pass 1 reads the file, maps every job, prices it with the ledger's own active rule (`RULE SHOW`), and sums what each
/// user will be charged. Users that do not exist are then created and given what their sign-up credit does not cover,
/// rounded up to a cent. Pass 2 reads the file again and records the sessions, `window` commands under way at a time,
/// in the file's order. The bill is what the receipts say; the sums of pass 1 only decide how much credit is given.
///
/// Nothing is done twice, however often it is interrupted and repeated: a session is billed under its own id
/// (`SOURCE:job.id` unless the map names another), credit is given with the reference `import:SOURCE:user` and before
/// the user's first session, and a user counts as ours when the e-mail address is the one made up here.
/// The file must not change meanwhile.
package struct SWFImport: Sendable {
    package var file: String
    package var mapName: String
    package var mapSource: String
    package var source: String
    package var window = 4096
    package var progress: (@Sendable (ImportProgress) -> Void)?
    let port: any CommandPort

    /// `source` defaults to the file's name without `.swf` and `.gz`.
    package init(file: String, mapName: String, mapSource: String, source: String? = nil, port: any CommandPort) {
        self.file = file
        self.mapName = mapName
        self.mapSource = mapSource
        self.source = source ?? Self.defaultSource(of: file)
        self.port = port
    }

    /// As above, with the map read from a file.
    package init(file: String, map: String, source: String? = nil, port: any CommandPort) throws(ImportError) {
        self.init(
            file: file, mapName: String(map.split(separator: "/").last ?? ""), mapSource: try readText(map),
            source: source, port: port)
    }

    package static func defaultSource(of file: String) -> String {
        var name = file.split(separator: "/").last ?? ""
        for suffix in [".gz", ".swf"] where name.hasSuffix(suffix) && name.count > suffix.count {
            name.removeLast(suffix.count)
        }
        return String(name)
    }

    package func run() async throws(ImportError) -> ImportReport {
        try checkSource()
        let rule = try await activeRule()
        let now = try await ledgerTime()
        var report = ImportReport()
        let users = try survey(pricedBy: rule, at: now, &report)
        report.users = users.count
        if users.isEmpty, report.skipped == 0 { report.notes.append("the log holds no jobs") }
        try await createUsers(users, &report)
        try await bill(expecting: users.reduce(0) { $0 + $1.sessions }, &report)
        return report
    }

    /// The source becomes a part of every session's id, which the ledger keeps.
    private func checkSource() throws(ImportError) {
        guard !source.isEmpty else { throw ImportError(.file, "the source has no name") }
        // Not repeated: it may be a passport in the wrong place.
        guard !source.lowercased().contains("fl_") else {
            throw ImportError(
                .file,
                "the source contains fl_, as passports do, and would be a part of every id: choose another --source")
        }
        guard cleaned(source) == source else {
            throw ImportError(.file, "the source '\(source)' is not printable: choose another --source")
        }
    }

    /// What the ledger's clock shows: it bills nothing that ends later.
    private func ledgerTime() async throws(ImportError) -> Timestamp {
        let answer = try await ask([["TIME"]])[0]
        if let error = answer.error { throw ImportError(.ledger, "TIME: \(error.text)") }
        guard case .array(let parts) = answer, let seconds = parts.first?.string.flatMap({ Int64($0) }) else {
            throw ImportError(.ledger, "TIME shows no time")
        }
        return Timestamp(seconds: seconds)
    }

    // MARK: - Pass 1

    /// What pass 1 knows of a user.
    struct Customer {
        var id: String
        var type: UserType
        var line: Int
        var firstSession: String
        var sessions = 0
        var total = Money.zero
        /// Usage so far in the month of the last job: what a rule may ask for.
        var month: Month
        var secondsThisMonth: Int64 = 0
    }

    private func survey(
        pricedBy rule: RuleVM, at now: Timestamp, _ report: inout ImportReport
    ) throws(ImportError) -> [Customer] {
        let jobs = try JobReader(self)
        var customers: [Customer] = []
        var known: [String: Int] = [:]
        var sessions: Set<String> = []
        while let job = try jobs.next() {
            guard sessions.insert(job.session).inserted else {
                throw jobs.log.mistake("the session \(job.session) occurs a second time")
            }
            let end = job.start + .seconds(job.seconds)
            guard end <= now else {
                throw jobs.log.mistake("the session \(job.session) ends at \(end), in the future", kind: .map)
            }
            let month = Month(containing: job.start)
            let index: Int
            if let found = known[job.user] {
                index = found
            } else {
                index = customers.count
                known[job.user] = index
                guard reference(job.user).utf8.count <= ShortText.capacity else {
                    throw jobs.log.mistake(
                        "'\(reference(job.user))' has more than \(ShortText.capacity) bytes; a shorter --source helps",
                        kind: .map)
                }
                customers.append(
                    Customer(id: job.user, type: job.type, line: jobs.log.line, firstSession: job.session, month: month)
                )
            }
            let (type, line) = (customers[index].type, customers[index].line)
            guard type == job.type else {
                throw jobs.log.mistake(
                    "user \(job.user) is \(job.type.text) here and \(type.text) in line \(line)", kind: .map)
            }
            if customers[index].month != month {
                customers[index].month = month
                customers[index].secondsThisMonth = 0
            }
            let price = try self.price(of: job, for: customers[index], by: rule, jobs)
            guard let total = customers[index].total.adding(price) else {
                throw jobs.log.mistake("what user \(job.user) owes exceeds \(Money.max) USD", kind: .map)
            }
            customers[index].total = total
            customers[index].sessions += 1
            customers[index].secondsThisMonth += job.seconds
            if sessions.count % window == 0 { tell(.reading, sessions.count, nil) }
        }
        report.skipped = jobs.skipped
        tell(.reading, sessions.count, sessions.count)
        return customers
    }

    private func price(of job: Job, for customer: Customer, by rule: RuleVM, _ jobs: JobReader) throws(ImportError)
        -> Money
    {
        let query = PriceQuery.sessionRuntime(
            type: job.type, tier: job.tier, secondsThisMonth: customer.secondsThisMonth)
        let answer: PriceAnswer
        do throws(RuleError) {
            answer = try rule.evaluate(query)
        } catch {
            throw jobs.log.mistake("it cannot be priced: \(error.text)", kind: .ledger)
        }
        guard case .tariff(let tariff) = answer,
            let price = Rational.halfEven(tariff.integral(from: .zero, to: .seconds(job.seconds)), over: Tariff.hour)
        else { throw jobs.log.mistake("its price exceeds \(Money.max) USD", kind: .map) }
        return price
    }

    /// The rule that the ledger will price the sessions by.
    private func activeRule() async throws(ImportError) -> RuleVM {
        let answer = try await ask([["RULE", "SHOW", RuleName.sessionRuntime.text]])[0]
        if let error = answer.error { throw ImportError(.ledger, "RULE SHOW session_runtime: \(error.text)") }
        guard let text = answer["source"]?.string ?? answer.string else {
            throw ImportError(.ledger, "RULE SHOW session_runtime shows no source")
        }
        do throws(RuleError) {
            return try RuleVM(.sessionRuntime, source: text)
        } catch {
            throw ImportError(.ledger, "the ledger's rule does not load here: \(error.text)")
        }
    }

    // MARK: - Pass 2

    private func bill(expecting total: Int, _ report: inout ImportReport) async throws(ImportError) {
        let jobs = try JobReader(self)
        var wave = try self.wave(of: jobs)
        while !wave.isEmpty {
            // Read on while the ledger works.
            let commands = wave.map { command(for: $0) }
            async let answers = ask(commands)
            let next = try self.wave(of: jobs)
            let received: [RESPValue]
            do { received = try await answers } catch { throw interrupted(error, report.sessions, total) }
            for (job, answer) in zip(wave, received) { try receive(answer, job, &report) }
            tell(.billing, report.sessions, total)
            wave = next
        }
        guard report.sessions == total else {
            throw ImportError(
                .file, "\(jobs.log.name) changed while it was read: \(total) sessions at first, then \(report.sessions)"
            )
        }
    }

    private func wave(of jobs: JobReader) throws(ImportError) -> [Job] {
        var wave: [Job] = []
        wave.reserveCapacity(window)
        while wave.count < window, let job = try jobs.next() { wave.append(job) }
        return wave
    }

    private func command(for job: Job) -> [[UInt8]] {
        let start = job.start.nanoseconds / 1_000_000_000
        return [
            Words.session, Words.record, Array(job.session.utf8), Array(job.user.utf8),
            Words.tiers[Int(job.tier.rawValue)],
            Words.from, unix(start), Words.to, unix(start + job.seconds),
        ]
    }

    /// Unix seconds, or RFC 3339 where a bare number would not be taken for a time.
    private func unix(_ seconds: Int64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(32)
        if seconds < 315_532_800 || seconds >= 7_258_118_400 {  // 1980, 2200
            Timestamp(seconds: seconds).append(to: &bytes)
        } else {
            Decimal.append(UInt64(seconds), to: &bytes)
        }
        return bytes
    }

    /// What all commands of pass 2 share, made once.
    private enum Words {
        static let session = Array("SESSION".utf8)
        static let record = Array("RECORD".utf8)
        static let from = Array("FROM".utf8)
        static let to = Array("TO".utf8)
        static let tiers = Tier.allCases.map { Array($0.text.utf8) }
    }

    private func receive(_ answer: RESPValue, _ job: Job, _ report: inout ImportReport) throws(ImportError) {
        func mistake(_ text: String) -> ImportError {
            ImportError(.ledger, "line \(job.line): session \(job.session): \(text)")
        }
        if let error = answer.error {
            throw mistake(
                error.code == "EXISTS" ? "\(error.text) (it was billed before with other arguments)" : error.text)
        }
        guard let amount = answer["amount"]?.string.flatMap({ Money($0) }) else {
            throw mistake("the receipt has no amount")
        }
        // The ledger's word, not the map's: a user who was there before may have another type, and pays its prices.
        guard let type = answer["type"]?.string.flatMap(UserType.init(text:)) else {
            throw mistake("the receipt has no type")
        }
        guard report.add(amount, type, job.tier) else {
            throw mistake("the sum of all sessions exceeds \(Money.max) USD")
        }
        if isReplayed(answer) { report.billedBefore += 1 }
    }

    private func interrupted(_ error: any Error, _ done: Int, _ total: Int) -> ImportError {
        guard var error = error as? ImportError, error.kind == .interrupted else {
            return error as? ImportError ?? ImportError(.interrupted, "\(error)")
        }
        error.text += "; \(done) of \(total) sessions are known to be billed. Run it again: nothing is billed twice"
        return error
    }

    // MARK: - Talking to the ledger

    func isReplayed(_ answer: RESPValue) -> Bool {
        let value = answer["replayed"]?.string
        return value == "1" || value == "true"
    }

    func ask(_ commands: [[String]]) async throws(ImportError) -> [RESPValue] {
        try await ask(commands.map { $0.map { Array($0.utf8) } })
    }

    /// Sends commands and answers one value each. A ledger that is `BUSY` is asked again, for the commands it refused.
    private func ask(_ words: [[[UInt8]]]) async throws(ImportError) -> [RESPValue] {
        guard !words.isEmpty else { return [] }
        do {
            var answers = try await port.send(words)
            var delay = 1
            while delay <= 4096 {
                let busy = answers.indices.filter { answers[$0].error?.code == "BUSY" }
                if busy.isEmpty { break }
                try await Task.sleep(for: .milliseconds(delay))
                for (index, answer) in zip(busy, try await port.send(busy.map { words[$0] })) {
                    answers[index] = answer
                }
                delay *= 2
            }
            return answers
        } catch {
            throw ImportError(.interrupted, "\(error)")
        }
    }

    func tell(_ phase: ImportProgress.Phase, _ done: Int, _ total: Int?) {
        progress?(ImportProgress(phase: phase, done: done, total: total))
    }
}
