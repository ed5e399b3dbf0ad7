internal import LedgerCore

/// A command as a client writes it, word by word. Every value is written exactly: to the nanosecond and the nano-USD.
struct CommandWords: Sendable {
    /// `CREDIT CHARGE`: what the report calls it.
    let name: String
    private(set) var words: [[UInt8]]

    init(_ name: String, _ arguments: any CommandWord...) {
        self.name = name
        words = name.split(separator: " ").map { Array($0.utf8) } + arguments.map(\.bytes)
    }

    mutating func add(_ option: String, _ value: any CommandWord) {
        words.append(Array(option.utf8))
        words.append(value.bytes)
    }

    mutating func add(flag: String) { words.append(Array(flag.utf8)) }

    /// An option with a value, where there is one.
    mutating func add(_ option: String, nonempty value: ShortText) {
        if !value.isEmpty { add(option, value) }
    }

    mutating func add(_ option: String, nonempty value: [UInt8]) {
        if !value.isEmpty { add(option, value) }
    }
}

/// What can stand in a command.
protocol CommandWord {
    var bytes: [UInt8] { get }
}

extension String: CommandWord {
    var bytes: [UInt8] { Array(utf8) }
}

extension [UInt8]: CommandWord {
    var bytes: [UInt8] { self }
}

extension ShortText: CommandWord {
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }
}

extension Int64: CommandWord {
    var bytes: [UInt8] { Array(String(self).utf8) }
}

extension UInt32: CommandWord {
    var bytes: [UInt8] { Array(String(self).utf8) }
}

extension Money: CommandWord {
    var bytes: [UInt8] { Array(description.utf8) }
}

extension Timestamp: CommandWord {
    var bytes: [UInt8] { self == .never ? Array("9999-12-31".utf8) : Array(description.utf8) }
}

extension TimeSpan: CommandWord {
    /// In seconds, with as many fraction digits as it takes.
    var bytes: [UInt8] { Array("\(Money(nanos: nanoseconds))s".utf8) }
}
