package import LedgerCore

/// Why a request gets an error instead of an answer: what the ledger rejected, or what never reached it. Its text goes
/// to the client as `-CODE text` and never repeats a secret.
package enum CommandError: Error, Hashable, Sendable {
    /// `ERR`: malformed, unknown, or not available here.
    case invalid(String)
    /// No passport was shown yet.
    case noPassport
    /// No such passport was issued here, or it is no longer good.
    case wrongPassport
    /// The passport may not do this.
    case denied(String)
    /// `HELLO` asked for a protocol that is not spoken here.
    case noProtocol
    /// The ledger is still being recovered.
    case loading
    /// The journal failed while this was on its way to the disk. Neither a success nor a failure.
    case unknownOutcome
    case rejected(Rejection)

    /// A secret among the arguments (VERIFY, ADMIT) that no passport here has. Not WRONGPASS: that is about the
    /// connection's own passport, and clients like redis-py answer it by connecting anew.
    package static let invalidSecret = CommandError.denied(Rejection.passportInvalid.text)

    package var code: String {
        switch self {
        case .invalid: "ERR"
        case .noPassport: "NOAUTH"
        case .wrongPassport: "WRONGPASS"
        case .denied: "NOPERM"
        case .noProtocol: "NOPROTO"
        case .loading: "LOADING"
        case .unknownOutcome: "UNKNOWN"
        case .rejected(let rejection): rejection.code
        }
    }

    package var text: String {
        switch self {
        case .invalid(let text), .denied(let text): text
        case .noPassport: "Authentication required: AUTH <passport>"
        case .wrongPassport: Rejection.passportInvalid.text
        case .noProtocol: "unsupported protocol version: HELLO 2 or HELLO 3"
        case .loading: "the ledger is being recovered; try again soon"
        case .unknownOutcome:
            "the outcome is unknown: the journal failed, and this may have been carried out or not; once the server is "
                + "back, repeating it with the same KEY is safe"
        case .rejected(let rejection): rejection.text
        }
    }
}
