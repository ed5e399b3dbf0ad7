internal import CIDN2

/// A domain as DNS is asked for it: in ASCII, in lower case, what was written in other letters in its `xn--` form (IDNA
/// by way of UTS 46, non-transitional), by libidn2. The one place that knows the library.
///
/// UTS 46 folds the case of a domain, and does no more: `faß.de` is not `fass.de`, for both are for sale.
struct DomainName: Hashable, Sendable {
    let bytes: [UInt8]

    enum Fault: Error, Hashable, Sendable {
        case emptyLabel, tooLong
        /// A character that no host name has, or that IDNA does not allow where it stands.
        case notAHost
    }

    /// Most bytes of a name, and of a label of it (RFC 1035).
    static let capacity = 253
    private static let labelCapacity = 63

    /// `written` is valid UTF-8. Some microseconds; any thread.
    init(_ written: [UInt8]) throws(Fault) {
        bytes = Self.isPlain(written) ? written.map(Self.folded) : try Self.lookUp(written)
        guard bytes.count <= Self.capacity else { throw .tooLong }
        for label in bytes.split(separator: Self.dot, omittingEmptySubsequences: false) { try Self.check(label) }
    }

    private static let dot = UInt8(ascii: ".")
    private static let hyphen = UInt8(ascii: "-")
    private static func folded(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

    /// ASCII, and nothing of it in IDNA's own form: the library has no say in these, so that nearly every name stays
    /// what it is with any version of it. It would refuse `ab--c.de`, too.
    private static func isPlain(_ written: [UInt8]) -> Bool {
        written.allSatisfy { $0 < 0x80 }
            && written.split(separator: dot).allSatisfy { !$0.prefix(4).map(folded).elementsEqual("xn--".utf8) }
    }

    private static func check(_ label: ArraySlice<UInt8>) throws(Fault) {
        guard let first = label.first, let last = label.last else { throw .emptyLabel }
        guard label.count <= labelCapacity else { throw .tooLong }
        let isHost = label.allSatisfy {
            $0 &- UInt8(ascii: "a") < 26 || $0 &- UInt8(ascii: "0") < 10 || $0 == hyphen
        }
        guard isHost, first != hyphen, last != hyphen else { throw .notAHost }
    }

    private static func lookUp(_ written: [UInt8]) throws(Fault) -> [UInt8] {
        guard !written.contains(0) else { throw .notAHost }
        // A capital ß is a ß, as it is in Unicode from 15.1 on; libraries of before make it ss.
        let scalars = String(decoding: written, as: UTF8.self).unicodeScalars.map { $0 == "\u{1E9E}" ? "\u{DF}" : $0 }
        var text = String.UnicodeScalarView()
        text.append(contentsOf: scalars)
        var name: UnsafeMutablePointer<UInt8>?
        // Its rules for ASCII (STD 3) are checked here instead: version 2.3.3 drops what they forbid, and `b_c` would
        // be `bc`.
        let flags = Int32(IDN2_NONTRANSITIONAL.rawValue | IDN2_NFC_INPUT.rawValue)
        let code = (Array(String(text).utf8) + [0]).withUnsafeBufferPointer {
            idn2_lookup_u8($0.baseAddress, &name, flags)
        }
        switch code {
        case Int32(IDN2_OK.rawValue): break
        case Int32(IDN2_TOO_BIG_DOMAIN.rawValue), Int32(IDN2_TOO_BIG_LABEL.rawValue),
            Int32(IDN2_PUNYCODE_BIG_OUTPUT.rawValue):
            throw .tooLong
        case Int32(IDN2_MALLOC.rawValue): preconditionFailure("no memory for a domain")
        default: throw .notAHost
        }
        guard let name else { throw .notAHost }
        defer { idn2_free(name) }
        var bytes: [UInt8] = []
        var next = name
        while next.pointee != 0 {
            bytes.append(next.pointee)
            next += 1
        }
        // A character that stands for others must not bring a dot along: `⒈` is no way to write `1.`.
        guard bytes.count(where: { $0 == dot }) == scalars.count(where: isDot) else { throw .notAHost }
        return bytes
    }

    /// The full stop, and what UTS 46 takes for one.
    private static func isDot(_ scalar: Unicode.Scalar) -> Bool {
        ["\u{2E}", "\u{3002}", "\u{FF0E}", "\u{FF61}"].contains(scalar)
    }
}
