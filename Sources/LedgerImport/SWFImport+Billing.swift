internal import Glibc
internal import LedgerCore
internal import RESP

/// The sessions of a log, recorded one after the other.
extension SWFImport {
    /// So many parts of the window are under way: while one is on its way back, the ledger works at the others.
    private static let parts = 16

    func bill(_ survey: Survey, _ report: inout ImportReport) async throws(ImportError) {
        var posted: [(sessions: Range<Int>, commands: PostedCommands)] = []
        let step = max(window / Self.parts, 1)
        let most = max(window / step, 1)
        var begun = 0
        while true {
            while begun < survey.sessions.count, posted.count < most {
                let sessions = begun..<min(begun + step, survey.sessions.count)
                posted.append((sessions, port.post(encoded(sessions, of: survey))))
                begun = sessions.upperBound
            }
            guard !posted.isEmpty else { return }
            let first = posted.removeFirst()
            var refused = try receive(
                try await replies(first.commands, survey, report), first.sessions, survey, &report)
            for delay in Self.delays {
                if refused.isEmpty { break }
                do { try await Task.sleep(for: delay) } catch { throw interrupted(error, survey, report) }
                let again = try await replies(port.post(encoded(refused, of: survey)), survey, report)
                refused = try receive(again, refused, survey, &report, isLast: delay == Self.delays.last)
            }
            tell(.billing, report.sessions, survey.sessions.count)
        }
    }

    // MARK: - Commands

    private func encoded(_ sessions: some Collection<Int>, of survey: Survey) -> EncodedCommands {
        var writer = RESPWriter(capacity: sessions.count * 192)
        for session in sessions { write(session, of: survey, to: &writer) }
        return EncodedCommands(bytes: writer.bytes, count: sessions.count)
    }

    private func write(_ number: Int, of survey: Survey, to writer: inout RESPWriter) {
        let session = survey.sessions[number]
        writer.array(9)
        writer.bulk("SESSION")
        writer.bulk("RECORD")
        survey.ids.withText(number) { writer.bulk($0) }
        survey.users.withText(Int(session.customer)) { writer.bulk($0) }
        writer.bulk(session.tier.text)
        writer.bulk("FROM")
        write(session.start, to: &writer)
        writer.bulk("TO")
        write(session.start + session.seconds, to: &writer)
    }

    /// Unix seconds, or RFC 3339 where a bare number would not be taken for a time.
    private func write(_ seconds: Int64, to writer: inout RESPWriter) {
        if seconds < 315_532_800 || seconds >= 7_258_118_400 {  // 1980, 2200
            writer.bulk { Timestamp(seconds: seconds).append(to: &$0) }
        } else {
            writer.bulk(seconds)
        }
    }

    // MARK: - Receipts

    private func replies(
        _ commands: PostedCommands, _ survey: Survey, _ report: ImportReport
    ) async throws(ImportError) -> [UInt8] {
        do { return try await commands.replies() } catch { throw interrupted(error, survey, report) }
    }

    /// Adds the receipts of these sessions. Answers those that the ledger had no room for, and that are to be asked
    /// again unless this was the last time.
    private func receive(
        _ replies: [UInt8], _ sessions: some Collection<Int>, _ survey: Survey, _ report: inout ImportReport,
        isLast: Bool = false
    ) throws(ImportError) -> [Int] {
        try replies.withUnsafeBytes { bytes in
            Result { () throws(ImportError) in try receive(bytes, sessions, survey, &report, isLast) }
        }.get()
    }

    private func receive(
        _ replies: UnsafeRawBufferPointer, _ sessions: some Collection<Int>, _ survey: Survey,
        _ report: inout ImportReport, _ isLast: Bool
    ) throws(ImportError) -> [Int] {
        var reader = ReplyBytes(replies)
        var refused: [Int] = []
        for session in sessions {
            var receipt = Receipt()
            let rejection: RESPError?
            do throws(ReplyError) {
                rejection = try reader.answer { receipt.take($0, $1) }
            } catch {
                throw mistake("\(error)", session, survey)
            }
            guard let rejection else {
                try add(receipt, session, survey, &report)
                continue
            }
            guard rejection.code == Self.busy, !isLast else {
                let isBilled = rejection.code == "EXISTS"
                throw mistake(
                    isBilled ? "\(rejection.text) (it was billed before with other arguments)" : rejection.text,
                    session, survey)
            }
            refused.append(session)
        }
        return refused
    }

    /// What is read of a `SESSION RECORD`'s receipt.
    private struct Receipt {
        var amount: Money?
        var type: UserType?
        var isReplayed = false

        private static let types = UserType.allCases.map { (type: $0, name: Array($0.text.utf8)) }

        mutating func take(_ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            if key.isText("amount") {
                amount = Money(parsing: value)
            } else if key.isText("type") {
                type = Self.types.first { value.isText($0.name) }?.type
            } else if key.isText("replayed") {
                isReplayed = value.isText("1") || value.isText("true")
            }
        }
    }

    private func add(
        _ receipt: Receipt, _ session: Int, _ survey: Survey, _ report: inout ImportReport
    ) throws(ImportError) {
        guard let amount = receipt.amount else { throw mistake("the receipt has no amount", session, survey) }
        // The ledger's word, not the map's: a user who was there before may have another type, and pays its prices.
        guard let type = receipt.type else { throw mistake("the receipt has no type", session, survey) }
        guard report.add(amount, type, survey.sessions[session].tier) else {
            throw mistake("the sum of all sessions exceeds \(Money.max) USD", session, survey)
        }
        if receipt.isReplayed { report.billedBefore += 1 }
    }

    private func mistake(_ text: String, _ session: Int, _ survey: Survey) -> ImportError {
        ImportError(.ledger, "line \(survey.sessions[session].line): session \(survey.ids[session]): \(text)")
    }

    private func interrupted(_ error: any Error, _ survey: Survey, _ report: ImportReport) -> ImportError {
        ImportError(
            .interrupted,
            """
            \(error); \(report.sessions) of \(survey.sessions.count) sessions are known to be billed. Run it again: \
            nothing is billed twice
            """)
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func isText(_ text: StaticString) -> Bool {
        count == text.utf8CodeUnitCount && memcmp(baseAddress!, text.utf8Start, count) == 0
    }

    fileprivate func isText(_ text: [UInt8]) -> Bool { count == text.count && memcmp(baseAddress!, text, count) == 0 }
}
