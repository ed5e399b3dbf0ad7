/// Text that is somebody's own: a name, an address, a reason. It is clear while a command carries it and sealed under
/// the user's key from then on: the engine seals it before the command is decided. Nothing clear can be recorded, for
/// no coder takes it, whatever was forgotten elsewhere.
package enum PersonalText: Hashable, Sendable {
    /// UTF-8 as it was sent.
    case clear([UInt8])
    /// Nonce, ciphertext, tag. Empty means that there is no text.
    case sealed([UInt8])

    package static let none = PersonalText.sealed([])

    package init(sealed bytes: [UInt8]) { self = .sealed(bytes) }

    /// No text at all is the same, clear or sealed.
    package init(clear bytes: [UInt8]) { self = bytes.isEmpty ? .none : .clear(bytes) }

    package var isEmpty: Bool {
        switch self {
        case .clear(let bytes), .sealed(let bytes): bytes.isEmpty
        }
    }

    package var isClear: Bool {
        switch self {
        case .clear: true
        case .sealed: false
        }
    }

    /// What may be recorded. A clear text here is our mistake: it would stay on disk.
    package var sealedBytes: [UInt8] {
        switch self {
        case .sealed(let bytes): return bytes
        case .clear(let bytes):
            precondition(bytes.isEmpty, "a personal text was to be recorded in the clear")
            return bytes
        }
    }
}
