package import LedgerCore
package import RESP

// Being written: the signatures stay.
extension ReplyEncoder {
    /// The receipt of a command, from the primary event of its group. `secret` is the new passport's, shown once.
    /// A journaled refusal is answered as the error it was.
    package func receipt(
        _ event: Event, replayed: Bool, names: ReceiptNames, secret: ShortText? = nil, to writer: inout RESPWriter
    ) {}

    package func error(_ error: CommandError, to writer: inout RESPWriter) {}
    package func rejection(_ rejection: Rejection, to writer: inout RESPWriter) {}

    /// What the writer's tables answered. `closedSession` and `quote` are finished by the caller.
    package func result(_ result: QueryResult, open: Opener, to writer: inout RESPWriter) {}

    /// `SESSION GET` of a session that ended or was recorded.
    package func closedSession(_ event: Event, names: ReceiptNames, to writer: inout RESPWriter) {}

    package func verify(_ reply: VerifyReply, to writer: inout RESPWriter) {}
    package func balance(_ reply: BalanceReply, to writer: inout RESPWriter) {}
    package func quote(_ reply: QuoteReply, to writer: inout RESPWriter) {}
    package func explain(_ reply: ExplainReply, to writer: inout RESPWriter) {}
    package func ruleCheck(_ reply: RuleCheckReply, to writer: inout RESPWriter) {}
    /// Rows newest first; `next` 0 when there is no more.
    package func history(_ rows: [HistoryRow], next: UInt64, of user: UserOrdinal, open: Opener, to writer: inout RESPWriter) {}
    package func summary(_ reply: SummaryReply, to writer: inout RESPWriter) {}

    package func hello(_ client: ClientReply, to writer: inout RESPWriter) {}
    package func clientInfo(_ client: ClientReply, to writer: inout RESPWriter) {}
    package func slowlog(_ entries: [SlowlogEntry], to writer: inout RESPWriter) {}
    package func time(_ now: Timestamp, to writer: inout RESPWriter) {}
    /// Everything that the command table answers by itself.
    package func local(_ command: LocalCommand, to writer: inout RESPWriter) {}
}

extension HistoryRow {
    /// The movements of credit that an event made, newest first; none for events that moved none.
    package static func rows(of event: Event, shard: UInt16) -> [HistoryRow] { [] }
}

extension SummaryReply {
    package init(user: ShortText, from: Timestamp, to: Timestamp) {}
    /// Adds an event of the user if its effective interval begins in the range.
    package mutating func add(_ event: Event) {}
}

/// Words of a request as logs may show them.
package enum Masking {
    /// Secrets, e-mail addresses and free text masked, long words cut, at most 32 words.
    package static func masked(_ words: Words) -> [String] { [] }
}
