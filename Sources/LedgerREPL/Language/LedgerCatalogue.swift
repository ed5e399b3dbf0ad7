internal import LedgerCommands

extension CommandCatalogue {
    /// The ledger's own commands, from its command table; those about the connection, which people rarely type, last.
    package static let ledger = CommandCatalogue(
        (CommandTable.specs.filter { $0.group != .connection } + CommandTable.specs.filter { $0.group == .connection })
            .map(Command.init(spec:)))
}

extension CommandCatalogue.Command {
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
            brief: spec.brief)
    }
}

extension CommandCatalogue.Argument {
    fileprivate init(field: Field) {
        self.init(
            field.placeholder, choices: field.kind.choices,
            isList: field.kind == .permissions, isOptional: !field.isRequired, note: field.explanation,
            ids: field.kind.ids)
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
