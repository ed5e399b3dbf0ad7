/// How much one request may ask a server to remember. All lengths are bytes.
///
/// A declared length is never believed for allocation: the parser keeps eight bytes per argument that has *arrived*,
/// and the caller's buffer holds what was received. These limits say when it stops waiting for more.
package struct RequestLimits: Sendable, Hashable {
    /// Most arguments of one request, the command's name included.
    package var maxArguments: Int
    /// Longest single argument.
    package var maxBulkLength: Int
    /// Longest inline line, its line end not counted.
    package var maxInlineLength: Int
    /// Longest request with its framing; at most 4 GiB, because slices hold 32-bit offsets.
    package var maxRequestLength: Int
    /// A request over a limit whose framing is intact is read and dropped up to this many bytes, so that the connection
    /// survives its error. Beyond it, and always when this is 0, the connection ends.
    package var maxSkippedLength: Int

    package init(
        maxArguments: Int, maxBulkLength: Int, maxInlineLength: Int, maxRequestLength: Int, maxSkippedLength: Int
    ) {
        precondition(maxRequestLength <= Int(UInt32.max), "a request limit beyond the 4 GiB that slices address")
        self.maxArguments = maxArguments
        self.maxBulkLength = maxBulkLength
        self.maxInlineLength = maxInlineLength
        self.maxRequestLength = maxRequestLength
        self.maxSkippedLength = maxSkippedLength
    }

    /// For connections that have shown a passport: twice the longest argument of any command (a rule's source), since
    /// every connection may stop in the middle of a request and stay. Longer ones are read over, not kept.
    package static let standard = RequestLimits(
        maxArguments: 1024, maxBulkLength: 32 << 10, maxInlineLength: 32 << 10, maxRequestLength: 48 << 10,
        maxSkippedLength: 64 << 20)

    /// For everybody else: 10 arguments of 1 KiB, 16 KiB in all, and no second chance.
    package static let unauthenticated = RequestLimits(
        maxArguments: 10, maxBulkLength: 1 << 10, maxInlineLength: 16 << 10, maxRequestLength: 16 << 10,
        maxSkippedLength: 0)
}

/// Why bytes are not a request. Whether the connection can go on is told by the step that carries it.
package enum RequestError: Error, Hashable, Sendable {
    case invalidMultibulkLength
    case tooManyArguments(limit: Int)
    case expectedBulk(got: UInt8)
    case invalidBulkLength
    case bulkTooLong(limit: Int)
    case requestTooLong(limit: Int)
    case missingLineEnd
    case inlineTooLong(limit: Int)
    case unbalancedQuotes
    case notRESP

    /// The text after `-`: `ERR Protocol error: …`, in Redis' words where Redis has them. No byte of the request is
    /// repeated but the one that stands where `$` should.
    package var message: String {
        switch self {
        case .invalidMultibulkLength: "ERR Protocol error: invalid multibulk length"
        case .tooManyArguments(let limit): "ERR Protocol error: too many arguments, at most \(limit)"
        case .expectedBulk(let got):
            "ERR Protocol error: expected '$', got '\(got > 0x20 && got < 0x7f ? String(Unicode.Scalar(got)) : "?")'"
        case .invalidBulkLength: "ERR Protocol error: invalid bulk length"
        case .bulkTooLong(let limit): "ERR Protocol error: argument too long, at most \(limit) bytes"
        case .requestTooLong(let limit): "ERR Protocol error: request too long, at most \(limit) bytes"
        case .missingLineEnd: "ERR Protocol error: expected CRLF after an argument"
        case .inlineTooLong(let limit): "ERR Protocol error: too big inline request, at most \(limit) bytes"
        case .unbalancedQuotes: "ERR Protocol error: unbalanced quotes in request"
        case .notRESP: "ERR Protocol error: this port speaks RESP, not HTTP"
        }
    }
}
