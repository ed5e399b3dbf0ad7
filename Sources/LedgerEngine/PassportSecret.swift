package import LedgerCore

/// A passport as its holder has it: `fl_`, ten base-62 digits of public id, `_`, 32 random bytes as 43 base-62 digits, and
/// six base-62 digits of CRC-32 over all that comes before them. 63 characters. Shown once, never stored, never logged.
package struct PassportSecret: Sendable {
    package static let length = 63
    package let bytes: [UInt8]
    package let id: PassportID

    /// A new one. Never has the id 0.
    package static func mint(using generator: inout some RandomNumberGenerator) -> PassportSecret { fatalError("not built") }

    /// Checks shape and checksum; nil for anything mistyped. Looks nothing up.
    package init?(parsing bytes: UnsafeRawBufferPointer) { return nil }
    package init?(_ text: String) {
        var text = text
        guard let parsed = text.withUTF8({ PassportSecret(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = parsed
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
    /// The last four characters, which lists show.
    package var lastFour: UInt32 { 0 }
}

extension PassportSecret: CustomStringConvertible, CustomDebugStringConvertible {
    /// Never the secret.
    package var description: String { "fl_\(id.text)_…" }
    package var debugDescription: String { description }
}

/// What a secret says once it is hashed: whose passport it claims to be, and the digest that proves it.
package struct PassportProof: Hashable, Sendable {
    package var id: PassportID
    package var digest: Digest256
}
