internal import LedgerCommands
internal import LedgerCore
internal import LedgerReplies
internal import RESP
internal import Synchronization

extension Dispatcher {
    func refuse(_ client: Client, _ error: CommandError) {
        counters.errors.add(1, ordering: .relaxed)
        client.answer { encoder.error(error, to: &$0) }
    }

    func refuse(_ client: Client, _ slot: UInt64, _ error: CommandError) {
        guard !client.isClosed else { return }
        counters.errors.add(1, ordering: .relaxed)
        client.answer(slot) { encoder.error(error, to: &$0) }
    }

    func refuse(_ client: Client, _ slot: UInt64, _ rejection: Rejection) {
        guard !client.isClosed else { return }
        counters.errors.add(1, ordering: .relaxed)
        if case .passportInvalid = rejection, ![.passportVerify, .sessionAdmit].contains(client.pipeline[slot].command)
        {
            // Revoked after this loop had let the command in, before the writer came to it.
            return client.answer(slot) { encoder.error(.noPassport, to: &$0) }
        }
        client.answer(slot) { reject(rejection, to: &$0) }
    }

    /// What Redis has a code of its own for: `NOSCRIPT …`.
    func refuse(_ client: Client, as line: String) {
        counters.errors.add(1, ordering: .relaxed)
        client.answer { $0.error(line) }
    }

    func refuse(_ client: Client, _ slot: UInt64, as line: String) {
        counters.errors.add(1, ordering: .relaxed)
        client.answer(slot) { $0.error(line) }
    }

    /// A refusal that a KEY had before.
    func refuse(_ client: Client, _ slot: UInt64, _ rejection: Rejection, since: Timestamp) {
        guard !client.isClosed else { return }
        counters.errors.add(1, ordering: .relaxed)
        client.answer(slot) { encoder.remembered(rejection, since: since, to: &$0) }
    }

    /// A user's passport that does not hold (VERIFY, ADMIT) is refused with NOPERM: WRONGPASS is about the connection's
    /// own, and clients like redis-py answer it by connecting anew.
    func reject(_ rejection: Rejection, to writer: inout RESPWriter) {
        if case .passportInvalid = rejection {
            encoder.error(.invalidSecret, to: &writer)
        } else {
            encoder.rejection(rejection, to: &writer)
        }
    }
}
