internal import CLua
internal import Crypto
internal import LedgerRules

/// A script's source, compiled, with the name that EVALSHA knows it by.
///
/// Compiling takes up to some milliseconds, in a state that is thrown away; a ``ScriptVM`` takes the result in
/// microseconds.
package struct Script: Sendable {
    /// SHA-1 of the source, twenty bytes.
    package let identity: [UInt8]
    /// The same in lower-case hex.
    package let sha: String
    let code: [UInt8]

    /// What it takes, in bytes.
    package var weight: Int { code.count + identity.count + sha.utf8.count }

    /// The longest source, in bytes.
    package static let maximumSource = 64 << 10

    /// Throws where the source does not compile, is too long, or would take too long to compile.
    package init(_ source: [UInt8]) throws(ScriptError) {
        (identity, sha) = Self.name(of: source)
        guard source.count <= Self.maximumSource else {
            throw ScriptError(.source, "a script is at most \(Self.maximumSource) bytes long")
        }
        let steps = source.withUnsafeBufferPointer { CompileCost($0).steps }
        guard steps <= CompileCost.maximum else {
            throw ScriptError(
                .source,
                "the script is too hard to compile: too many names in functions within functions, or too many "
                    + "conditions")
        }
        let state = try ScriptVM.makeState(.compiling, ScriptFunctions.none, keepsGlobals: false)
        defer { clua_free(state) }
        let status = source.withUnsafeBytes { bytes in
            clua_load_script(state, bytes.baseAddress, bytes.count, ScriptVM.name)
        }
        guard status == .CLUA_OK else { throw ScriptVM.error(status, in: state) }
        code = Array(unsafeUninitializedCapacity: clua_code(state, nil, 0)) { buffer, count in
            count = clua_code(state, buffer.baseAddress, buffer.count)
        }
    }

    /// SHA-1, as Redis names scripts: a name, which keeps nothing safe.
    package static func name(of source: [UInt8]) -> (identity: [UInt8], sha: String) {
        let identity = Array(Insecure.SHA1.hash(data: source))
        let digits = Array("0123456789abcdef".utf8)
        let hex = identity.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return (identity, String(decoding: hex, as: UTF8.self))
    }
}

/// Why a script gave no value.
package struct ScriptError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// It does not compile.
        case source
        /// It raised an error, or gave what cannot be passed on.
        case runtime
        /// It raised a refusal of the ledger as it came: the text is its code and its words.
        case refusal
        /// Out of time or instructions, or killed.
        case budget
        case memory
    }
    package var kind: Kind
    /// One line, with the script's line in it where there is one.
    package var text: String

    package init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }
}
