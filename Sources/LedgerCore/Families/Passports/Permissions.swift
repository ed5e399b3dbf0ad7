/// What a passport may do. Raw bits are journaled.
package struct Permissions: OptionSet, Hashable, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    package static let read = Permissions(rawValue: 1)
    package static let write = Permissions(rawValue: 2)
    package static let billing = Permissions(rawValue: 4)
    package static let admin = Permissions(rawValue: 8)
    /// Sees how the server is, and nobody's account.
    package static let monitor = Permissions(rawValue: 16)
    package static let all: Permissions = [.read, .write, .billing, .monitor, .admin]

    package static let names: [(Permissions, String)] = [
        (.read, "read"), (.write, "write"), (.billing, "billing"), (.monitor, "monitor"), (.admin, "admin"),
    ]

    /// `read,write`, in a fixed order.
    package var text: String { Permissions.names.filter { contains($0.0) }.map(\.1).joined(separator: ",") }

    /// Reads `read,write`; nil for an unknown or missing name.
    package init?(text: String) {
        var result: Permissions = []
        for word in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let match = Permissions.names.first(where: { $0.1 == word.lowercased() }) else { return nil }
            result.insert(match.0)
        }
        self = result
    }
}

/// Whom a passport reaches: only its own user, or everyone. Raw values are journaled.
package enum Scope: UInt8, NamedCase, Sendable {
    case own = 0
    case all = 1
    package var text: String { self == .own ? "own" : "all" }
}

/// The public part of a passport: ten base-62 digits as a number. It finds the passport; it proves nothing.
package struct PassportID: Hashable, Comparable, Sendable {
    package var value: UInt64
    package static let digits = 10
    package init(value: UInt64) { self.value = value }
    package static func < (a: PassportID, b: PassportID) -> Bool { a.value < b.value }

    /// Exactly ten base-62 digits.
    package init?(parsing bytes: UnsafeRawBufferPointer) {
        guard bytes.count == PassportID.digits, let value = Base62.parse(bytes) else { return nil }
        self.value = value
    }
    package func append(to bytes: inout [UInt8]) { Base62.append(value, width: PassportID.digits, to: &bytes) }
    package var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
