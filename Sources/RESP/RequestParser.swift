internal import Glibc

/// Reads requests from the bytes of one connection: RESP arrays of bulk strings, and inline lines.
///
/// The caller keeps the unconsumed bytes in one contiguous buffer and calls ``next(in:limits:)`` until it answers
/// `incomplete`. A request is answered as slices of that buffer; nothing is copied, and once `slices` has grown nothing
/// is allocated. Work is proportional to the bytes received, however they were cut: the parser remembers where it
/// stopped, so a large argument that arrives in a thousand pieces is not looked at a thousand times.
///
/// One parser per connection, used by one thread at a time.
package struct RequestParser: ~Copyable {
    /// Where an argument lies: bytes from the start of the buffer given to the call that answered `request`.
    package struct Slice: Hashable, Sendable {
        package var offset: UInt32
        package var count: UInt32

        package init(offset: Int, count: Int) {
            self.offset = UInt32(truncatingIfNeeded: offset)
            self.count = UInt32(truncatingIfNeeded: count)
        }
    }

    package enum Step: Hashable, Sendable {
        /// A whole request: its arguments are in `slices` until the next call. Drop `consumed` bytes, then call again.
        /// No arguments (an empty line, an empty array) ask for nothing and get no answer.
        case request(consumed: Int)
        /// Call again when more bytes have arrived. `discard` is 0 unless a refused request is being skipped: then that
        /// many bytes must be dropped now, so that skipping holds no memory.
        case incomplete(discard: Int)
        /// A request over a limit, but well framed: answer the error, drop `consumed` bytes and go on.
        case refused(consumed: Int, RequestError)
        /// Nobody knows where the next request begins: answer the error and close. Later calls repeat it.
        case broken(RequestError)
    }

    /// The arguments of the last request. For inline lines with quotes they address `scratch`, so read them through
    /// ``argument(_:in:)`` unless ``isUnquoted`` is false.
    package private(set) var slices: [Slice] = []
    /// True when `slices` address the parser's own copy of an inline line whose quotes were taken off.
    package private(set) var isUnquoted = false

    private var scratch = UnsafeMutableRawBufferPointer(start: nil, count: 0)
    private var position = 0  // first byte not yet understood, from the start of the request
    private var remaining = -1  // arguments still to come; -1 at the start of a request
    private var bulk = -1  // length of the argument being read; -1 before its header
    private var skipping: RequestError?
    private var skipped = 0  // bytes of the refused request that the caller already dropped
    private var fatal: RequestError?

    package init() {}

    deinit { scratch.deallocate() }

    /// The number of arguments of the last request.
    package var count: Int { slices.count }

    /// The bytes of an argument of the request just answered; `bytes` is the buffer it was found in. Valid as long as
    /// that buffer, and not beyond the next call to ``next(in:limits:)``.
    package func argument(_ index: Int, in bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let slice = slices[index]
        let base = isUnquoted ? UnsafeRawBufferPointer(scratch) : bytes
        return UnsafeRawBufferPointer(rebasing: base[Int(slice.offset)..<Int(slice.offset) + Int(slice.count)])
    }

    /// Reads on. `bytes` begins at the first byte not yet consumed; after `incomplete` it must begin with the same
    /// bytes again (less those discarded). `limits` may change between requests.
    package mutating func next(in bytes: UnsafeRawBufferPointer, limits: RequestLimits) -> Step {
        if let fatal { return .broken(fatal) }
        if remaining < 0 {
            slices.removeAll(keepingCapacity: slices.capacity <= Self.keptSlices)
            isUnquoted = false
            guard let first = bytes.first else { return .incomplete(discard: 0) }
            guard first == UInt8(ascii: "*") else { return nextLine(in: bytes, limits: limits) }
            switch Self.readLength(in: bytes, at: 1) {
            case .incomplete: return .incomplete(discard: 0)
            case .malformed: return fail(.invalidMultibulkLength)
            case .value(let count, let next):
                if count == 0 || count == -1 { return .request(consumed: next) }
                guard count > 0 else { return fail(.invalidMultibulkLength) }
                position = next
                remaining = count
                if count > limits.maxArguments {
                    // The shortest argument is six bytes long, so some counts are beyond skipping before they begin.
                    guard count <= limits.maxSkippedLength / 6 else {
                        return fail(.tooManyArguments(limit: limits.maxArguments))
                    }
                    refuse(.tooManyArguments(limit: limits.maxArguments))
                }
            }
        }
        return nextArguments(in: bytes, limits: limits)
    }

    private mutating func nextArguments(in bytes: UnsafeRawBufferPointer, limits: RequestLimits) -> Step {
        while remaining > 0 {
            if bulk < 0 {
                guard position < bytes.count else { return pause() }
                guard bytes[position] == UInt8(ascii: "$") else { return fail(.expectedBulk(got: bytes[position])) }
                switch Self.readLength(in: bytes, at: position + 1) {
                case .incomplete: return pause()
                case .malformed: return fail(.invalidBulkLength)
                case .value(let length, let next):
                    guard length >= 0 else { return fail(.invalidBulkLength) }
                    if skipping == nil {
                        if length > limits.maxBulkLength {
                            refuse(.bulkTooLong(limit: limits.maxBulkLength))
                        } else if next + length + 2 > limits.maxRequestLength {
                            refuse(.requestTooLong(limit: limits.maxRequestLength))
                        }
                    }
                    if let skipping, skipped + next + length + 2 > limits.maxSkippedLength { return fail(skipping) }
                    bulk = length
                    position = next
                }
            }
            if skipping != nil {
                let here = min(bulk, bytes.count - position)
                position += here
                bulk -= here
            }
            guard bytes.count - position >= bulk + 2 else { return pause() }
            let end = position + bulk
            guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
                return fail(.missingLineEnd)
            }
            if skipping == nil { slices.append(Slice(offset: position, count: bulk)) }
            position = end + 2
            bulk = -1
            remaining -= 1
        }
        let consumed = position
        let refusal = skipping
        position = 0
        remaining = -1
        skipping = nil
        skipped = 0
        return if let refusal { .refused(consumed: consumed, refusal) } else { .request(consumed: consumed) }
    }

    private mutating func nextLine(in bytes: UnsafeRawBufferPointer, limits: RequestLimits) -> Step {
        guard let newline = Self.indexOfNewline(in: bytes, from: position) else {
            guard bytes.count <= limits.maxInlineLength + 1 else {
                return fail(.inlineTooLong(limit: limits.maxInlineLength))
            }
            position = bytes.count
            return .incomplete(discard: 0)
        }
        position = 0
        let end = newline > 0 && bytes[newline - 1] == UInt8(ascii: "\r") ? newline - 1 : newline
        guard end <= limits.maxInlineLength else { return fail(.inlineTooLong(limit: limits.maxInlineLength)) }
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<end])
        // Commands hidden in a web request must not be found by reading on (a browser can be made to send those).
        if InlineWords.looksLikeHTTP(line) { return fail(.notRESP) }

        let consumed = newline + 1
        if line.contains(where: { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "'") }) {
            reserveScratch(line.count)
            isUnquoted = true
            guard InlineWords.split(line, into: scratch, slices: &slices) else {
                slices.removeAll()
                return .refused(consumed: consumed, .unbalancedQuotes)
            }
        } else {
            InlineWords.split(plain: line, slices: &slices)
        }
        var refusal: RequestError?
        if slices.count > limits.maxArguments {
            refusal = .tooManyArguments(limit: limits.maxArguments)
        } else if slices.contains(where: { Int($0.count) > limits.maxBulkLength }) {
            refusal = .bulkTooLong(limit: limits.maxBulkLength)
        }
        guard let refusal else { return .request(consumed: consumed) }
        slices.removeAll()
        return .refused(consumed: consumed, refusal)
    }

    // MARK: Helpers

    private static let keptSlices = 1024
    private static let keptScratch = 4096

    /// From now on the request's bytes are counted and dropped.
    private mutating func refuse(_ error: RequestError) {
        skipping = error
        slices.removeAll(keepingCapacity: slices.capacity <= Self.keptSlices)
    }

    private mutating func pause() -> Step {
        guard skipping != nil else { return .incomplete(discard: 0) }
        let discard = position
        skipped += discard
        position = 0
        return .incomplete(discard: discard)
    }

    private mutating func fail(_ error: RequestError) -> Step {
        fatal = error
        slices = []
        return .broken(error)
    }

    private mutating func reserveScratch(_ count: Int) {
        guard scratch.count < count || scratch.count > Self.keptScratch else { return }
        scratch.deallocate()
        scratch = .allocate(byteCount: max(count, 256), alignment: 1)
    }

    private static func indexOfNewline(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start < bytes.count else { return nil }
        guard let found = memchr(base + start, 0x0a, bytes.count - start) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    enum Length {
        case value(Int, next: Int)
        case incomplete
        case malformed
    }

    /// A decimal length with its CRLF: no sign but a minus, no leading zero, at most ten digits, so that it can't
    /// overflow and a line that never ends is found out after eleven bytes.
    @inline(__always)
    static func readLength(in bytes: UnsafeRawBufferPointer, at start: Int) -> Length {
        var index = start
        let negative = index < bytes.count && bytes[index] == UInt8(ascii: "-")
        if negative { index += 1 }
        let firstDigit = index
        var value = 0
        while index < bytes.count {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            guard index - firstDigit < 10 else { return .malformed }
            value = value &* 10 &+ Int(digit)
            index += 1
        }
        let digits = index - firstDigit
        if digits > 1, bytes[firstDigit] == UInt8(ascii: "0") { return .malformed }
        guard index < bytes.count else { return .incomplete }
        guard digits > 0, bytes[index] == UInt8(ascii: "\r") else { return .malformed }
        guard index + 1 < bytes.count else { return .incomplete }
        guard bytes[index + 1] == UInt8(ascii: "\n") else { return .malformed }
        return .value(negative ? -value : value, next: index + 2)
    }
}
