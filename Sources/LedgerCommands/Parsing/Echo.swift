internal import LedgerCore

/// What of a request may be repeated to people: short, printable, and nothing that could be a secret.
package enum Echo {
    package static let longest = 64

    /// `'text'`, or a description where the text is better not repeated.
    package static func quoted(_ bytes: UnsafeRawBufferPointer, after prefix: String = "") -> String {
        let lead = prefix.isEmpty ? "" : prefix + " "
        guard let text = shown(bytes) else { return lead + "(\(bytes.count) bytes, not shown)" }
        return "'\(lead)\(text)'"
    }

    /// The text itself, or nil where it is better not repeated.
    static func shown(_ bytes: UnsafeRawBufferPointer) -> String? {
        guard bytes.count <= longest, !looksSecret(bytes), isPrintable(bytes) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// In upper case, for comparing with names; long words are cut.
    static func folded(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(longest).map(CommandIndex.folded), as: UTF8.self)
    }

    /// `fl_` anywhere, in any case: also a secret that slipped into a longer text, or was cut.
    package static func looksSecret(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 3 else { return false }
        for index in 0...(bytes.count - 3)
        where bytes[index] | 0x20 == UInt8(ascii: "f") && bytes[index + 1] | 0x20 == UInt8(ascii: "l")
            && bytes[index + 2] == UInt8(ascii: "_")
        {
            return true
        }
        return false
    }

    /// A whole secret anywhere: `fl_`, ten digits of base 62, `_`, and as many as a secret has (49). Free text may name
    /// the public part of a passport, or just `fl_`; what opens a ledger it must not hold.
    static func holdsSecret(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 63 else { return false }
        for start in 0...(bytes.count - 63)
        where bytes[start] == UInt8(ascii: "f") && bytes[start + 1] == UInt8(ascii: "l")
            && bytes[start + 2] == UInt8(ascii: "_") && bytes[start + 13] == UInt8(ascii: "_")
            && bytes[(start + 3)..<(start + 13)].allSatisfy({ Base62.value(of: $0) != nil })
            && bytes[(start + 14)..<(start + 63)].allSatisfy({ Base62.value(of: $0) != nil })
        {
            return true
        }
        return false
    }

    /// Valid UTF-8 without control characters, line separators or characters that turn the writing direction.
    @inline(__always)
    static func isPrintable(_ bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes where byte < 0x20 || byte >= 0x7f { return byte >= 0x80 && isPrintableBeyondASCII(bytes) }
        return true
    }

    private static func isPrintableBeyondASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard isUTF8(bytes) else { return false }
        return String(decoding: bytes, as: UTF8.self).unicodeScalars.allSatisfy { scalar in
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0, 0x2028...0x202e, 0x2066...0x2069, 0xfeff: false
            default: true
            }
        }
    }

    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.allSatisfy({ $0 < 0x80 }) { return true }
        return String(validating: bytes.bindMemory(to: UInt8.self), as: UTF8.self) != nil
    }
}
