/// What a user is called: id, e-mail and name, the latter two sealed. They lie one behind the other in one piece of
/// memory, for most are short, and what an allocator and an object add to each is half as much again.
///
///     4           1          …   …       …
///     ├─ count ───┼─ count ──┼───┼───────┼──────┤
///     of e-mail   of id       id  e-mail  name
struct AccountTexts: Equatable, Sendable {
    private var packed: SharedBytes

    private static let headCount = 5

    /// Traps on texts in the clear.
    init(id: ShortText = ShortText(), email: PersonalText = .none, name: PersonalText = .none) {
        let (email, name) = (email.sealedBytes, name.sealedBytes)
        guard !(id.isEmpty && email.isEmpty && name.isEmpty) else {
            packed = SharedBytes([])
            return
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headCount + Int(id.count) + email.count + name.count)
        withUnsafeBytes(of: UInt32(email.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(id.count)
        id.append(to: &bytes)
        bytes += email
        bytes += name
        packed = SharedBytes(bytes)
    }

    var id: ShortText { withParts { id, _, _ in ShortText(id)! } }
    var email: PersonalText { withParts { _, email, _ in PersonalText(sealed: [UInt8](email)) } }
    var name: PersonalText { withParts { _, _, name in PersonalText(sealed: [UInt8](name)) } }

    /// Without a copy.
    func withSealedEmail<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R { withParts { _, email, _ in body(email) } }

    private func withParts<R>(
        _ body: (_ id: UnsafeRawBufferPointer, _ email: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer) -> R
    ) -> R {
        packed.withBytes { bytes in
            guard !bytes.isEmpty else { return body(bytes, bytes, bytes) }
            let id = Self.headCount + Int(bytes[4])
            let email = id + Int(UInt32(littleEndian: bytes.loadUnaligned(as: UInt32.self)))
            return body(
                UnsafeRawBufferPointer(rebasing: bytes[Self.headCount..<id]),
                UnsafeRawBufferPointer(rebasing: bytes[id..<email]), UnsafeRawBufferPointer(rebasing: bytes[email...]))
        }
    }
}
