internal import LedgerCore

/// Everything Florin knows about one of its commands. Parsing, the permission check, `HELP`, `COMMAND DOCS`, completion
/// at the prompt and the reference page read it; nothing about a command is written down a second time.
package struct CommandSpec: Sendable {
    package let id: CommandID
    /// `CREDIT CHARGE`, `PING`: upper case, one or two words.
    package let name: String
    package let group: Group
    package let access: Access
    package let kind: Kind
    /// Mutating commands take `KEY k`; it is the last of `fields` then.
    package let takesKey: Bool
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

    /// The chapters of the reference.
    package enum Group: String, CaseIterable, Sendable {
        case connection, user, passport, credit, hold, session, storage, space, prices, operations
    }

    /// Whose connection may ask. Deny is the default: see ``Authorization``.
    package enum Access: Hashable, Sendable {
        /// Everybody, also before `AUTH`.
        case open
        /// Any passport that is good.
        case anyPassport
        /// `read`; it touches nobody's account (the catalogue, the price book).
        case read
        /// `read`; with scope `own` only what belongs to the passport's own user.
        case readOwn
        /// The permission named, and scope `all`.
        case readAll, writeAll, billingAll, adminAll

        package var text: String {
            switch self {
            case .open: "none"
            case .anyPassport: "any passport"
            case .read: "read"
            case .readOwn: "read (scope own: its own user)"
            case .readAll: "read, scope all"
            case .writeAll: "write, scope all"
            case .billingAll: "billing, scope all"
            case .adminAll: "admin, scope all"
            }
        }
    }

    /// Who answers: the connection itself, a published view, the writer's tables, the journal; or the writer decides.
    package enum Kind: String, Sendable {
        case connection, view, table, history, write, operations
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
        _ id: CommandID, _ name: String, _ group: Group, _ access: Access, _ kind: Kind, _ fields: [Field] = [],
        key: Bool = false, _ summary: String, notes: [String] = [], reply: Reply, brief: [String] = [],
        examples: [String], since: String = "0.1.0"
    ) {
        self.id = id
        self.name = name
        self.group = group
        self.access = access
        self.kind = kind
        self.takesKey = key
        self.fields =
            key ? fields + [.option("KEY", "k", .key, "asked again with it, the first answer comes again")] : fields
        self.summary = summary
        self.notes = notes
        self.reply = reply
        self.brief = brief
        self.examples = examples
        self.since = since
    }

    /// The words of its name, in upper case.
    package var words: [String] { name.split(separator: " ").map(String.init) }
    package var positional: [Field] { fields.filter { !$0.isOption } }
    package var options: [Field] { fields.filter(\.isOption) }

    /// `CREDIT CHARGE user amount source [DESCRIPTION d] [OVER] [KEY k]`.
    package var usage: String { ([name] + fields.map(\.usage)).joined(separator: " ") }
}

/// One argument of a command.
package struct Field: Sendable {
    /// What stands in the usage line: the argument's name, or what follows the option's word.
    package let name: String
    /// `DESCRIPTION`, `OVER`: upper case; nil for positional arguments.
    package let token: String?
    package let kind: FieldKind
    package let isRequired: Bool
    package let note: String
    /// What it is unless told, as it would be written; nil where leaving it out means something of its own.
    package var standard: String?
    /// What stands in the usage line instead of the name.
    package var shown: String?

    package var isOption: Bool { token != nil }
    /// An option that stands alone.
    package var isFlag: Bool { kind == .flag }

    package var usage: String {
        var text = placeholder
        if let token { text = isFlag ? token : "\(token) \(name)" }
        return isRequired ? text : "[\(text)]"
    }

    /// Its place in the usage line, without the brackets of what may be left out.
    package var placeholder: String { shown ?? (kind == .words ? name + " …" : name) }

    /// What it must be, then what it means; empty where the usage line says all.
    package var explanation: String {
        let unless = standard.map { "\($0) unless told" } ?? ""
        return [kind.expected, unless, note].filter { !$0.isEmpty }.joined(separator: "; ")
    }

    static func need(_ name: String, _ kind: FieldKind, _ note: String = "", shown: String? = nil) -> Field {
        Field(name: name, token: nil, kind: kind, isRequired: true, note: note, shown: shown)
    }
    static func may(_ name: String, _ kind: FieldKind, _ note: String = "", shown: String? = nil) -> Field {
        Field(name: name, token: nil, kind: kind, isRequired: false, note: note, shown: shown)
    }
    /// An option that must be given.
    static func must(_ token: String, _ name: String, _ kind: FieldKind, _ note: String = "") -> Field {
        Field(name: name, token: token, kind: kind, isRequired: true, note: note)
    }
    static func option(
        _ token: String, _ name: String, _ kind: FieldKind, _ note: String = "", standard: String? = nil
    ) -> Field {
        Field(name: name, token: token, kind: kind, isRequired: false, note: note, standard: standard)
    }
    static func flag(_ token: String, _ note: String = "") -> Field {
        Field(name: token.lowercased(), token: token, kind: .flag, isRequired: false, note: note)
    }
}

/// What an argument must look like.
package enum FieldKind: UInt8, CaseIterable, Sendable {
    // names
    case user, session, resource, space, instance, reference, label, word, category, key
    // personal and free text
    case email, personName, text
    // money and amounts
    case amount, signedAmount, cents, price, gigabytes, gigabytesWhole, hours, count, cursor, rate, version, lsn
    // time
    case time, lifetime, heartbeat, overlap, timeout
    // ids
    case secret, passport, hold, charge
    // words of a closed list
    case userType, userState, tier, storageKind, grantKind, permissions, permission, scope, status, reserve, yesNo
    case ruleName, limitName, limitValue
    // bytes
    case source, bytes
    // the rest of the line
    case words
    case flag
}
