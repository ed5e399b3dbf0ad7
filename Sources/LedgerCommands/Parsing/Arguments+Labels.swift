internal import LedgerCore

/// Labels, and what reads are told by them.
extension Arguments {
    /// `LABELS k=v,…` of a command that takes them.
    func labels() throws(CommandError) -> Labels {
        guard let field = given("LABELS") else { return .none }
        // What looks like a secret is in nobody's interest to record, whatever it was meant to be.
        guard !Echo.looksSecret(bytes(field)) else { throw secretRefusal(field) }
        do throws(Labels.Flaw) {
            return try Labels(parsing: bytes(field))
        } catch {
            switch error {
            case .malformed: throw refusal(field)
            case .tooMany: throw .invalid("LABELS has more than \(Labels.most) labels")
            case .twice(let key): throw .invalid("LABELS names '\(key)' twice")
            }
        }
    }

    /// `LABEL k=v` or `LABEL k` of a statement.
    func labelFilter() throws(CommandError) -> LabelFilter? {
        guard let field = given("LABEL") else { return nil }
        guard let filter = LabelFilter(parsing: bytes(field)) else { throw refusal(field) }
        return filter
    }

    /// The key in `BY label:k` of a summary.
    func grouping() throws(CommandError) -> ShortText? {
        guard let field = given("BY") else { return nil }
        let (text, prefix) = (bytes(field), Array("LABEL:".utf8))
        guard text.count > prefix.count, text.prefix(prefix.count).map(CommandIndex.folded) == prefix,
            let key = Label.word(UnsafeRawBufferPointer(rebasing: text[prefix.count...]))
        else { throw refusal(field) }
        return key
    }
}
