/// The prompt's own commands: what completion, help, colour and hints know about them.
package enum LocalCommand: String, CaseIterable, Sendable {
    case help, quit

    /// Also `exit`.
    package static func named(_ word: String) -> LocalCommand? {
        let word = word.lowercased()
        return word == "exit" ? .quit : LocalCommand(rawValue: word)
    }

    package var arguments: String {
        switch self {
        case .help: "[words …]"
        case .quit: ""
        }
    }
}
