/// One account of the business's books. Liabilities to users and revenue are positive, assets and costs negative; the
/// sum over all is zero.
package struct BookRow: Sendable {
    package var account: String
    package var balance: Int128
}

extension StateMachine {
    /// In the order in which accounts were opened.
    func bookRows() -> [BookRow] {
        store.books.places.map { BookRow(account: store.books.name($0), balance: store.books.balance(at: $0)) }
    }
}
