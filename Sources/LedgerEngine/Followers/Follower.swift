package import LedgerCore
package import LedgerStorage

/// Something that goes on where the ledger stops: a mirror, an outbox, an export, a tail. It sees every durable event
/// once, in order, some time after the fact, and nobody waits for it.
///
/// Its position is its own business: it keeps it wherever it keeps what it makes of the events, best in one step with
/// that. ``Followers`` asks for it at the start and after each failure, and believes it.
package protocol Follower: AnyObject, Sendable {
    /// Its name in INFO and in the log, one for each follower: letters, digits and `_`.
    var name: String { get }

    /// The event it wants next; LSN 1 for the whole history. On the followers' thread.
    func position() throws(FollowerError) -> LSN

    /// Takes events, the first of which is the one it wanted, and returns the one that it wants next: the one behind
    /// the slice, one inside, or the first again, which says *not now* and is no failure.
    ///
    /// On the followers' thread, which serves the others too: one that talks to a network does that elsewhere. After an
    /// error nothing of the slice counts but what ``position()`` says then.
    func take(_ events: EventSlice) throws(FollowerError) -> LSN
}

/// Why a follower cannot go on for now, in words for INFO and the log.
package struct FollowerError: Error, Sendable, CustomStringConvertible {
    package var description: String
    package init(_ description: String) { self.description = description }
}

/// How far a follower is.
package struct FollowerStatus: Sendable, Equatable {
    package var name: String
    /// The event it wants next; `.none` before it said so.
    package var position: LSN
    /// Durable events that it has not taken.
    package var lag: UInt64
    /// How many times in a row it has failed, and why the last time.
    package var failures: Int
    package var error: String?

    package init(name: String, position: LSN, lag: UInt64, failures: Int, error: String?) {
        self.name = name
        self.position = position
        self.lag = lag
        self.failures = failures
        self.error = error
    }
}
