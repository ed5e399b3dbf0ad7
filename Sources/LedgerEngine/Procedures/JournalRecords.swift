/// What the journal said to a program, by what was asked. A program that lacks something is taken back, and runs again
/// when it is here.
///
/// It holds for ever: what follows a user's past says from which event on it goes back, and events never change.
package struct JournalRecords {
    private var found: [HistoryRequest: HistoryResult] = [:]
    /// How often the journal was asked.
    package private(set) var fetches = 0

    package init() {}

    package mutating func keep(_ result: HistoryResult, of request: HistoryRequest) {
        fetches += 1
        guard case .several(let requests) = request else {
            found[request] = result
            return
        }
        for (index, request) in requests.enumerated() {
            if case .several(let results) = result { found[request] = results[index] } else { found[request] = result }
        }
    }

    func result(of request: HistoryRequest) throws(MissingRecord) -> HistoryResult {
        guard let result = found[request] else { throw MissingRecord(request: request) }
        return result
    }
}

/// A record of the journal is not at hand: fetch it, and run the program again.
package struct MissingRecord: Error {
    package let request: HistoryRequest
}
