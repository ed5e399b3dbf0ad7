/// What was pressed, whatever bytes a terminal sends for it.
package enum Key: Hashable, Sendable {
    /// Printable text: one Unicode scalar at a time, as it is typed.
    case text(String)
    /// Text between the marks of a bracketed paste. Line ends are `\n`; of other control characters only tabs are left.
    case paste(String)
    /// Ctrl with a letter, in lower case, or with one of `@[\]^_`.
    case control(Character)
    /// Alt (or Escape before it) with a printable character.
    case alt(Character)
    case enter, altEnter, tab, backTab, backspace, altBackspace, escape
    case up, down, left, right, wordLeft, wordRight, home, end, pageUp, pageDown, insert, delete
    /// A sequence that means nothing here. It is one key all the same: its bytes are no text.
    case unknown
}
