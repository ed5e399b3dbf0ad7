/// Whether the functions of a Lua source may look at one of their arguments, found without running it.
///
/// A parameter is reached by its name, and by nothing else: the closed list has no debug library, and `...` holds only
/// what no parameter took. So where its name stands in the list of parameters and nowhere else, no answer depends on
/// it. Whatever is not as plain as that counts as reading: a false alarm costs calls, never a wrong price.
enum UnreadArgument {
    /// True when whichever function the source returns gives the same answer whatever argument `position` is (from 0).
    static func isUnread(_ position: Int, in source: UnsafeBufferPointer<UInt8>) -> Bool {
        var scanner = LuaScanner(source)
        var occurrences: [String: Int] = [:]
        var unread: [String: Int] = [:]  // how often the name is at the position
        var dots = 0
        /// Where in a function's head the scanner is; then the number of parameters so far.
        var isBeforeParameters = false
        var parameters: Int?
        while let token = scanner.next() {
            switch token {
            case .literal: dots = 0
            case .word(let bytes):
                dots = 0
                let word = String(decoding: bytes, as: UTF8.self)
                occurrences[word, default: 0] += 1
                if word == "function" {
                    isBeforeParameters = true
                } else if let count = parameters {
                    if count == position { unread[word, default: 0] += 1 }
                    parameters = count + 1
                }
            case .sign(UInt8(ascii: ".")):
                dots += 1
                // Arguments that have no name.
                if dots == 3 { return false }
            case .sign(let sign):
                dots = 0
                // A method has a parameter before the first.
                if isBeforeParameters, sign == UInt8(ascii: ":") { return false }
                if isBeforeParameters, sign == UInt8(ascii: "(") {
                    isBeforeParameters = false
                    parameters = 0
                } else if sign == UInt8(ascii: ")") {
                    parameters = nil
                }
            }
        }
        // Every global name is looked up in _ENV without saying so.
        return unread.allSatisfy { $0 != "_ENV" && occurrences[$0] == $1 }
    }
}
