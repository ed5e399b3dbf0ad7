internal import Crypto
package import LedgerCore

/// The server's secret: 32 random bytes in a file of their own, without which the hashes of passports are worth nothing
/// to a thief. It may lie outside the data directory (`--pepper FILE`).
///
///      pepper         "florin pepper 1" ‖ newline ‖ 64 hexadecimal digits ‖ newline
///      pepper.check   in the data directory: HMAC-SHA-256(pepper, "florin pepper check" ‖ ledger UUID), in that form
///
/// The check tells a missing or different pepper at the start, before every passport in the world turns out wrong.
package struct Pepper: Sendable {
    private let secret: [UInt8]
    /// HMAC's two hashes, their keyed blocks already taken in.
    private let inner: SHA256
    private let outer: SHA256

    /// Version 0 reads alike: a pepper may have served a ledger of before.
    static let version = FormatVersion(current: 1, minimumReader: 1, oldest: 0)
    private static let word = "florin pepper "

    private init(_ secret: [UInt8]) {
        precondition(secret.count == 32, "a pepper of other than 32 bytes")
        self.secret = secret
        func keyed(_ pad: UInt8) -> SHA256 {
            var block = [UInt8](repeating: pad, count: 64)
            for (index, byte) in secret.enumerated() { block[index] ^= byte }
            var hasher = SHA256()
            block.withUnsafeBytes { hasher.update(bufferPointer: $0) }
            return hasher
        }
        inner = keyed(0x36)
        outer = keyed(0x5C)
    }

    /// HMAC-SHA-256 of a passport's secret: what the ledger stores and compares. About a microsecond; any thread.
    package func digest(_ text: UnsafeRawBufferPointer) -> Digest256 {
        var first = inner
        first.update(bufferPointer: text)
        var second = outer
        first.finalize().withUnsafeBytes { second.update(bufferPointer: $0) }
        return second.finalize().withUnsafeBytes { Digest256(bytes: $0) }
    }

    package func digest(_ text: [UInt8]) -> Digest256 { text.withUnsafeBytes { digest($0) } }

    /// Opens the pepper of a ledger. A ledger without events gets one: the file at `path` if there is one already, else
    /// a new one. Any other ledger refuses a pepper that is missing or is not the one it began with.
    package static func open(
        _ directory: DataDirectory, at path: String? = nil, ledgerIsNew: Bool
    ) throws(StorageError) -> Pepper {
        let path = path ?? directory.pepper
        let disk = directory.disk
        let found = try disk.contents(of: path)
        guard found != nil || ledgerIsNew else { throw StorageError(.missingPepper, path) }
        let pepper: Pepper
        if let found {
            let secret = try parse(found, path)
            pepper = Pepper(secret)
        } else {
            var generator = SystemRandomNumberGenerator()
            pepper = Pepper((0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
            let folder = parentDirectory(of: path)
            guard try disk.exists(folder) else {
                throw StorageError(
                    .noSuchFolder, folder, "the pepper is to lie there; make it, or name another (--pepper)")
            }
            try disk.replace(path, with: format(pepper.secret), in: folder)
        }

        let check = pepper.check(directory.identity)
        if !ledgerIsNew {
            guard try storedCheck(directory).equalsInConstantTime(check) else {
                throw StorageError(.differentPepper, path)
            }
            return pepper
        }
        try disk.replace(directory.pepperCheck, with: format(check.bytes), in: directory.path)
        return pepper
    }

    /// Looks whether a start would accept the pepper, and changes nothing. False: it lies elsewhere, nobody said where,
    /// and only the check could be looked at.
    package static func verify(_ directory: DataDirectory, at path: String? = nil) throws(StorageError) -> Bool {
        let stored = try storedCheck(directory)
        guard let found = try directory.disk.contents(of: path ?? directory.pepper) else {
            if let path { throw StorageError(.missingPepper, path) }
            return false
        }
        let secret = try parse(found, path ?? directory.pepper)
        guard stored.equalsInConstantTime(Pepper(secret).check(directory.identity)) else {
            throw StorageError(.differentPepper, path ?? directory.pepper)
        }
        return true
    }

    private static func storedCheck(_ directory: DataDirectory) throws(StorageError) -> Digest256 {
        guard let stored = try directory.disk.contents(of: directory.pepperCheck) else {
            throw StorageError(.damagedPepper, directory.pepperCheck, "it is missing; restore it from a backup")
        }
        return Digest256(try parse(stored, directory.pepperCheck))
    }

    private func check(_ identity: LedgerIdentity) -> Digest256 {
        digest(Array("florin pepper check".utf8) + [UInt8](record: 16) { $0.store(identity.uuid, at: 0) })
    }

    private static func format(_ bytes: [UInt8]) -> [UInt8] {
        Array("\(word)\(version.current)\n\(Digest256(bytes).hex)\n".utf8)
    }

    private static func parse(_ bytes: [UInt8], _ path: String) throws(StorageError) -> [UInt8] {
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        guard
            line.starts(with: word.utf8),
            let found = UInt16(String(decoding: line.dropFirst(word.utf8.count), as: UTF8.self))
        else { throw StorageError(.damagedPepper, path) }
        if let fault = version.objection(to: found, minimumReader: found) { throw fault.error(path) }
        guard let secret = digits(bytes.dropFirst(line.count + 1)) else { throw StorageError(.damagedPepper, path) }
        return secret
    }

    /// 32 bytes from 64 hexadecimal digits and a newline.
    private static func digits(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard bytes.count == 65, bytes.last == UInt8(ascii: "\n") else { return nil }
        var secret: [UInt8] = []
        var high: UInt8?
        for byte in bytes.dropLast() {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                secret.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return secret
    }
}
