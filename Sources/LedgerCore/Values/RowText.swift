/// A ``ShortText`` as rows keep it: up to `inline` bytes lie in the row itself, a longer one apart from it. A million
/// lots with short sources then pay for short ones.
struct RowText<let inline: Int>: Sendable {
    private var longer: Longer?
    private var count: UInt8 = 0
    private var bytes = InlineArray<inline, UInt8>(repeating: 0)

    private final class Longer: Sendable {
        let text: ShortText
        init(_ text: ShortText) { self.text = text }
    }

    init(_ text: ShortText) {
        guard text.count <= inline else {
            longer = Longer(text)
            return
        }
        count = text.count
        withUnsafeMutableBytes(of: &bytes) { place in text.withBytes { place.copyMemory(from: $0) } }
    }

    var text: ShortText {
        if let longer { return longer.text }
        return withUnsafeBytes(of: bytes) { ShortText(UnsafeRawBufferPointer(rebasing: $0[..<Int(count)]))! }
    }
}

extension RowText: Equatable {
    static func == (a: RowText, b: RowText) -> Bool { a.text == b.text }
}

extension Coder {
    mutating func text<let inline: Int>(_ value: inout RowText<inline>) throws(Failure) {
        var text = value.text
        try self.text(&text)
        if Self.reads { value = RowText(text) }
    }
}
