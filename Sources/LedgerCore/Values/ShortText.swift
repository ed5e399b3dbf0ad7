/// At most 64 bytes of UTF-8 inside the value itself: no allocation, no reference count. Session ids, sources, payment
/// methods, tier names. Longer text is refused where it enters (`init?`).
package struct ShortText: Sendable {
    package static let capacity = 64
    package private(set) var count: UInt8 = 0
    private var storage = InlineArray<64, UInt8>(repeating: 0)

    package init() {}

    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.capacity else { return nil }
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: bytes) }
        count = UInt8(bytes.count)
    }

    package init?(_ text: String) {
        var text = text
        guard let short = text.withUTF8({ ShortText(UnsafeRawBufferPointer($0)) }) else { return nil }
        self = short
    }

    package var isEmpty: Bool { count == 0 }

    package func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        withUnsafeBytes(of: storage) { body(UnsafeRawBufferPointer(rebasing: $0[..<Int(count)])) }
    }

    package func append(to bytes: inout [UInt8]) { withBytes { bytes.append(contentsOf: $0) } }
    package func hasPrefix(_ other: ShortText) -> Bool { withBytes { it in other.withBytes { it.starts(with: $0) } } }
    package var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}

extension ShortText: Hashable {
    package static func == (a: ShortText, b: ShortText) -> Bool {
        guard a.count == b.count else { return false }
        let length = Int(a.count)
        // Words at a time: what lies behind the text is zero in both.
        return withUnsafeBytes(of: a.storage) { a in
            withUnsafeBytes(of: b.storage) { b in
                for word in stride(from: 0, to: length, by: 8)
                where a.loadUnaligned(fromByteOffset: word, as: UInt64.self)
                    != b.loadUnaligned(fromByteOffset: word, as: UInt64.self)
                { return false }
                return true
            }
        }
    }
    package func hash(into hasher: inout Hasher) { withBytes { hasher.combine(bytes: $0) } }
}

extension ShortText: CustomStringConvertible, ExpressibleByStringLiteral {
    package var description: String { string }
    package init(stringLiteral value: String) { self = ShortText(value)! }
}
