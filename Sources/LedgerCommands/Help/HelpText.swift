/// `HELP`, for people at `nc` and `redis-cli`; the prompt draws its own from the same table.
package enum HelpText {
    /// Nil when there is no such command. Words in upper case.
    package static func lines(_ topic: [String]) -> [String]? {
        if topic.isEmpty { return overview }
        let name = topic.joined(separator: " ")
        let own = CommandTable.specs.first { $0.name == name }
        let verbs = topic.count == 1 ? CommandTable.commands(of: name) : []
        guard own != nil || !verbs.isEmpty else { return nil }
        return (own.map(lines) ?? []) + (own != nil && !verbs.isEmpty ? [""] : []) + verbs.map(line)
    }

    private static var overview: [String] {
        CommandSpec.Group.allCases.flatMap { group -> [String] in
            [group.rawValue.uppercased()] + CommandTable.specs.filter { $0.group == group }.map { "  " + line($0) }
        } + ["HELP <command> explains one, like HELP CREDIT CHARGE."]
    }

    private static func line(_ spec: CommandSpec) -> String { "\(spec.usage) - \(spec.summary)" }

    private static func lines(_ spec: CommandSpec) -> [String] {
        var lines = [spec.usage, "  " + spec.summary] + spec.notes.map { "  " + $0 }
        for field in spec.fields where field.kind != .flag && !field.explanation.isEmpty {
            lines.append("  \(field.token ?? field.name): \(field.explanation)")
        }
        for field in spec.fields where field.kind == .flag && !field.note.isEmpty {
            lines.append("  \(field.name.uppercased()): \(field.note)")
        }
        lines.append("  needs: \(spec.access.text)")
        lines.append("  answers: \(spec.reply.text)")
        lines += spec.examples.map { "  example: \($0)" }
        return lines
    }
}

extension CommandSpec.Reply {
    /// One line about the shape.
    package var text: String {
        switch self {
        case .receipt, .map: "a map: " + fields.joined(separator: " ")
        case .page: "[cursor, [map, …]]: " + fields.joined(separator: " ")
        case .list: "[map, …]: " + fields.joined(separator: " ")
        case .other(let text): text
        }
    }
}
