internal import LedgerCommands

extension CommandCatalogue {
    /// The ledger's own commands, from its command table; those about the connection, which people rarely type, last.
    package static let ledger = CommandCatalogue(
        (CommandTable.specs.filter { $0.group != .connection } + CommandTable.specs.filter { $0.group == .connection })
            .map(Command.init(spec:))
    ).with(ruleEdit, behind: ["RULE", "SHOW"])

    /// What the prompt makes of others and the ledger does not know; see ``REPL/editRule(_:at:)``.
    static let ruleEdit = Command(
        ["RULE", "EDIT"],
        arguments: [
            Argument("rule", choices: FieldKind.ruleName.choices, note: FieldKind.ruleName.expected),
            Argument(
                "version", isOptional: true, note: "begin with the text of this one; default: the active one's"),
        ],
        summary: "Open the source of a rule in $VISUAL or $EDITOR, check it, and price with what comes back.",
        notes: [
            "At a terminal only. What RULE CHECK finds wrong is shown, and the text can be edited again. Then it shows what each price was and would be, asks, and does RULE LOAD and RULE ACTIVATE. Before that question is answered by yes nothing is done; a text that was not loaded is there again the next time.",
            "In a fork (.use) it is the fork's price, which is a way to try it out.",
        ], permission: CommandTable.spec(.ruleActivate).access.text,
        examples: ["RULE EDIT session_runtime"])

    static func isRuleEdit(_ words: [String]) -> Bool { words.begins(with: ruleEdit.name) }

    private func with(_ command: Command, behind name: [String]) -> CommandCatalogue {
        var catalogue = self
        let place = commands.firstIndex { $0.name == name } ?? commands.count - 1
        catalogue.commands.insert(command, at: place + 1)
        return catalogue
    }
}

extension CommandCatalogue.Command {
    /// What matters most of the table within an answer; the table of commands knows only lists.
    private static let briefWithin: [CommandID: [String]] = [
        .forkDiff: ["user", "available_before", "available", "exhausted", "spent", "sessions_ended", "debt"]
    ]

    fileprivate init(spec: CommandSpec) {
        self.init(
            spec.words,
            arguments: spec.positional.map(CommandCatalogue.Argument.init(field:)),
            options: spec.options.map { field in
                CommandCatalogue.Option(
                    field.token!, field.isFlag ? nil : CommandCatalogue.Argument(field: field),
                    isRequired: field.isRequired, note: field.explanation)
            },
            summary: spec.summary, notes: spec.notes, permission: spec.access.text, examples: spec.examples,
            brief: Self.briefWithin[spec.id] ?? spec.brief)
    }
}

extension CommandCatalogue.Argument {
    fileprivate init(field: Field) {
        let isSource = field.kind == .source || field.placeholder == "script"
        let note = [field.explanation, isSource ? "at this prompt also @FILE, the text of a file" : ""]
        self.init(
            field.placeholder, choices: field.kind.choices,
            isList: field.kind == .permissions, isOptional: !field.isRequired,
            note: note.filter { !$0.isEmpty }.joined(separator: "; "), ids: field.kind.ids, mayBeFile: isSource)
    }
}

extension FieldKind {
    /// The ids that may stand in such a place.
    fileprivate var ids: [KnownIDs.Kind] {
        switch self {
        case .user, .userOrType: [.user]
        case .session: [.session]
        case .hold: [.hold]
        case .chargeOrSession: [.charge, .session]
        case .entry: [.charge]
        case .passport: [.passport]
        case .resource: [.resource]
        case .space: [.space]
        case .instance, .reference, .label, .word, .wordList, .category, .key, .labels, .labelFilter, .grouping,
            .email, .person, .personName, .text, .amount, .signedAmount, .cents, .price, .cap, .percent, .quantity,
            .scale, .gigabytes, .gigabytesWhole, .hours, .count, .cursor, .rate, .version, .lsn, .tailStart, .time,
            .moment, .lifetime,
            .heartbeat, .overlap, .timeout, .secret, .limitSubject, .userType, .userState, .tier, .storageKind,
            .grantKind, .period, .permissions, .permission, .scope, .keyPolicy, .status, .reserve, .yesNo, .ruleName,
            .limitName, .limitValue, .priceGrouping, .versionOrOff, .source, .bytes, .words, .flag:
            []
        }
    }
}
