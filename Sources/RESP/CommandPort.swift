/// Where commands go: a server at the other end of a socket, or an engine in this process. The prompt and the importer
/// see nothing else.
package protocol CommandPort: Sendable {
    /// Sends commands (words, the name first) in order and answers one value each, in the same order. A rejection is an
    /// answer (`RESPValue.error`); an error is thrown only when the answers can't be had, and says what is known of the
    /// outcome. Any number of calls may be under way at once.
    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue]
}

extension CommandPort {
    /// One command, one answer.
    package func call(_ words: [[UInt8]]) async throws -> RESPValue { try await send([words])[0] }

    package func call(_ words: [String]) async throws -> RESPValue {
        try await send([words.map { Array($0.utf8) }])[0]
    }

    package func call(_ words: String...) async throws -> RESPValue { try await call(words) }
}
