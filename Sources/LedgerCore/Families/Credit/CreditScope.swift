/// What a lot may pay for: everything (`*`), or the sources that it lists, separated by commas.
package struct CreditScope: Hashable, Sendable {
    /// Nil: everything, as nearly all credit; a list lies apart from whatever carries it.
    private let list: List?

    private final class List: Sendable {
        let text: ShortText
        init(_ text: ShortText) { self.text = text }
    }

    package static let everything = CreditScope(unchecked: "*")

    /// nil where the text is neither `*` nor a list of sources.
    package init?(_ text: ShortText) {
        guard Self.isWellFormed(text) else { return nil }
        self = CreditScope(unchecked: text)
    }

    private init(unchecked text: ShortText) {
        let isEverything = text.withBytes { $0.count == 1 && $0[0] == Self.star }
        list = isEverything ? nil : List(text)
    }

    package var text: ShortText { list?.text ?? "*" }

    package var isEverything: Bool { list == nil }

    package static func == (a: CreditScope, b: CreditScope) -> Bool { a.list === b.list || a.text == b.text }
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    /// Cost: the bytes of the list.
    package func pays(for use: CreditUse) -> Bool {
        guard let list else { return true }
        switch use {
        case .anything: return false
        case .movement, .correction: return true
        case .source(let source):
            return list.text.withBytes { list in
                source.withBytes { source in
                    list.split(separator: Self.comma).contains { $0.elementsEqual(source) }
                }
            }
        }
    }

    private static func isWellFormed(_ text: ShortText) -> Bool {
        text.withBytes { list in
            list.split(separator: comma, omittingEmptySubsequences: false).allSatisfy { source in
                !source.isEmpty && (source.first != star || list.count == 1)
            }
        }
    }

    private static let star = UInt8(ascii: "*")
    private static let comma = UInt8(ascii: ",")
}

extension CreditScope: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var text = self.text
        try c.text(&text)
        guard C.reads else { return }
        guard Self.isWellFormed(text) else { return try c.fail("a lot's scope is not a list of sources") }
        self = CreditScope(unchecked: text)
    }
}

/// What credit is wanted for.
package enum CreditUse: Sendable {
    /// Whatever it may be: only lots that pay for everything count.
    case anything
    /// A charge of this source.
    case source(ShortText)
    /// The credit itself moves on: a lot's scope goes with it. What was earned does not move.
    case movement
    /// Credit is taken back, whatever it may pay for.
    case correction

    var isMovement: Bool { if case .movement = self { true } else { false } }

    static let session = CreditUse.source(Sources.sessionRuntime)
    static let storage = CreditUse.source(Sources.storageCreation)
    static let space = CreditUse.source(Sources.spacePurchase)
}
