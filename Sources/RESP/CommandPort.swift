/// Where commands go: a server at the other end of a socket, or an engine in this process. The prompt and the importer
/// see nothing else.
package protocol CommandPort: Sendable {
    /// Sends commands (words, the name first) in order and answers one value each, in the same order. A rejection is an
    /// answer (`RESPValue.error`); an error is thrown only when the answers can't be had, and says what is known of the
    /// outcome. Any number of calls may be under way at once.
    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue]

    /// The same for who has many commands of one kind: bytes go out and bytes come back, and no value is made of any.
    /// Returns at once; what one task posts goes out in the order of its calls.
    func post(_ commands: EncodedCommands) -> PostedCommands
}

/// Commands as they go over the wire.
package struct EncodedCommands: Sendable {
    /// Whole requests, as ``RESPWriter`` writes them; inline lines are none.
    package let bytes: [UInt8]
    package let count: Int

    package init(bytes: [UInt8], count: Int) {
        self.bytes = bytes
        self.count = count
    }

    private static let ownLimits = RequestLimits(
        maxArguments: .max, maxBulkLength: .max, maxInlineLength: 0, maxRequestLength: Int(UInt32.max),
        maxSkippedLength: 0)

    /// The words of each command, the name first. Allocates every one.
    package var words: [[[UInt8]]] {
        var parser = RequestParser()
        return bytes.withUnsafeBytes { bytes in
            var words: [[[UInt8]]] = []
            words.reserveCapacity(count)
            var offset = 0
            while words.count < count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
                guard case .request(let consumed) = parser.next(in: rest, limits: Self.ownLimits) else {
                    preconditionFailure("fewer commands were encoded than was said")
                }
                words.append((0..<parser.count).map { Array(parser.argument($0, in: rest)) })
                offset += consumed
            }
            precondition(offset == bytes.count, "more commands were encoded than was said")
            return words
        }
    }
}

/// Commands under way.
package struct PostedCommands: Sendable {
    private let answers: @Sendable () async throws -> [UInt8]

    package init(_ answers: @escaping @Sendable () async throws -> [UInt8]) { self.answers = answers }

    /// One whole answer for each command, in their order, and nothing between them: for ``ReplyBytes``. To be asked
    /// once; throws what `send` throws.
    package func replies() async throws -> [UInt8] { try await answers() }
}

extension CommandPort {
    /// For ports that have values only. Sends when the answers are asked for.
    package func post(_ commands: EncodedCommands) -> PostedCommands {
        PostedCommands {
            var writer = RESPWriter(version: .v3)
            for value in try await send(commands.words) { writer.value(value) }
            return writer.bytes
        }
    }

    /// One command, one answer.
    package func call(_ words: [[UInt8]]) async throws -> RESPValue { try await send([words])[0] }

    package func call(_ words: [String]) async throws -> RESPValue {
        try await send([words.map { Array($0.utf8) }])[0]
    }

    package func call(_ words: String...) async throws -> RESPValue { try await call(words) }
}
