internal import CLua
internal import Glibc
package import LedgerCommands

/// The functions by which a script reaches the ledger: `ledger.credit.charge` for each command that a script may use,
/// `ledger.charge` for verbs that say enough, and Redis' own `redis.call` and its like.
package final class ScriptFunctions: Sendable {
    enum Function: Sendable {
        /// Takes its arguments by name, or in order.
        case command(CommandID)
        /// `redis.call`, `redis.pcall`: takes words. One raises what is refused, the other returns it.
        case words(raises: Bool)
        /// `redis.error_reply`, `redis.status_reply`: an answer that is none of the ledger's.
        case reply(field: String)
        /// A word and one value of any kind, for the host's own use: `ScriptValue.decode` reads it.
        case value(word: String)
    }

    /// A path and what it leads to.
    private struct Entry: Sendable {
        let path: [String]
        let number: Int
    }

    private let functions: [Function]
    private let entries: [Entry]

    subscript(number: Int) -> Function { functions[number] }

    /// Every path, like `ledger.credit.charge`: for completion and help. What begins with `__` is nobody's business.
    package var paths: [String] {
        entries.filter { !$0.path.last!.hasPrefix("__") }.map { $0.path.joined(separator: ".") }
    }

    /// What a path stands for.
    package func command(at path: String) -> CommandID? {
        let words = path.split(separator: ".").map(String.init)
        guard let entry = entries.first(where: { $0.path == words }), case .command(let id) = functions[entry.number]
        else { return nil }
        return id
    }

    /// For EVAL.
    package static let server = ScriptFunctions(
        CommandTable.specs.filter { $0.script.isAllowed },
        others: [
            (["redis", "call"], .words(raises: true)), (["redis", "pcall"], .words(raises: false)),
            (["redis", "error_reply"], .reply(field: "err")), (["redis", "status_reply"], .reply(field: "ok")),
            (["ledger", "call"], .words(raises: true)),
        ])

    /// For a prompt: also what is about the connection or the server, and a way to hand it any value
    /// (`ledger.__show`).
    package static let prompt = ScriptFunctions(
        CommandTable.specs,
        others: [(["ledger", "call"], .words(raises: true)), (["ledger", "__show"], .value(word: "show"))])

    static let none = ScriptFunctions([], others: [])

    private init(_ specs: [CommandSpec], others: [(path: [String], function: Function)]) {
        var functions: [Function] = []
        var entries: [Entry] = []
        let short = Self.shortForms(specs)
        let taken = Set(specs.flatMap { $0.words.count == 2 ? [$0.words[0]] : [] })
        for spec in specs {
            let words = spec.words.map { $0.lowercased() }
            let path = words.count == 1 && taken.contains(spec.words[0]) ? words + ["show"] : words
            entries.append(Entry(path: ["ledger"] + path, number: functions.count))
            if short.contains(spec.id) {
                entries.append(Entry(path: ["ledger", words[1]], number: functions.count))
            }
            functions.append(.command(spec.id))
        }
        for other in others {
            entries.append(Entry(path: other.path, number: functions.count))
            functions.append(other.function)
        }
        self.functions = functions
        self.entries = entries
    }

    /// Verbs that say nothing without their noun.
    private static let plainVerbs: Set = [
        "CREATE", "GET", "LIST", "SET", "ADD", "REMOVE", "DELETE", "SHOW", "FIND", "COUNT",
    ]
    /// Whose verb it is where several have it: money's first.
    private static let firstNouns = ["CREDIT", "SESSION", "USAGE"]

    private static func shortForms(_ specs: [CommandSpec]) -> Set<CommandID> {
        let nouns = Set(specs.map { $0.words[0] })
        var short: Set<CommandID> = []
        for (verb, group) in Dictionary(grouping: specs.filter { $0.words.count == 2 }, by: { $0.words[1] }) {
            guard !plainVerbs.contains(verb), !nouns.contains(verb) else { continue }
            let first = firstNouns.compactMap { noun in group.first { $0.words[0] == noun } }.first
            if let chosen = group.count == 1 ? group[0] : first { short.insert(chosen.id) }
        }
        return short
    }

    /// The table as CLua reads it, good for the length of the call.
    func withTable<R>(_ body: (UnsafeBufferPointer<clua_function>) -> R) -> R {
        var texts: [UnsafeMutablePointer<CChar>] = []
        defer { for text in texts { free(text) } }
        func text(_ words: [String], _ index: Int) -> UnsafePointer<CChar>? {
            guard index < words.count else { return nil }
            texts.append(strdup(words[index])!)
            return UnsafePointer(texts[texts.count - 1])
        }
        let table = entries.map { entry in
            clua_function(
                path: (text(entry.path, 0), text(entry.path, 1), text(entry.path, 2)), number: Int32(entry.number))
        }
        return table.withUnsafeBufferPointer(body)
    }
}
