internal import LedgerCommands
internal import RESP

/// `COMMAND` and its kin, in the shapes of Redis 7: a noun is a container command, its verbs are subcommands
/// (`credit|charge`).
///
/// The table never changes, so its answers are encoded once in a process for each version of the protocol, when
/// somebody first asks: nine bytes of request must not buy milliseconds of an event loop.
struct CommandDocs {
    /// COMMAND, COMMAND DOCS and HELP in whole.
    let info: [UInt8]
    let docs: [UInt8]
    /// Their parts by name in lower case (`credit`, `credit|charge`), and HELP's by topic in capitals.
    let infoByName: [String: [UInt8]]
    let docsByName: [String: [UInt8]]
    let help: [String: [UInt8]]

    private static let v2 = CommandDocs(.v2)
    private static let v3 = CommandDocs(.v3)

    static func encoded(_ version: RESPVersion) -> CommandDocs { version == .v2 ? v2 : v3 }

    private init(_ version: RESPVersion) {
        func encode(_ body: (inout RESPWriter) -> Void) -> [UInt8] {
            var writer = RESPWriter(version: version)
            body(&writer)
            return writer.bytes
        }
        var (infoByName, docsByName): ([String: [UInt8]], [String: [UInt8]]) = ([:], [:])
        for name in CommandTable.containers {
            let verbs = CommandTable.commands(of: name)
            let own = CommandTable.specs.first { $0.name == name.uppercased() }
            infoByName[name] = encode {
                Self.info(name: name, arity: own?.arity ?? -2, flags: own?.flags ?? [], verbs: verbs, &$0)
            }
            docsByName[name] = encode {
                $0.bulk(name)
                if let own { Self.docs(own, verbs: verbs, &$0) } else { Self.docs(container: verbs, &$0) }
            }
            for spec in verbs {
                infoByName[spec.redisName] = encode {
                    Self.info(name: spec.redisName, arity: spec.arity, flags: spec.flags, verbs: [], &$0)
                }
                docsByName[spec.redisName] = encode {
                    $0.bulk(spec.redisName)
                    Self.docs(spec, &$0)
                }
            }
        }
        (self.infoByName, self.docsByName) = (infoByName, docsByName)
        info = encode { writer in
            writer.array(CommandTable.containers.count)
            for name in CommandTable.containers { writer.bytes += infoByName[name]! }
        }
        docs = encode { writer in
            writer.map(CommandTable.containers.count)
            for name in CommandTable.containers { writer.bytes += docsByName[name]! }
        }
        var help: [String: [UInt8]] = [:]
        for topic in [""] + CommandTable.specs.map(\.name) + CommandTable.nouns {
            let lines = HelpText.lines(topic.isEmpty ? [] : [topic]) ?? []
            help[topic] = encode { writer in
                writer.array(lines.count)
                for line in lines { writer.bulk(line) }
            }
        }
        self.help = help
    }
}

extension ReplyEncoder {
    /// Null for an unknown name.
    func commandInfo(_ names: [String]?, _ writer: inout RESPWriter) {
        let encoded = CommandDocs.encoded(writer.version)
        guard let names else {
            writer.bytes += encoded.info
            return
        }
        writer.array(names.count)
        for name in names {
            if let info = encoded.infoByName[name] { writer.bytes += info } else { writer.nullArray() }
        }
    }

    /// Name → documentation; unknown names are left out, as Redis does.
    func commandDocs(_ names: [String]?, _ writer: inout RESPWriter) {
        let encoded = CommandDocs.encoded(writer.version)
        guard let names else {
            writer.bytes += encoded.docs
            return
        }
        let known = names.compactMap { encoded.docsByName[$0] }
        writer.map(known.count)
        for docs in known { writer.bytes += docs }
    }

    /// Nil when there is no such topic.
    func help(_ topic: [String], _ version: RESPVersion) -> [UInt8]? {
        CommandDocs.encoded(version).help[topic.joined(separator: " ")]
    }
}

extension CommandDocs {
    /// Ten elements.
    private static func info(
        name: String, arity: Int, flags: [String], verbs: [CommandSpec], _ writer: inout RESPWriter
    ) {
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

    private static func docs(container verbs: [CommandSpec], _ writer: inout RESPWriter) {
        writer.map { writer in
            let list = verbs.map { $0.words[1] }.joined(separator: ", ")
            writer.pair("summary", "A container: \(list).")
            writer.pair("since", verbs.map(\.since).min())
            writer.pair("group", verbs.first?.group.rawValue)
            subcommands(verbs, &writer)
        }
    }

    private static func docs(_ spec: CommandSpec, verbs: [CommandSpec] = [], _ writer: inout RESPWriter) {
        writer.map { writer in
            writer.pair("summary", spec.summary)
            writer.pair("since", spec.since)
            writer.pair("group", spec.group.rawValue)
            writer.pair("complexity", spec.lane.cost)
            if !spec.fields.isEmpty {
                writer.key("arguments")
                writer.array(spec.fields.count)
                for field in spec.fields { argument(field, &writer) }
            }
            if !verbs.isEmpty { subcommands(verbs, &writer) }
        }
    }

    private static func subcommands(_ verbs: [CommandSpec], _ writer: inout RESPWriter) {
        writer.key("subcommands")
        writer.map { writer in
            for verb in verbs {
                writer.key(verb.redisName)
                docs(verb, &writer)
            }
        }
    }

    private static func argument(_ field: Field, _ writer: inout RESPWriter) {
        let flags = (field.isRequired ? [] : ["optional"]) + (field.kind == .words ? ["multiple"] : [])
        writer.map { writer in
            writer.pair("name", field.name)
            writer.pair("type", field.kind.documentedType)
            writer.pair("display_text", field.name)
            if let token = field.token { writer.pair("token", token) }
            if !flags.isEmpty {
                writer.key("flags")
                writer.set(flags.count)
                for flag in flags { writer.simple(flag) }
            }
        }
    }
}
