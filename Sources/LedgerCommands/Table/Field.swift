/// One argument of a command.
package struct Field: Sendable {
    /// What stands in the usage line: the argument's name, or what follows the option's word.
    package let name: String
    /// `DESCRIPTION`, `OVER`: upper case; nil for positional arguments.
    package let token: String?
    package let kind: FieldKind
    package let isRequired: Bool
    package let note: String
    /// Its default, as it would be written; nil where leaving it out means something of its own.
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
        let `default` = standard.map { "default \($0)" } ?? ""
        return [kind.expected, note, `default`].filter { !$0.isEmpty }.joined(separator: "; ")
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

extension [Field] {
    /// What every list of a table takes.
    static let page: [Field] = [
        .option("COUNT", "n", .count, "rows of a page, at most 1000 even if more are asked for", standard: "100"),
        .option("CURSOR", "c", .cursor, "0 begins with the newest"),
    ]

    /// What a list of the journal takes.
    static let historyPage: [Field] = [
        .option("COUNT", "n", .count, "rows of a page", standard: "100"), page[1],
    ]
}
