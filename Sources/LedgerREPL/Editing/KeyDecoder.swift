/// Bytes of a terminal into keys.
///
/// Terminals say keys that are no characters as escape sequences, in ways that grew over forty years: `ESC [ … letter`
/// or `ESC [ … ~` (ECMA-48), `ESC O letter` (the VT100's keypad), and `ESC` before a character for Alt. Parameters
/// behind a `;` are modifiers. What is not known is read to its end by the same grammar and dropped, so that no part of
/// it becomes text. Pure: whatever the bytes, and however they are cut, the keys are the same.
package struct KeyDecoder: Sendable {
    private enum State: Equatable {
        case ground
        /// Behind ESC; `twice` behind two of them: some terminals say Alt with an arrow key like this.
        case escape(twice: Bool)
        /// Behind `ESC O`.
        case keypad(alt: Bool)
        /// Behind `ESC [`, its bytes so far in `sequence`.
        case control(alt: Bool)
        /// Within a character of several bytes.
        case character(needed: Int, alt: Bool)
        /// Behind `ESC ]`, `ESC P`, `ESC _`, `ESC ^`, `ESC X`: an answer of the terminal's, up to BEL or `ESC \`.
        case answer(escaped: Bool)
        case paste
    }

    private var state = State.ground
    private var sequence: [UInt8] = []
    private var pasted: [UInt8] = []

    /// Longer sequences are none that a terminal sends.
    private static let longestSequence = 64
    /// Of a paste; what is beyond is dropped.
    package static let longestPaste = 1 << 20
    private static let pasteEnd = Array("\u{1b}[201~".utf8)

    package init() {}

    /// Whether more bytes could change what the last ones mean: after a short wait, ``flush()`` decides.
    package var isPending: Bool { state != .ground && state != .paste }

    package mutating func decode(_ bytes: some Sequence<UInt8>) -> [Key] {
        var keys: [Key] = []
        for byte in bytes { take(byte, &keys) }
        return keys
    }

    /// Nothing followed: an escape alone is the key Escape, and what else is incomplete is given up.
    package mutating func flush() -> [Key] {
        guard isPending else { return [] }
        let key: Key? =
            switch state {
            case .escape: .escape
            case .character: .text("\u{fffd}")
            case .keypad, .control, .answer: .unknown
            case .ground, .paste: nil
            }
        state = .ground
        sequence = []
        return key.map { [$0] } ?? []
    }

    private mutating func take(_ byte: UInt8, _ keys: inout [Key]) {
        switch state {
        case .ground: begin(byte, alt: false, &keys)
        case .escape(let twice): takeBehindEscape(byte, twice: twice, &keys)
        case .keypad(let alt):
            state = .ground
            keys.append(Self.key(final: byte, parameters: [], alt: alt))
        case .control(let alt): takeControl(byte, alt: alt, &keys)
        case .character(let needed, let alt): takeContinuation(byte, needed: needed, alt: alt, &keys)
        case .answer(let escaped):
            if byte == 0x07 || (escaped && byte == UInt8(ascii: "\\")) {
                state = .ground
                keys.append(.unknown)
            } else {
                state = .answer(escaped: byte == 0x1b)
            }
        case .paste:
            pasted.append(byte)
            guard byte == UInt8(ascii: "~"), pasted.ends(with: Self.pasteEnd) else {
                // What is too long is dropped, but for the last bytes, in which the end may begin.
                let limit = Self.longestPaste + Self.pasteEnd.count
                if pasted.count >= 2 * limit {
                    pasted.removeSubrange(Self.longestPaste..<(pasted.count - Self.pasteEnd.count))
                }
                return
            }
            let text = pasted.dropLast(Self.pasteEnd.count).prefix(Self.longestPaste)
            keys.append(.paste(Self.text(pasted: text)))
            pasted = []
            state = .ground
        }
    }

    private mutating func begin(_ byte: UInt8, alt: Bool, _ keys: inout [Key]) {
        state = .ground
        switch byte {
        case 0x1b: state = .escape(twice: alt)
        case 0x0d, 0x0a: keys.append(alt ? .altEnter : .enter)
        case 0x09: keys.append(alt ? .unknown : .tab)
        case 0x7f, 0x08: keys.append(alt ? .altBackspace : .backspace)
        case 0x00..<0x20:
            keys.append(
                alt
                    ? .unknown
                    : .control(Character(Unicode.Scalar(byte < 0x1b && byte > 0 ? byte | 0x60 : byte | 0x40))))
        case 0x20..<0x7f:
            let character = Character(Unicode.Scalar(byte))
            keys.append(alt ? .alt(character) : .text(String(character)))
        default:
            let needed =
                switch byte {
                case 0xc2...0xdf: 1
                case 0xe0...0xef: 2
                case 0xf0...0xf4: 3
                default: 0
                }
            guard needed > 0 else {
                keys.append(.text("\u{fffd}"))
                return
            }
            sequence = [byte]
            state = .character(needed: needed, alt: alt)
        }
    }

    private mutating func takeContinuation(_ byte: UInt8, needed: Int, alt: Bool, _ keys: inout [Key]) {
        guard byte & 0xc0 == 0x80 else {
            keys.append(.text("\u{fffd}"))
            sequence = []
            begin(byte, alt: false, &keys)
            return
        }
        sequence.append(byte)
        guard needed == 1 else {
            state = .character(needed: needed - 1, alt: alt)
            return
        }
        let text = String(decoding: sequence, as: UTF8.self)
        sequence = []
        state = .ground
        // C1 control characters are no text; no terminal sends them for a key in UTF-8.
        guard let scalar = text.unicodeScalars.first, scalar.value >= 0xa0 else {
            keys.append(.unknown)
            return
        }
        keys.append(alt && text.count == 1 ? .alt(Character(text)) : .text(text))
    }

    private mutating func takeBehindEscape(_ byte: UInt8, twice: Bool, _ keys: inout [Key]) {
        switch byte {
        case UInt8(ascii: "["):
            sequence = []
            state = .control(alt: twice)
        case UInt8(ascii: "O"): state = .keypad(alt: twice)
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"):
            // Alt with one of these keys would look the same, and no key of the editor is.
            state = .answer(escaped: false)
        case 0x1b:
            if twice { keys.append(.escape) }
            state = .escape(twice: true)
        default:
            if twice { keys.append(.escape) }
            begin(byte, alt: true, &keys)
        }
    }

    private mutating func takeControl(_ byte: UInt8, alt: Bool, _ keys: inout [Key]) {
        switch byte {
        case 0x20..<0x40,
            UInt8(ascii: "[") where sequence.isEmpty:
            guard sequence.count < Self.longestSequence else {
                sequence = []
                state = .ground
                keys.append(.unknown)
                return
            }
            sequence.append(byte)
        case 0x40..<0x7f:
            state = .ground
            // The function keys of Linux' console; and what terminals report of themselves and of their mouse.
            if let first = sequence.first, first == UInt8(ascii: "[") || (0x3c..<0x40).contains(first) {
                keys.append(.unknown)
            } else {
                let fields = sequence.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
                let parameters = fields.map { Int(String(decoding: $0, as: UTF8.self)) ?? 0 }
                if byte == UInt8(ascii: "~"), parameters.first == 200 {
                    state = .paste
                    pasted = []
                } else {
                    keys.append(Self.key(final: byte, parameters: parameters, alt: alt))
                }
            }
            sequence = []
        default:
            // A control character or a letter beyond ASCII within a sequence: that was none, and this is the next key.
            sequence = []
            keys.append(.unknown)
            begin(byte, alt: false, &keys)
        }
    }

    private static func key(final: UInt8, parameters: [Int], alt: Bool) -> Key {
        // 1 + (1 Shift, 2 Alt, 4 Ctrl)
        let modifiers = parameters.count > 1 ? max(parameters[1] - 1, 0) : 0
        let byWord = alt || modifiers & 6 != 0
        switch final {
        case UInt8(ascii: "A"): return .up
        case UInt8(ascii: "B"): return .down
        case UInt8(ascii: "C"): return byWord ? .wordRight : .right
        case UInt8(ascii: "D"): return byWord ? .wordLeft : .left
        case UInt8(ascii: "H"): return .home
        case UInt8(ascii: "F"): return .end
        case UInt8(ascii: "M"): return .enter  // Enter of the keypad
        case UInt8(ascii: "Z"): return .backTab
        case UInt8(ascii: "c"): return .wordRight  // rxvt
        case UInt8(ascii: "d"): return .wordLeft
        case UInt8(ascii: "~"):
            switch parameters.first ?? 0 {
            case 1, 7: return .home
            case 4, 8: return .end
            case 2: return .insert
            case 3: return .delete
            case 5: return .pageUp
            case 6: return .pageDown
            default: return .unknown
            }
        default: return .unknown
        }
    }

    /// Line ends as `\n`, and no control characters: a paste must not do anything.
    private static func text(pasted bytes: some Sequence<UInt8>) -> String {
        var text = String.UnicodeScalarView()
        var wasReturn = false
        for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
            switch scalar.value {
            case 0x0d: text.append("\n")
            case 0x0a: if !wasReturn { text.append("\n") }
            case 0x09: text.append("\t")
            case 0..<0x20, 0x7f..<0xa0: break
            default: text.append(scalar)
            }
            wasReturn = scalar.value == 0x0d
        }
        return String(text)
    }
}

extension [UInt8] {
    fileprivate func ends(with other: [UInt8]) -> Bool {
        count >= other.count && self[(count - other.count)...].elementsEqual(other)
    }
}
