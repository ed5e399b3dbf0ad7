internal import RESP

/// What stands in the books of a server, in nano-dollars.
package struct Books: Hashable, Sendable {
    /// Revenue by source.
    var revenue: [String: Int64] = [:]
    /// Of all accounts; nil where the server has no double entry. One may hold more than 64 bits of nano-dollars.
    var sum: Int128?

    /// Florin's own books, or those that the scenario says how to read; nil where there are neither.
    static func read(
        _ control: any CommandPort, server: String, scenario: Scenario
    ) async throws(LoadError) -> Books? {
        if !scenario.books.isEmpty {
            var books = Books()
            for (source, words) in scenario.books {
                let answer = try await LoadSession.ask(control, words)
                guard let value = answer.integer ?? answer.string.flatMap({ Int64($0) }) ?? (answer == .null ? 0 : nil)
                else { throw .usage("books.\(source) answers no whole number of nano-dollars") }
                books.revenue[source] = value
            }
            return books
        }
        guard server == "florin" else { return nil }
        let text = try await LoadSession.ask(control, ["INFO", "books"]).string ?? ""
        return try Books(info: text)
    }

    init() {}

    /// From the section `books` of INFO: a line `account:amount` for each account.
    init(info: String) throws(LoadError) {
        var sum: Int128 = 0
        for line in info.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let colon = line.lastIndex(of: ":"),
                let nanos = Units.wideNanos(line[line.index(after: colon)...])
            else { throw LoadError("INFO books has a line that is no account: \(line)") }
            sum += nanos
            let account = String(line[..<colon])
            if account.hasPrefix("revenue/") {
                // Only differences count, and these are small: they are exact whatever was cut off.
                revenue[String(account.dropFirst("revenue/".count))] = Int64(truncatingIfNeeded: nanos)
            }
        }
        self.sum = sum
    }
}
