/// The prompt's own commands: what completion, help, colour and hints know about them. What they do is said in
/// `REPL+Local.swift`.
package enum LocalCommand: String, CaseIterable, Sendable {
    case describe, plot, watch
    case tail = ".tail"
    case use = ".use"
    case leave = ".leave"
    case last = ".last"
    case export = ".export"
    case reload = ".reload"
    case edit = #"\e"#
    case help
    case quit

    /// Also `exit`, `.help`, `.quit`, `.edit`: what people type who come from other prompts.
    package static func named(_ word: String) -> LocalCommand? {
        let word = word.lowercased()
        switch word {
        case "exit", ".exit", ".quit", #"\q"#: return .quit
        case ".help", "?", #"\?"#, #"\h"#: return .help
        case ".edit": return .edit
        default: return LocalCommand(rawValue: word)
        }
    }

    package var arguments: String {
        switch self {
        case .describe: "user"
        case .plot: "user [FROM t] [TO t]"
        case .watch: "seconds command …"
        case .tail: "[FROM lsn] [USER u]"
        case .use: "fork"
        case .leave, .last, .reload, .quit: ""
        case .export: "csv|json file"
        case .edit: "[command …]"
        case .help: "[words …]"
        }
    }

    package var synopsis: String { arguments.isEmpty ? rawValue : rawValue + " " + arguments }

    package var summary: String {
        switch self {
        case .describe:
            "One user at a glance: balances, lots as they burn, holds, sessions and how long they can go on."
        case .plot: "A user's credit over time, drawn in the terminal."
        case .watch: "Runs a command every so many seconds and shows its answer in place, until a key is pressed."
        case .tail: "Shows the last ten events and then each new one as it comes, a line each, until Ctrl-C."
        case .use: "Goes into a fork (f = fork() makes one): what is typed then happens there, and touches nobody."
        case .leave: "Goes back from the fork to the ledger. The fork stays as it is until FORK DROP or the end."
        case .last: "Shows the last answer again, whole."
        case .export: "Writes the last answer to a file."
        case .reload: "Beside a server, on its data directory: looks at what it has recorded since."
        case .edit: "Opens $VISUAL or $EDITOR on a command, or on the last input, and runs what comes back."
        case .help: "Lists the commands; with words, explains what has these words in its name or its help."
        case .quit: "Leaves, as Ctrl-D does."
        }
    }

    /// Whether a command of the ledger's follows, and behind how many words.
    var takesCommand: Bool {
        switch self {
        case .watch, .edit: true
        case .describe, .plot, .tail, .use, .leave, .last, .export, .reload, .help, .quit: false
        }
    }

    var wordsBeforeCommand: Int {
        switch self {
        case .watch: 1
        case .describe, .plot, .tail, .use, .leave, .last, .export, .reload, .edit, .help, .quit: 0
        }
    }
}
