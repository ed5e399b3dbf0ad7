internal import RESP

/// `COMMAND` and its kin, in the shapes of Redis 7: a noun is a container command, its verbs are subcommands
/// (`credit|charge`).
enum CommandDocs {
    /// First words in lower case, in the order of the table.
    static let names: [String] = {
        var seen: [String] = []
        for spec in CommandTable.specs where !seen.contains(spec.words[0].lowercased()) {
            seen.append(spec.words[0].lowercased())
        }
        return seen
    }()

    /// The command of this one word, and the commands that have it for a noun.
    static func entry(_ name: String) -> (own: CommandSpec?, verbs: [CommandSpec]) {
        let upper = name.uppercased()
        return (CommandTable.specs.first { $0.name == upper }, CommandTable.commands(of: upper))
    }

    /// `credit|charge` → its spec; nil for anything else.
    static func subcommand(_ name: String) -> CommandSpec? {
        let parts = name.split(separator: "|", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let wanted = parts.joined(separator: " ").uppercased()
        return CommandTable.specs.first { $0.name == wanted }
    }

    static func isKnown(_ name: String) -> Bool { names.contains(name) || subcommand(name) != nil }
}

extension CommandSpec {
    /// Redis' arity: words of a request, negative where there may be more.
    var arity: Int {
        let least = words.count + fields.filter { $0.isRequired }.reduce(0) { $0 + ($1.isOption && !$1.isFlag ? 2 : 1) }
        let isFixed = fields.allSatisfy { $0.isRequired && $0.kind != .words }
        return isFixed ? least : -least
    }

    fileprivate var redisName: String { words.joined(separator: "|").lowercased() }

    fileprivate var flags: [String] {
        switch kind {
        case .connection: ["loading", "stale", "fast"] + (access == .open ? ["no_auth"] : [])
        case .view: ["readonly", "fast"]
        case .table, .history: ["readonly"]
        case .write: access == .adminAll ? ["write", "admin"] : ["write"]
        case .operations: access == .adminAll ? ["admin"] : []
        }
    }
}

extension ReplyEncoder {
    /// Ten elements a command; null for an unknown name.
    func commandInfo(_ names: [String]?, _ writer: inout RESPWriter) {
        let wanted = names ?? CommandDocs.names
        writer.array(wanted.count)
        for name in wanted {
            if let spec = CommandDocs.subcommand(name) {
                info(name: spec.redisName, arity: spec.arity, flags: spec.flags, verbs: [], &writer)
            } else if CommandDocs.names.contains(name) {
                let (own, verbs) = CommandDocs.entry(name)
                info(name: name, arity: own?.arity ?? -2, flags: own?.flags ?? [], verbs: verbs, &writer)
            } else {
                writer.nullArray()
            }
        }
    }

    private func info(name: String, arity: Int, flags: [String], verbs: [CommandSpec], _ writer: inout RESPWriter) {
        writer.array(10)
        writer.bulk(name)
        writer.integer(arity)
        writer.set(flags.count)
        for flag in flags { writer.simple(flag) }
        // First key, last key, step: no argument is a Redis key.
        for _ in 0..<3 { writer.integer(0) }
        writer.set(0)  // ACL categories
        writer.array(0)  // tips
        writer.array(0)  // key specifications
        writer.array(verbs.count)
        for verb in verbs { info(name: verb.redisName, arity: verb.arity, flags: verb.flags, verbs: [], &writer) }
    }

    /// Name → documentation; unknown names are left out, as Redis does.
    func commandDocs(_ names: [String]?, _ writer: inout RESPWriter) {
        let wanted = (names ?? CommandDocs.names).filter(CommandDocs.isKnown)
        writer.map(wanted.count)
        for name in wanted {
            writer.bulk(name)
            if let spec = CommandDocs.subcommand(name) {
                docs(spec, &writer)
                continue
            }
            let (own, verbs) = CommandDocs.entry(name)
            if let own { docs(own, verbs: verbs, &writer) } else { docs(container: verbs, &writer) }
        }
    }

    private func docs(container verbs: [CommandSpec], _ writer: inout RESPWriter) {
        writer.map(4)
        let list = verbs.map { $0.words[1] }.joined(separator: ", ")
        writer.pair("summary", "A container: \(list).")
        writer.pair("since", verbs.map(\.since).min())
        writer.pair("group", verbs.first?.group.rawValue)
        subcommands(verbs, &writer)
    }

    private func docs(_ spec: CommandSpec, verbs: [CommandSpec] = [], _ writer: inout RESPWriter) {
        writer.map(4 + (spec.fields.isEmpty ? 0 : 1) + (verbs.isEmpty ? 0 : 1))
        writer.pair("summary", spec.summary)
        writer.pair("since", spec.since)
        writer.pair("group", spec.group.rawValue)
        writer.pair("complexity", spec.kind.cost)
        if !spec.fields.isEmpty {
            writer.bulk("arguments")
            writer.array(spec.fields.count)
            for field in spec.fields { argument(field, &writer) }
        }
        if !verbs.isEmpty { subcommands(verbs, &writer) }
    }

    private func subcommands(_ verbs: [CommandSpec], _ writer: inout RESPWriter) {
        writer.bulk("subcommands")
        writer.map(verbs.count)
        for verb in verbs {
            writer.bulk(verb.redisName)
            docs(verb, &writer)
        }
    }

    private func argument(_ field: Field, _ writer: inout RESPWriter) {
        let flags = (field.isRequired ? [] : ["optional"]) + (field.kind == .words ? ["multiple"] : [])
        writer.map(3 + (field.token == nil ? 0 : 1) + (flags.isEmpty ? 0 : 1))
        writer.pair("name", field.name)
        writer.pair("type", field.kind.documentedType)
        writer.pair("display_text", field.name)
        if let token = field.token { writer.pair("token", token) }
        if !flags.isEmpty {
            writer.bulk("flags")
            writer.set(flags.count)
            for flag in flags { writer.simple(flag) }
        }
    }
}

extension CommandSpec.Kind {
    /// Who works for it, which is what a request costs.
    var cost: String {
        switch self {
        case .connection: "Answered by the connection."
        case .view: "Answered from a published view, without the writer."
        case .table: "Answered by the writer from its tables, in its place among the writes."
        case .history: "Read from the journal: grows with what is read."
        case .write: "Decided by the writer and answered when it is on disk."
        case .operations: "Answered by the server."
        }
    }
}
