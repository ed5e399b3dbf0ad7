/// Words that a platform hangs on what it asks, to tell its bills apart: `team=ml`, `job=render/81`. At most ``most``,
/// no key twice; keys and values are 1 to ``longest`` bytes of letters, digits, `.`, `_`, `:`, `/` and `-`. No address
/// fits in: labels are never anybody's own, and lie in the journal in the clear.
///
/// Kept as one text, `k=v,k=v` in the order of the keys, so that equal labels are equal bytes. Nil where there are
/// none: carrying that costs eight bytes and counts no reference.
package struct Labels: Hashable, Sendable {
    package static let none = Labels(canonical: nil)
    package static let most = 8
    package static let longest = 64

    private let canonical: [UInt8]?

    private init(canonical: [UInt8]?) { self.canonical = canonical }

    /// Why a text is no labels.
    package enum Flaw: Error, Hashable, Sendable {
        case malformed
        case tooMany
        case twice(ShortText)
    }

    /// Reads `k=v,k=v`, in whatever order.
    package init(parsing text: UnsafeRawBufferPointer) throws(Flaw) {
        var labels: [Label] = []
        for part in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let label = Label(UnsafeRawBufferPointer(rebasing: part)) else { throw .malformed }
            guard labels.count < Self.most else { throw .tooMany }
            guard !labels.contains(where: { $0.key == label.key }) else { throw .twice(label.key) }
            labels.append(label)
        }
        labels.sort { $0.key.precedes($1.key) }
        var bytes: [UInt8] = []
        for label in labels {
            if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
            label.key.append(to: &bytes)
            bytes.append(UInt8(ascii: "="))
            label.value.append(to: &bytes)
        }
        canonical = bytes
    }

    package init?(_ text: String) {
        var text = text
        guard let labels = text.withUTF8({ try? Labels(parsing: UnsafeRawBufferPointer($0)) }) else { return nil }
        self = labels
    }

    package var isEmpty: Bool { canonical == nil }

    /// As they are written and journaled; empty where there are none.
    package var text: [UInt8] { canonical ?? [] }

    /// By key.
    package var all: [Label] {
        guard let canonical else { return [] }
        return canonical.withUnsafeBytes { text in
            text.split(separator: UInt8(ascii: ",")).compactMap { Label(UnsafeRawBufferPointer(rebasing: $0)) }
        }
    }

    package subscript(key: ShortText) -> ShortText? { all.first { $0.key == key }?.value }
}

package struct Label: Hashable, Sendable {
    package var key: ShortText
    package var value: ShortText

    /// Exactly `k=v`.
    init?(_ text: UnsafeRawBufferPointer) {
        guard let sign = text.firstIndex(of: UInt8(ascii: "=")),
            let key = Label.word(UnsafeRawBufferPointer(rebasing: text[..<sign])),
            let value = Label.word(UnsafeRawBufferPointer(rebasing: text[(sign + 1)...]))
        else { return nil }
        self.key = key
        self.value = value
    }

    /// What may be a key or a value.
    package static func word(_ text: UnsafeRawBufferPointer) -> ShortText? {
        guard !text.isEmpty, text.count <= Labels.longest,
            text.allSatisfy({
                Base62.value(of: $0) != nil || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
                    || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "-")
            })
        else { return nil }
        return ShortText(text)
    }
}

/// Labels that have a key, and this value where one is named.
package struct LabelFilter: Hashable, Sendable {
    /// `k=v` or `k`: beside the value, which stays small.
    private let text: [UInt8]

    /// Reads `k=v` or `k`.
    package init?(parsing text: UnsafeRawBufferPointer) {
        guard Label.word(text) != nil || Label(text) != nil else { return nil }
        self.text = [UInt8](text)
    }

    package func admits(_ labels: Labels) -> Bool {
        guard !labels.isEmpty else { return false }
        return labels.text.split(separator: UInt8(ascii: ",")).contains { label in
            label.starts(with: text) && (label.count == text.count || label[label.startIndex + text.count] == 0x3d)
        }
    }
}

extension Coder {
    package mutating func labels(_ value: inout Labels) throws(Failure) {
        var text = value.text
        try bytes(&text)
        guard text != value.text else { return }
        guard !text.isEmpty else {
            value = .none
            return
        }
        let read = text.withUnsafeBytes { try? Labels(parsing: $0) }
        // Only as it would be written: one set of labels has one text.
        guard let read, read.text == text else { return try fail("labels that are none") }
        value = read
    }
}

extension ShortText {
    /// Byte by byte.
    package func precedes(_ other: ShortText) -> Bool {
        withBytes { it in other.withBytes { it.lexicographicallyPrecedes($0) } }
    }
}
