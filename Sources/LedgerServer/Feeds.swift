internal import LedgerEngine
internal import LedgerReplies
internal import Logging

/// What clients of all event loops may follow.
final class Feeds: Sendable {
    /// Commands.
    let watching = Watching()
    /// Events.
    let tails: Tails

    init(engine: Engine, version: String, logger: Logger) {
        tails = Tails(engine: engine, encoder: ReplyEncoder(shard: engine.shard, version: version), logger: logger)
    }
}
