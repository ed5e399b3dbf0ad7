internal import Synchronization

/// What the answers of scripts and transactions take from their run until they are handed out: a batch may have those
/// of many clients, which all wait for its end, and what a client is owed counts them only then.
final class ProgramAnswers: Sendable {
    private let bytes = Atomic<Int>(0)
    /// Bytes of all together; one that is small is kept beyond it.
    private let limit: Int

    private static let small = 64 << 10

    init(limit: Int) { self.limit = limit }

    /// Room for an answer, until the claim goes; nil: there is none.
    func claim(_ count: Int) -> Claim? {
        let all = bytes.add(count, ordering: .relaxed).newValue
        let claim = Claim(of: self, count)
        return all <= limit || count <= Self.small ? claim : nil
    }

    final class Claim: Sendable {
        private let answers: ProgramAnswers
        private let count: Int

        fileprivate init(of answers: ProgramAnswers, _ count: Int) { (self.answers, self.count) = (answers, count) }

        deinit { answers.bytes.subtract(count, ordering: .relaxed) }
    }

    static let full =
        "BUSY the answers of scripts and transactions that are under way take too much memory: nothing was done; try "
        + "again, or ask for less"
}
