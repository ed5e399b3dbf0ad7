import RESP

/// What a stream of bytes means, found the slow and obvious way: whole input, whole arrays, no state. It shares no code
/// with ``RequestParser`` and is the judge in the differential test.
enum SlowParser {
    enum Meaning: Hashable {
        case request([[UInt8]])
        case refused(RequestError)
        case broken(RequestError)
        /// The input ended within a request.
        case unfinished
    }

    static func parse(_ input: [UInt8], limits: RequestLimits) -> [Meaning] {
        var meanings: [Meaning] = []
        var rest = input[...]
        while let first = rest.first {
            let (meaning, consumed) = first == UInt8(ascii: "*") ? array(rest, limits) : line(rest, limits)
            meanings.append(meaning)
            switch meaning {
            case .broken, .unfinished: return meanings
            case .request, .refused: rest = rest.dropFirst(consumed)
            }
        }
        return meanings
    }

    private static func array(_ input: ArraySlice<UInt8>, _ limits: RequestLimits) -> (Meaning, Int) {
        var refusal: RequestError?
        var words: [[UInt8]] = []
        var used = 0

        func number() -> Int?? {
            // .some(nil): malformed; nil: unfinished
            var text = ""
            var index = used + 1
            while index < input.count, let scalar = Optional(input[input.startIndex + index]), scalar != 0x0d {
                text.unicodeScalars.append(Unicode.Scalar(scalar))
                index += 1
                if !valid(prefix: text) { return .some(nil) }
            }
            if index >= input.count { return nil }
            if !valid(whole: text) { return .some(nil) }
            if index + 1 >= input.count { return nil }
            if input[input.startIndex + index + 1] != 0x0a { return .some(nil) }
            used = index + 2
            return Int(text)!
        }

        switch number() {
        case nil: return (.unfinished, 0)
        case .some(nil): return (.broken(.invalidMultibulkLength), 0)
        case .some(.some(let count)):
            if count == 0 || count == -1 { return (.request([]), used) }
            if count < 0 { return (.broken(.invalidMultibulkLength), 0) }
            if count > limits.maxArguments {
                refusal = .tooManyArguments(limit: limits.maxArguments)
                if count > limits.maxSkippedLength / 6 { return (.broken(refusal!), 0) }
            }
            for _ in 0..<count {
                if used >= input.count { return (.unfinished, 0) }
                let type = input[input.startIndex + used]
                if type != UInt8(ascii: "$") { return (.broken(.expectedBulk(got: type)), 0) }
                switch number() {
                case nil: return (.unfinished, 0)
                case .some(nil): return (.broken(.invalidBulkLength), 0)
                case .some(.some(let length)):
                    if length < 0 { return (.broken(.invalidBulkLength), 0) }
                    if refusal == nil, length > limits.maxBulkLength {
                        refusal = .bulkTooLong(limit: limits.maxBulkLength)
                    }
                    if refusal == nil, used + length + 2 > limits.maxRequestLength {
                        refusal = .requestTooLong(limit: limits.maxRequestLength)
                    }
                    if let refusal, used + length + 2 > limits.maxSkippedLength { return (.broken(refusal), 0) }
                    if input.count < used + length + 2 { return (.unfinished, 0) }
                    let body = input.dropFirst(used).prefix(length)
                    if Array(input.dropFirst(used + length).prefix(2)) != [0x0d, 0x0a] {
                        return (.broken(.missingLineEnd), 0)
                    }
                    words.append(Array(body))
                    used += length + 2
                }
            }
            return (refusal.map { .refused($0) } ?? .request(words), used)
        }
    }

    private static func valid(prefix text: String) -> Bool {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        return digits.unicodeScalars.allSatisfy { "0"..."9" ~= $0 } && digits.count <= 10
            && !(digits.count > 1 && digits.hasPrefix("0"))
    }

    private static func valid(whole text: String) -> Bool {
        valid(prefix: text) && text.last.map { $0 != "-" } ?? false
    }

    private static func line(_ input: ArraySlice<UInt8>, _ limits: RequestLimits) -> (Meaning, Int) {
        guard let newline = input.firstIndex(of: 0x0a) else {
            return (
                input.count > limits.maxInlineLength + 1
                    ? .broken(.inlineTooLong(limit: limits.maxInlineLength))
                    : .unfinished, 0
            )
        }
        var text = Array(input[input.startIndex..<newline])
        let used = text.count + 1
        if text.last == 0x0d { text.removeLast() }
        if text.count > limits.maxInlineLength { return (.broken(.inlineTooLong(limit: limits.maxInlineLength)), 0) }
        let latin = String(String.UnicodeScalarView(text.map { Unicode.Scalar($0) }))
        if latin.unicodeScalars.count >= 9, latin.unicodeScalars.suffix(9).starts(with: " HTTP/1.".unicodeScalars) {
            return (.broken(.notRESP), 0)
        }
        if latin.unicodeScalars.count >= 5, latin.prefix(5).lowercased() == "host:" { return (.broken(.notRESP), 0) }
        guard let words = words(text) else { return (.refused(.unbalancedQuotes), used) }
        if words.count > limits.maxArguments { return (.refused(.tooManyArguments(limit: limits.maxArguments)), used) }
        if words.contains(where: { $0.count > limits.maxBulkLength }) {
            return (.refused(.bulkTooLong(limit: limits.maxBulkLength)), used)
        }
        return (.request(words), used)
    }

    /// A state machine with one character of state, unlike the parser's nested loops.
    private static func words(_ text: [UInt8]) -> [[UInt8]]? {
        enum State { case between, bare, single, double, closed }
        var state = State.between
        var words: [[UInt8]] = []
        var word: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            let blank = [0x20, 0x09, 0x0a, 0x0b, 0x0c, 0x0d].contains(byte)
            switch state {
            case .closed where !blank: return nil
            case .between, .bare, .closed:
                if blank {
                    if state != .between { words.append(word) }
                    word = []
                    state = .between
                } else if byte == 0x22 {
                    state = .double
                } else if byte == 0x27 {
                    state = .single
                } else {
                    word.append(byte)
                    state = .bare
                }
            case .single:
                if byte == 0x27 {
                    state = .closed
                } else if byte == 0x5c, rest.first == 0x27 {
                    word.append(rest.removeFirst())
                } else {
                    word.append(byte)
                }
            case .double:
                if byte == 0x22 {
                    state = .closed
                } else if byte == 0x5c, let escaped = rest.popFirst() {
                    let hex = String(decoding: rest.prefix(2), as: UTF8.self)
                    if escaped == UInt8(ascii: "x"), rest.count >= 2, hex.utf8.count == 2,
                        hex.allSatisfy(\.isHexDigit), hex.utf8.allSatisfy({ $0 < 0x80 }),
                        let value = UInt8(hex, radix: 16)
                    {
                        word.append(value)
                        rest = rest.dropFirst(2)
                    } else {
                        let special: [UInt8: UInt8] = [0x6e: 0x0a, 0x72: 0x0d, 0x74: 0x09, 0x62: 0x08, 0x61: 0x07]
                        word.append(special[escaped] ?? escaped)
                    }
                } else {
                    word.append(byte)
                }
            }
        }
        switch state {
        case .single, .double: return nil
        case .bare, .closed: words.append(word)
        case .between: break
        }
        return words
    }
}

/// A small deterministic generator: a failing seed names its input.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
