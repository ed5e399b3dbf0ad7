/// What the prompt knows about the commands it sends: enough to complete them and to explain them. The owner of the
/// command table fills one of these; nothing here decides what a server accepts.
package struct CommandCatalogue: Sendable {
    package struct Argument: Sendable, Hashable {
        package var name: String
        /// The words it may be, when those are few and known.
        package var choices: [String]
        /// Several choices may be joined by commas.
        package var isList: Bool
        package var isOptional: Bool
        /// What it must be, and what it means; may be empty.
        package var note: String
        /// What kinds of id may stand here.
        package var ids: [KnownIDs.Kind]
        /// The prompt takes `@FILE` for the text in that file.
        package var mayBeFile: Bool

        package init(
            _ name: String, choices: [String] = [], isList: Bool = false, isOptional: Bool = false, note: String = "",
            ids: [KnownIDs.Kind] = [], mayBeFile: Bool = false
        ) {
            self.name = name
            self.ids = ids
            self.mayBeFile = mayBeFile
            self.choices = choices
            self.isList = isList
            self.isOptional = isOptional
            self.note = note
        }
    }

    /// `TTL d`, or a flag such as `OVER` when it has no value.
    package struct Option: Sendable, Hashable {
        package var name: String
        package var value: Argument?
        package var isRequired: Bool
        /// What it must be, and what it means; may be empty.
        package var note: String

        package init(_ name: String, _ value: Argument? = nil, isRequired: Bool = false, note: String = "") {
            self.name = name
            self.value = value
            self.isRequired = isRequired
            self.note = note
        }

        /// `[TTL d]`, or `REASON r` where it must be given.
        package var synopsis: String {
            let shown = value.map { "\(name) \($0.name)" } ?? name
            return isRequired ? shown : "[\(shown)]"
        }
    }

    package struct Command: Sendable, Hashable {
        /// One word or more, in capitals: `["CREDIT", "CHARGE"]`.
        package var name: [String]
        package var arguments: [Argument]
        package var options: [Option]
        /// One sentence.
        package var summary: String
        /// Who may use it, for people; empty when there is nothing to say.
        package var permission: String
        /// Whole lines as one would type them.
        package var examples: [String]
        /// Further sentences.
        package var notes: [String]
        /// Of a list, the fields to show where the terminal is too narrow for all; empty: no choice was made.
        package var brief: [String]

        package init(
            _ name: [String], arguments: [Argument] = [], options: [Option] = [], summary: String,
            notes: [String] = [], permission: String = "", examples: [String] = [], brief: [String] = []
        ) {
            self.name = name
            self.arguments = arguments
            self.options = options
            self.summary = summary
            self.permission = permission
            self.examples = examples
            self.notes = notes
            self.brief = brief
        }

        package var title: String { name.joined(separator: " ") }

        /// `CREDIT CHARGE user amount source [DESCRIPTION d] [OVER]`
        package var synopsis: String {
            var words = [title]
            for argument in arguments {
                words.append(argument.isOptional ? "[\(argument.name)]" : argument.name)
            }
            words += options.map(\.synopsis)
            return words.joined(separator: " ")
        }
    }

    package var commands: [Command]

    package init(_ commands: [Command]) { self.commands = commands }
}

extension CommandCatalogue {
    /// The command that the words begin with; the longest name wins.
    package func command(for words: [String]) -> Command? {
        commands.filter { words.begins(with: $0.name) }.max { $0.name.count < $1.name.count }
    }
}

extension [String] {
    func begins(with words: [String]) -> Bool {
        count >= words.count && zip(self, words).allSatisfy { $0.lowercased() == $1.lowercased() }
    }
}

extension String {
    func hasPrefixIgnoringCase(_ prefix: String) -> Bool { lowercased().hasPrefix(prefix.lowercased()) }
}
