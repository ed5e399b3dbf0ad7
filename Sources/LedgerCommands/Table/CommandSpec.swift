/// Everything Florin knows about one of its commands: its words, who may ask, how its arguments are read, what it
/// answers. The permission check, `HELP`, `COMMAND DOCS`, completion at the prompt and the reference page read it;
/// nothing about a command is written down a second time.
package struct CommandSpec: Sendable {
    package let id: CommandID
    /// `CREDIT CHARGE`, `PING`: upper case, one or two words.
    package let name: String
    package let group: Group
    package let access: Access
    package let lane: Lane
    /// Mutating commands take `KEY k`; it is the last of `fields` then.
    package let takesKey: Bool
    /// Takes `LABELS k=v,…`: the option before `KEY`.
    package let takesLabels: Bool
    /// Sent twice, it would move or reserve money twice: what `--require-keys` refuses without a KEY. Not those that
    /// carry an id which the ledger never takes a second time (sessions, storage, a user's address).
    package let changesMoney: Bool
    /// Positional arguments in order, then options.
    package let fields: [Field]
    package let summary: String
    /// Further sentences for the reference page.
    package let notes: [String]
    package let reply: Reply
    /// Of a list, the fields that people want most, where a terminal is too narrow for all.
    package let brief: [String]
    package let examples: [String]
    package let since: String
    /// Reads the arguments, which were sorted into the fields before.
    let parse: Parse

    typealias Parse = @Sendable (Arguments, ParseContext) throws(CommandError) -> ParsedCommand

    /// The chapters of the reference.
    package enum Group: String, CaseIterable, Sendable {
        case connection, user, passport, credit, hold, session, storage, space, meter, prices, operations, script, fork
    }

    /// Whose connection may ask. Deny is the default: see ``Authorization``.
    package enum Access: Hashable, Sendable {
        /// Everybody, also before `AUTH`.
        case open
        /// Any passport that is good.
        case anyPassport
        /// `read`; it touches nobody's account (the catalogue, the price book). With scope `own` it shows what the
        /// passport's own user may see, and names nobody else.
        case read
        /// `read`; with scope `own` only what belongs to the passport's own user.
        case readOwn
        /// `monitor`, whatever the scope; or `admin` with scope `all`.
        case monitor
        /// Any passport for some sections, ``monitor`` for the others: see ``Authorization``.
        case sections
        /// The permission named, and scope `all`.
        case readAll, writeAll, billingAll, adminAll

        package var text: String {
            switch self {
            case .open: "none"
            case .anyPassport: "any passport"
            case .read: "read (scope own: what its own user may see)"
            case .readOwn: "read (scope own: its own user)"
            case .monitor: "monitor (or admin, scope all)"
            case .sections:
                "any passport for \(Authorization.openSections.joined(separator: ", ")); "
                    + "monitor (or admin, scope all) for everything"
            case .readAll: "read, scope all"
            case .writeAll: "write, scope all"
            case .billingAll: "billing, scope all"
            case .adminAll: "admin, scope all"
            }
        }
    }

    /// Who answers, and so what a command waits for behind others of its connection.
    package enum Lane: Sendable {
        /// The connection itself.
        case connection
        /// The same, where what came before shows: a passport is looked up among those that are durable.
        case identity
        /// A published view; the writer's tables where writes of the connection are under way.
        case view
        /// The writer's tables.
        case table
        /// The same, for what takes the writer so long that it is asked between the loads of others, one at a time.
        case list
        /// The journal.
        case history
        /// The server, or a thread of its own.
        case operations
        /// The writer decides.
        case write
        /// It decides when the journal was read or a rule examined.
        case procedure
        /// It decides several commands as one, each by the rights that it needs itself.
        case program
        /// It decides what is asked before a command gets to it: views have the limit on requests.
        case gate
        /// Waits for what came before.
        case barrier

        /// Whether the ledger may be changed.
        package var isWrite: Bool {
            switch self {
            case .write, .procedure, .program, .gate: true
            case .connection, .identity, .view, .table, .list, .history, .operations, .barrier: false
            }
        }
    }

    /// The shape of an answer. Field names are snake_case and listed in the order they come.
    package enum Reply: Sendable {
        /// A map, recorded in the journal: the fields of every receipt come first.
        case receipt([String])
        case map([String])
        /// `[cursor, [map, …]]`; cursor `0`: there is no more.
        case page([String])
        case list([String])
        /// Anything else, described.
        case other(String)

        package static let receiptFields = ["lsn", "time", "replayed", "id"]

        package var fields: [String] {
            switch self {
            case .receipt(let fields): Reply.receiptFields + fields
            case .map(let fields), .page(let fields), .list(let fields): fields
            case .other: []
            }
        }
    }

    init(
        _ id: CommandID, _ name: String, _ group: Group, _ access: Access, _ lane: Lane, _ fields: [Field] = [],
        key: Bool = false, changesMoney: Bool = false, labels: Bool = false, _ summary: String, notes: [String] = [],
        reply: Reply,
        brief: [String] = [], examples: [String], since: String = "0.1.0", parse: @escaping Parse
    ) {
        self.id = id
        self.name = name
        self.group = group
        self.access = access
        self.lane = lane
        self.takesKey = key
        takesLabels = labels
        self.changesMoney = changesMoney
        self.fields = fields + (labels ? [Self.labels] : []) + (key ? [Self.key] : [])
        self.summary = summary
        self.notes = notes
        self.reply = reply
        self.brief = brief
        self.examples = examples
        self.since = since
        self.parse = parse
    }

    private static let labels = Field.option(
        "LABELS", "k=v,…", .labels, "what CREDIT HISTORY and USER SUMMARY tell apart; never personal data")
    private static let key = Field.option(
        "KEY", "k", .key, "sent again with the same key, it is carried out once, and answered as the first time")

    /// The words of its name, in upper case.
    package var words: [String] { name.split(separator: " ").map(String.init) }
    package var positional: [Field] { fields.filter { !$0.isOption } }
    package var options: [Field] { fields.filter(\.isOption) }

    /// `CREDIT CHARGE user amount source [DESCRIPTION d] [OVER] [KEY k]`.
    package var usage: String { ([name] + fields.map(\.usage)).joined(separator: " ") }
}
