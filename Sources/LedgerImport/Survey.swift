internal import LedgerCore
internal import LedgerRules

/// A log as its map sees it: what is billed to whom, and what each user will be charged.
///
/// Holds some hundred bytes a session.
struct Survey {
    struct Customer {
        var type: UserType
        /// Where the user is met first, and by which of the sessions.
        var line: Int
        var firstSession: Int
        var sessions = 0
        var total = Money.zero
        /// Usage so far in the month of the last job: what a rule may ask for.
        var month: Month
        var secondsThisMonth: Int64 = 0
    }

    struct Session {
        /// Unix seconds.
        var start: Int64
        var seconds: Int64
        var line: Int
        var customer: UInt32
        var tier: Tier
    }

    /// In the order of their first jobs; and their ids, by the same numbers.
    private(set) var customers: [Customer] = []
    private(set) var users = TextTable()
    /// In the file's order; and their ids, by the same numbers.
    private(set) var sessions: [Session] = []
    private(set) var ids = TextTable()
    private(set) var skipped = 0

    /// Reads the log to its end, or to the first job that cannot be billed.
    init(of work: SWFImport, pricedBy rule: RuleVM, at now: Timestamp) async throws(ImportError) {
        let log = try LogBlocks(path: work.file)
        var jobs = try JobMapper(work)
        var next = await log.next()
        while let block = next {
            async let ahead = log.next()
            try add(block, of: log.name, &jobs, work, rule, now)
            next = await ahead
        }
        work.tell(.reading, sessions.count, sessions.count)
    }

    private mutating func add(
        _ block: LogBlocks.Block, of log: String, _ jobs: inout JobMapper, _ work: SWFImport, _ rule: RuleVM,
        _ now: Timestamp
    ) throws(ImportError) {
        let columns = SWFReader.columns.count
        try block.values.withUnsafeBufferPointer { values in
            Result { () throws(ImportError) in
                for (number, line) in block.lines.enumerated() {
                    let line = LogLine(name: log, number: line)
                    let job = UnsafeBufferPointer(rebasing: values[(number * columns)..<((number + 1) * columns)])
                    guard try jobs.read(job, line) else {
                        skipped += 1
                        continue
                    }
                    try add(jobs.job, line, work, rule, now)
                    if sessions.count % work.window == 0 { work.tell(.reading, sessions.count, nil) }
                }
            }
        }.get()
        if let failure = block.failure { throw failure }
    }

    private mutating func add(
        _ job: MapVM.Job, _ line: LogLine, _ work: SWFImport, _ rule: RuleVM, _ now: Timestamp
    ) throws(ImportError) {
        guard ids.insert(job.session).isNew else {
            throw line.mistake("the session \(text(job.session)) occurs a second time", .file)
        }
        let start = Timestamp(seconds: job.start)
        let end = start + .seconds(job.seconds)
        guard end <= now else {
            throw line.mistake("the session \(text(job.session)) ends at \(end), in the future", .map)
        }
        let month = Month(containing: start)
        let (number, isNew) = users.insert(job.user)
        if isNew {
            let reference = work.reference(text(job.user))
            guard reference.utf8.count <= ShortText.capacity else {
                throw line.mistake(
                    "'\(reference)' has more than \(ShortText.capacity) bytes; a shorter --source helps", .map)
            }
            customers.append(
                Customer(type: job.type, line: line.number, firstSession: sessions.count, month: month))
        }
        let customer = customers[number]
        guard customer.type == job.type else {
            throw line.mistake(
                "user \(text(job.user)) is \(job.type.text) here and \(customer.type.text) in line \(customer.line)",
                .map)
        }
        let used = customer.month == month ? customer.secondsThisMonth : 0
        let price = try Self.price(of: job, after: used, by: rule, line)
        guard let total = customer.total.adding(price) else {
            throw line.mistake("what user \(text(job.user)) owes exceeds \(Money.max) USD", .map)
        }
        customers[number].total = total
        customers[number].sessions += 1
        customers[number].month = month
        customers[number].secondsThisMonth = used + job.seconds
        sessions.append(
            Session(
                start: job.start, seconds: job.seconds, line: line.number, customer: UInt32(number), tier: job.tier))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func price(
        of job: MapVM.Job, after secondsThisMonth: Int64, by rule: RuleVM, _ line: LogLine
    ) throws(ImportError) -> Money {
        let answer: PriceAnswer
        do throws(RuleError) {
            answer = try rule.evaluate(
                .sessionRuntime(type: job.type, tier: job.tier, secondsThisMonth: secondsThisMonth))
        } catch {
            throw line.mistake("it cannot be priced: \(error.text)", .ledger)
        }
        guard case .tariff(let tariff) = answer,
            let price = Rational.halfEven(tariff.integral(from: .zero, to: .seconds(job.seconds)), over: Tariff.hour)
        else { throw line.mistake("its price exceeds \(Money.max) USD", .map) }
        return price
    }
}
