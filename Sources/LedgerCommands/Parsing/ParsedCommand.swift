package import LedgerCore

/// A request that was understood: which command, what it asks, and on whom it works.
///
/// Free text and personal fields inside commands are still clear: the caller that hands the command to the ledger seals
/// them.
package struct ParsedCommand: Sendable {
    package var id: CommandID
    package var ask: Ask
    /// `KEY k` of a mutating command.
    package var key: IdempotencyKey?
    /// `LABELS k=v,…` of a command that takes them.
    package var labels = Labels.none
    package var target: Target

    package init(id: CommandID, ask: Ask, key: IdempotencyKey? = nil, target: Target = .none) {
        self.id = id
        self.ask = ask
        self.key = key
        self.target = target
    }

    init(_ arguments: Arguments, _ ask: Ask, on target: Target = .none) {
        self.init(id: arguments.id, ask: ask, target: target)
    }

    /// Whether it is carried out once, however often it is sent. (A script's key is made when its name is known.)
    package var hasKey: Bool {
        if case .evaluate(let it) = ask { return it.keys.first?.starts(with: Array("key:".utf8)) ?? false }
        return key != nil
    }

    /// The command whose rights it needs: itself, or the one that stands inside of it.
    package var authorized: ParsedCommand {
        if case .dryRun(let inner) = ask { return inner }
        if case .at(_, _, let inner) = ask { return inner }
        if case .ledgerAt(_, let inner, _) = ask { return inner }
        return self
    }

    /// Whom or what a command names: what a passport of scope `own` is held against.
    package enum Target: Hashable, Sendable {
        case none
        case user(Hash128)
        case passport(PassportID)
        case hold(HoldID)
        case charge(ChargeID)
        case session(Hash128)
        case resource(Hash128)
    }

    /// What is larger than a `Command`, and rarer or followed by more, lies beside it: an ask is moved many times.
    package enum Ask: Sendable {
        /// A command that goes to the writer as it is (its sealed texts sealed).
        case mutation(Command)
        /// `PASSPORT CREATE`: the engine mints the secret.
        case passportCreate(PassportDraft)
        /// `PASSPORT ROTATE`: likewise.
        case passportRotate(PassportID, overlap: TimeSpan)
        /// `SESSION ADMIT`: the secret's passport and user are filled in after it was verified.
        indirect case admit(Secret, SessionStart)
        /// `CREDIT REFUND`: the charge is read from the journal first.
        case refund(RefundDraft)
        case ruleLoad(RuleName, source: [UInt8])
        /// `RULE CHECK` of a source, or of a version that is loaded.
        case ruleCheck(RuleName, RuleText)
        case ruleActivate(RuleName, version: UInt32, at: Timestamp?)
        indirect case ruleBacktest(BacktestDraft)
        /// `version` nil: it ends. `span` nil: until it is ended.
        case ruleShadow(RuleName, version: UInt32?, span: TimeSpan?)
        case ruleDiff(RuleName)
        /// nil: the text that priced the charge.
        case ruleStep(ChargeID, RuleText?)
        /// `DRYRUN`: what the command would do.
        indirect case dryRun(ParsedCommand)

        /// A read that the writer answers from its tables.
        case query(Query)
        case quote(user: Hash128, tier: Tier, duration: TimeSpan)
        case usageQuote(user: Hash128, meter: ShortText, billionths: Int64)
        /// `PASSPORT VERIFY`: which permissions must be there (none: any).
        case verify(Secret, Permissions)
        case balance(user: Hash128)
        case history(HistoryRange)
        /// `by`: the label by whose values spending is told apart.
        case summary(user: Hash128, from: Timestamp?, to: Timestamp?, by: ShortText?)
        case explain(ChargeID)
        /// `AT`: a read about one user as of a moment; `known`: with what is known today about then.
        indirect case at(Moment, known: Bool, ParsedCommand)
        /// `AT`, of the whole ledger: the command once more as it was sent, for that ledger to read.
        indirect case ledgerAt(Moment, ParsedCommand, [[UInt8]])
        case diff(user: Hash128, Moment, Moment)

        /// A script, to be run where the ledger decides.
        indirect case evaluate(Evaluation)
        case script(ScriptCommand)
        case transaction(TransactionCommand)
        indirect case fork(ForkCommand)

        /// What changes the connection itself.
        indirect case connection(ConnectionCommand)
        /// What the connection is told from now on.
        indirect case follow(FollowCommand)
        /// What the process answers about itself.
        case server(ServerCommand)
        /// What is answered from the command table alone.
        case local(LocalCommand)
    }
}

/// A passport's secret as it was sent: well-formed, and nothing more is known. Prints as its public part only.
package struct Secret: Hashable, Sendable, CustomStringConvertible {
    package let text: ShortText
    package let passport: PassportID
    package var description: String { "fl_\(passport.text)_(hidden)" }

    /// Nil unless the bytes have a secret's shape: `fl_`, ten digits of base 62, `_`, and a rest of base 62.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard let text = ShortText(bytes), bytes.count >= 15, bytes[0] == UInt8(ascii: "f"),
            bytes[1] == UInt8(ascii: "l"),
            bytes[2] == UInt8(ascii: "_"), bytes[13] == UInt8(ascii: "_"),
            let passport = PassportID(parsing: UnsafeRawBufferPointer(rebasing: bytes[3..<13])),
            UnsafeRawBufferPointer(rebasing: bytes[14...]).allSatisfy({ Base62.value(of: $0) != nil })
        else { return nil }
        self.text = text
        self.passport = passport
    }
}

package struct PassportDraft: Hashable, Sendable {
    package var user: Hash128
    /// In the clear; the writer seals it.
    package var name: [UInt8]
    package var permissions: Permissions
    package var scope: Scope
    package var expires: Timestamp
    /// Requests per hour, 0 for no limit of its own.
    package var rate: UInt32
    /// `KEYS required`: commands that change money are refused without a KEY.
    package var requiresKeys: Bool
    package var caps: Caps
}

package struct RefundDraft: Hashable, Sendable {
    package enum Target: Hashable, Sendable {
        case charge(ChargeID)
        /// All charges of one that has ended.
        case session(Hash128)
    }
    package var target: Target
    /// nil: all that has not been refunded yet.
    package var amount: Money?
    package var reason: PersonalText
}

/// `CREDIT HISTORY`: rows by recorded time in [from, to), newest first. The cursor is opaque; `History.history`
/// makes it.
package struct HistoryRange: Hashable, Sendable {
    package var user: Hash128
    package var from: Timestamp?
    package var to: Timestamp?
    package var label: LabelFilter?
    package var page: Page
}

package enum ConnectionCommand: Sendable {
    case auth(Secret)
    /// `version`: 2, 3, or the one spoken so far.
    case hello(version: UInt8?, auth: Secret?, name: ShortText?)
    case quit
    case reset
    case setName(ShortText)
    case getName
    /// `LIB-NAME` or `LIB-VER`.
    case setInfo(attribute: ShortText, value: ShortText)
    case id
    case info
    case list
}

package enum FollowCommand: Hashable, Sendable {
    case monitor
    case tail(Tail)
    case tailStop

    package struct Tail: Hashable, Sendable {
        /// Nil: what is recorded from now on.
        package var from: LSN?
        package var user: Hash128?
        package var count: Int?
        /// As one answer, after so long at the latest; zero: however long it takes. Nil: pushed, where the protocol
        /// can.
        package var block: TimeSpan?
    }
}

package enum ServerCommand: Hashable, Sendable {
    /// Sections in lower case; empty: the usual ones.
    case info(sections: [String])
    case slowlogGet(count: Int)
    case slowlogLength
    case slowlogReset
    case latencyLatest
    case latencyRecent(count: Int)
    case databaseSize
    case time
    case snapshot
    case clock
    case clockSet(Timestamp, downFrom: Timestamp?)
    /// nil: wait as long as it takes.
    case wait(LSN, timeout: TimeSpan?)
    case shutdown
}

package enum LocalCommand: Hashable, Sendable {
    case ping([UInt8]?)
    case echo([UInt8])
    case select
    case configGet([String])
    case command
    case commandCount
    /// Names in lower case; nil: every command.
    case commandInfo([String]?)
    case commandDocs([String]?)
    case commandList
    case latencyHistogram
    case help([String])
}
