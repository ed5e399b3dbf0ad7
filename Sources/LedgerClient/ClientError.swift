package import RESP

/// Why a client has no answers. Each case says what is known of the commands' fate: that is what a caller has to decide
/// on. A rejection by the ledger is none of these; it is an answer.
package enum ClientError: Error, Hashable, Sendable {
    /// Nobody listens there, or the name can't be resolved. Nothing was sent.
    case cannotConnect(peer: String, reason: String)
    /// The server wants a passport, or does not accept this one. Nothing else was sent.
    case passportRefused(peer: String, RESPError)
    /// A ledger that has no room for another client, or is being recovered. Nothing was sent.
    case turnedAway(peer: String, RESPError)
    /// Somebody listens who does not speak RESP3. Nothing but the greeting was sent.
    case notALedger(peer: String, reason: String)
    /// The connection had ended before: these commands were not sent.
    case notConnected(peer: String, reason: String)
    /// The connection ended first. `answered` commands (the first ones) are decided and durable; the outcome of the
    /// `unanswered` ones after them is unknown: they may have been carried out or not.
    case connectionLost(peer: String, answered: [RESPValue], unanswered: Int, reason: String)
    /// The task was cancelled. The outcome of `unanswered` commands is unknown; 0 means that nothing was sent.
    case cancelled(unanswered: Int)
}

extension ClientError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotConnect(let peer, let reason): "cannot connect to \(peer): \(reason)"
        case .passportRefused(let peer, let error): "\(peer) does not accept the passport: \(error.text)"
        case .turnedAway(let peer, let error): "\(peer) serves nobody else now: \(error.message)"
        case .notALedger(let peer, let reason): "\(peer) does not speak Florin's protocol: \(reason)"
        case .notConnected(let peer, let reason): "not connected to \(peer): \(reason); nothing was sent"
        case .connectionLost(let peer, let answered, let unanswered, let reason):
            "connection to \(peer) lost: \(reason); outcome unknown for "
                + (unanswered == 1 ? "1 command" : "\(unanswered) commands")
                + (answered.isEmpty ? "" : " (\(answered.count) before were answered)")
                + "; repeating with the same KEY is safe"
        case .cancelled(0): "cancelled; nothing was sent"
        case .cancelled(let unanswered):
            "cancelled; outcome unknown for " + (unanswered == 1 ? "1 command" : "\(unanswered) commands")
        }
    }
}
