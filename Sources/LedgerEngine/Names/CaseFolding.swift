internal import CUnistring
internal import Glibc

/// Unicode's full case folding between two normalisations to NFC, by libunistring: what tells letters apart and neither
/// their case nor how they were composed. The one place that knows the library.
enum CaseFolding {
    /// The folded text, or nil where it has a character that the library's Unicode has not assigned: a later one may
    /// fold it, and the text would be another. For assigned characters Unicode promises to change nothing. The language
    /// says nothing: `İ` folds to `i` and a dot above, for Turks, too.
    ///
    /// `text` is valid UTF-8. A microsecond or two; any thread.
    static func fold(_ text: [UInt8]) -> [UInt8]? {
        if text.allSatisfy({ $0 < 0x80 }) { return text.map { $0 &- UInt8(ascii: "A") < 26 ? $0 | 0x20 : $0 } }
        let isAssigned = String(decoding: text, as: UTF8.self).unicodeScalars.allSatisfy {
            !uc_is_general_category_withtable($0.value, UInt32(UC_CATEGORY_MASK_Cn))
        }
        guard isAssigned else { return nil }
        var count = 0
        let folded = text.withUnsafeBufferPointer {
            u8_casefold($0.baseAddress, $0.count, nil, florin_nfc(), nil, &count)
        }
        guard let folded else { preconditionFailure("valid text does not fold, or there is no memory for it") }
        defer { free(folded) }
        return Array(UnsafeBufferPointer(start: folded, count: count))
    }
}
