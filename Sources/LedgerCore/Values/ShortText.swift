/// At most 64 bytes of UTF-8 inside the value itself: no allocation, no reference count. Session ids, sources, payment
/// methods, tier names. Longer text is refused where it enters (`init?`).
package struct ShortText: Sendable {
    package static let capacity = 64
    package private(set) var count: UInt8 = 0
    private var storage = InlineArray<64, UInt8>(repeating: 0)

    package init() {}

    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count <= Self.capacity else { return nil }
        for (index, byte) in bytes.enumerated() { storage[index] = byte }
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
    package var string: String { withBytes { String(decoding: $0, as: UTF8.self) } }
}

extension ShortText: Hashable {
    package static func == (a: ShortText, b: ShortText) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<Int(a.count) where a.storage[index] != b.storage[index] { return false }
        return true
    }
    package func hash(into hasher: inout Hasher) { withBytes { hasher.combine(bytes: $0) } }
}

extension ShortText: CustomStringConvertible, ExpressibleByStringLiteral {
    package var description: String { string }
    package init(stringLiteral value: String) { self = ShortText(value)! }
}
