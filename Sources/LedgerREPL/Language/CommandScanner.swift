/// Reads commands byte by byte and says what each byte is: the same rules as ``InlineWords``, for those who need to
/// know where words stand (colour), or whether a quote is still open (several lines). A line end outside of quotes ends
/// a command; within quotes it is text.
package struct CommandScanner: Sendable {
    package enum Part: Hashable, Sendable {
        case blank
        case word
        /// A quote's marks, and what stands between them.
        case quoted
        case comment
        /// A line end that ends a command.
        case end
    }

    private enum State: Equatable {
        case between(isFirst: Bool)
        case word
        case quote(UInt8, isEscaped: Bool)
        /// Behind a closing quote, where a blank must follow.
        case closed
        /// Something sticks to a closing quote: the command is none, whatever follows.
        case broken
        case comment
    }

    private var state = State.between(isFirst: true)

    package init() {}

    /// What comes next, line ends and all, is still text.
    package var isQuoteOpen: Bool {
        switch state {
        case .quote: true
        case .between, .word, .closed, .broken, .comment: false
        }
    }

    package mutating func take(_ byte: UInt8) -> Part {
        if case .quote(let mark, let isEscaped) = state {
            takeQuoted(byte, mark: mark, isEscaped: isEscaped)
            return .quoted
        }
        if byte == 0x0a {
            state = .between(isFirst: true)
            return .end
        }
        let isBlank = byte == 0x20 || (0x09...0x0d).contains(byte)
        switch state {
        case .comment: return .comment
        case .between where isBlank: return .blank
        case .word where isBlank, .closed where isBlank, .broken where isBlank:
            if state != .broken { state = .between(isFirst: false) }
            return .blank
        case .closed, .broken:
            state = .broken
            return .word
        case .between(let isFirst):
            if isFirst, byte == UInt8(ascii: "#") {
                state = .comment
                return .comment
            }
            return begin(byte)
        case .word: return begin(byte)
        case .quote: return .quoted  // seen above
        }
    }

    private mutating func begin(_ byte: UInt8) -> Part {
        if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
            state = .quote(byte, isEscaped: false)
            return .quoted
        }
        state = .word
        return .word
    }

    private mutating func takeQuoted(_ byte: UInt8, mark: UInt8, isEscaped: Bool) {
        if isEscaped {
            // In single quotes a backslash before anything but the quote is only itself.
            let isStill = mark == UInt8(ascii: "'") && byte == UInt8(ascii: "\\")
            state = .quote(mark, isEscaped: isStill)
        } else if byte == mark {
            state = .closed
        } else {
            state = .quote(mark, isEscaped: byte == UInt8(ascii: "\\"))
        }
    }
}

/// Cuts input into commands: one a line, and a quote that is open at a line's end goes on in the next.
package struct CommandSplitter: Sendable {
    private var scanner = CommandScanner()
    private var pending: [UInt8] = []

    package init() {}

    /// The commands that end within these bytes.
    package mutating func take(_ bytes: some Sequence<UInt8>) -> [String] {
        var commands: [String] = []
        for byte in bytes {
            if scanner.take(byte) == .end {
                commands.append(String(decoding: pending, as: UTF8.self))
                pending.removeAll(keepingCapacity: true)
            } else {
                pending.append(byte)
            }
        }
        return commands
    }

    /// What was begun and not ended.
    package mutating func finish() -> String? {
        defer { self = CommandSplitter() }
        return pending.isEmpty ? nil : String(decoding: pending, as: UTF8.self)
    }

    package static func split(_ text: String) -> [String] {
        var splitter = CommandSplitter()
        let commands = splitter.take(text.utf8)
        return commands + (splitter.finish().map { [$0] } ?? [])
    }

    /// Whether a text ends within quotes.
    package static func isOpen(_ text: String) -> Bool {
        var scanner = CommandScanner()
        for byte in text.utf8 { _ = scanner.take(byte) }
        return scanner.isQuoteOpen
    }
}

/// A command's words as they stand in a text, for colour.
struct ScannedWord {
    /// Places of characters.
    var range: Range<Int>
    var text: String
    var isQuoted: Bool
}

/// A text as commands, their words and comments with their places.
struct ScannedText {
    var commands: [[ScannedWord]] = [[]]
    var comments: [Range<Int>] = []

    init(_ text: String) {
        var scanner = CommandScanner()
        var last = CommandScanner.Part.end
        for (place, character) in text.enumerated() {
            // The bytes of a character are of one kind, but for a line end, which may be two.
            var part = CommandScanner.Part.blank
            for byte in character.utf8 { part = scanner.take(byte) }
            let line = commands.count - 1
            switch part {
            case .end: commands.append([])
            case .blank: break
            case .comment:
                if last == .comment {
                    comments[comments.count - 1] = comments.last!.lowerBound..<(place + 1)
                } else {
                    comments.append(place..<(place + 1))
                }
            case .word, .quoted:
                if last == .word || last == .quoted {
                    let word = commands[line].count - 1
                    commands[line][word].range = commands[line][word].range.lowerBound..<(place + 1)
                    commands[line][word].text.append(character)
                    if part == .quoted { commands[line][word].isQuoted = true }
                } else {
                    commands[line].append(
                        ScannedWord(
                            range: place..<(place + 1), text: String(character), isQuoted: part == .quoted))
                }
            }
            last = part
        }
    }
}
