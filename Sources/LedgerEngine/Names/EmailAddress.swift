/// An e-mail address in the one form that all its forms have in common: what is before the `@` in Unicode's full case
/// folding and NFC, its domain as DNS is asked for it (``DomainName``). Compared and hashed, never shown.
///
/// What a provider makes of plus signs or dots is the provider's own, and letters that only look alike are different
/// letters: those are different addresses here.
package struct EmailAddress: Hashable, Sendable {
    package let bytes: [UInt8]

    package enum Fault: Error, Hashable, Sendable {
        case notUTF8
        /// Not one `@`.
        case shape
        case noLocalPart
        /// A character before the `@` that this Unicode has not assigned.
        case unknownCharacter
        case emptyLabel, domainTooLong, domain

        /// Goes on where the address was named.
        package var text: String {
            switch self {
            case .notUTF8: "is not UTF-8"
            case .shape: "is not an e-mail address: it needs one @"
            case .noLocalPart: "has nothing before its @"
            case .unknownCharacter:
                "has a character before its @ that Unicode, as this server knows it, has not assigned"
            case .emptyLabel: "has a domain with a dot too many: two in a row, or one at either end"
            case .domainTooLong:
                "has a domain of more than \(DomainName.capacity) bytes, or of more than 63 between two dots, in DNS"
            case .domain:
                "has a domain that no host has: it takes letters of any language, digits and inner hyphens, as IDNA allows"
            }
        }
    }

    /// Some microseconds; any thread.
    package init(_ written: UnsafeRawBufferPointer) throws(Fault) {
        guard String(validating: written.bindMemory(to: UInt8.self), as: UTF8.self) != nil else { throw .notUTF8 }
        let parts = written.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw .shape }
        let local = Self.unquoted(Array(parts[0]))
        guard !local.isEmpty else { throw .noLocalPart }
        guard let folded = CaseFolding.fold(local) else { throw .unknownCharacter }
        do throws(DomainName.Fault) {
            bytes = folded + [UInt8(ascii: "@")] + (try DomainName(Array(parts[1]))).bytes
        } catch {
            switch error {
            case .emptyLabel: throw .emptyLabel
            case .tooLong: throw .domainTooLong
            case .notAHost: throw .domain
            }
        }
    }

    /// `"ada"` and `"\a\d\a"` are other ways to write `ada` (RFC 5321, 4.1.2).
    private static func unquoted(_ local: [UInt8]) -> [UInt8] {
        let (quote, escape) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        guard local.count >= 2, local.first == quote, local.last == quote else { return local }
        var bytes: [UInt8] = []
        var isEscaped = false
        for byte in local.dropFirst().dropLast() {
            if byte == escape, !isEscaped {
                isEscaped = true
            } else {
                bytes.append(byte)
                isEscaped = false
            }
        }
        return bytes
    }
}
