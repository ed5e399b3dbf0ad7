package import LedgerCommands
package import LedgerCore
package import RESP

/// Answers in the words of the protocol, appended to a ``RESPWriter``: maps with snake_case keys, amounts as exact
/// decimal text, times in RFC 3339, null where nothing is set.
///
/// A receipt is a pure function of its event (and the texts of its user), so a replayed request gets the same receipt
/// as the first one did, in whichever version of the protocol it asks.
package struct ReplyEncoder: Sendable {
    /// The ledger's shard: a part of every id.
    package let shard: UInt16
    /// The server's version, for HELLO.
    package let version: String

    package init(shard: UInt16, version: String) {
        self.shard = shard
        self.version = version
    }

    /// Opens a sealed text of a user; nil when the user's key is gone.
    package typealias Opener = (_ text: PersonalText, _ user: UserOrdinal) -> [UInt8]?

    /// `-CODE text` in one line.
    package func error(_ error: CommandError, to writer: inout some AnswerWriter) {
        writer.error("\(error.code) \(error.text)")
    }

    package func rejection(_ rejection: Rejection, to writer: inout some AnswerWriter) {
        writer.error("\(rejection.code) \(rejection.text)")
    }

    /// A refusal that a KEY had before: a client that repeats it must not take it for news.
    package func remembered(_ rejection: Rejection, since: Timestamp, to writer: inout some AnswerWriter) {
        writer.error(
            "\(rejection.code) \(rejection.text) (remembered with this KEY since \(since); use another KEY to ask again)"
        )
    }
}
