internal import LedgerCore
internal import LedgerStorage

/// Hashes by which the ledger finds what it does not keep: the first half of an HMAC under the pepper, with a word of
/// its own before each kind.
extension Pepper {
    /// Of an address in whatever form it is written.
    func emailHash(_ address: UnsafeRawBufferPointer) throws(EmailAddress.Fault) -> Hash128 {
        hash("email:", try EmailAddress(address).bytes)
    }

    /// Of the platform's own word for a person, byte by byte.
    func personHash(_ person: UnsafeRawBufferPointer) -> Hash128 { hash("person:", Array(person)) }

    private func hash(_ kind: String, _ bytes: [UInt8]) -> Hash128 {
        let digest = digest(Array(kind.utf8) + bytes)
        return Hash128(high: digest.words.a, low: digest.words.b)
    }
}
