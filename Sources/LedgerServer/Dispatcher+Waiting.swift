internal import LedgerCore
internal import LedgerEngine
internal import LedgerCommands
internal import LedgerReplies
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

/// Answers that wait for their client.
extension Dispatcher {
    /// Events that are read at once for the receipts of one client.
    private static let mostFetched = 128
    private static let mostRefusedAtOnce = 512
    /// How often, and how long apart, a full queue of reads is asked again.
    private static let fetchAttempts = 500
    private static let fetchPause = TimeAmount.milliseconds(10)

    /// Answers a command that was read and is not executed. Behind a MULTI that was not, the commands of its
    /// transaction still come.
    func answerBusy(_ words: Words, for client: Client) {
        let id = try? CommandTable.find(words)
        let refusal = client.transaction.weight > 0 ? Self.dropped : Self.unread
        if id == .multi { client.transaction.begin() }
        abortTransaction(of: client, for: id)
        counters.errors.add(1, ordering: .relaxed)
        counters.commandsBusy.add(1, ordering: .relaxed)
        client.answerBusy { encoder.rejection(refusal, to: &$0) }
    }

    private static let dropped = Rejection.busy(
        "not executed: too much is kept for this connection or for all of them, and what it had queued is dropped; "
            + "send it again (with redis-py: pipeline(transaction=False))")

    private static let unread = Rejection.busy(
        "not executed: too many answers wait for this connection; read them, then send this again")

    /// Hands on what waits, in order, as far as the transport takes it; a turn's worth at once, for the others' sake.
    /// `read`: what was found for the references that are first. What of it is not used now is read again later.
    func handOnWaiting(_ client: Client, _ read: [(reference: AnswerQueue.Reference, result: HistoryResult)] = []) {
        let start = client.output.bytes.count
        var flushed = 0
        var used = 0
        while client.takesOutput, client.delivery == .now, let first = client.waiting.first {
            if used == read.count, flushed + client.output.bytes.count - start >= configuration.turnOutput, let rounds {
                client.delivery = .nextRound
                return rounds.add { [self] in
                    guard !client.isClosed else { return }
                    client.delivery = .now
                    goOn(client)
                }
            }
            switch first.kind {
            case .bytes: client.waiting.takeBytes(Client.flushedAtOnce, into: &client.output.bytes)
            case .busy:
                for _ in 0..<client.waiting.takeBusy(Self.mostRefusedAtOnce) {
                    encoder.rejection(Self.unread, to: &client.output)
                }
            case .receipt, .replay:
                guard used < read.count else {
                    fetch(client, client.waiting.references(Self.mostFetched), attempt: 1)
                    break
                }
                let (reference, result) = read[used]
                used += 1
                client.waiting.removeReferences(1)
                client.output.version = reference.version
                write(reference, result, to: &client.output)
            }
            if client.output.bytes.count >= Client.flushedAtOnce {
                flushed += client.output.bytes.count
                client.transport?.flush()
            }
        }
    }

    /// Reads the events of the references that are next, then writes their receipts.
    private func fetch(_ client: Client, _ references: [AnswerQueue.Reference], attempt: Int) {
        client.delivery = .whenRead
        let request = HistoryRequest.several(
            references.map { reference in
                switch reference.kind {
                case .receipt: .event(reference.lsn)
                case .replay: .replayed(reference.lsn)
                }
            })
        let bound = NIOLoopBound((dispatcher: self, client: client), eventLoop: eventLoop)
        let accepted = engine.read(request, for: client.asker) { [eventLoop] result in
            eventLoop.execute {
                let (dispatcher, client) = bound.value
                // In a round: see `read`.
                dispatcher.inRound { dispatcher.fetched(client, references, result) }
            }
        }
        guard !accepted else { return }
        guard attempt < Self.fetchAttempts else { return fetched(client, references, .fault("too many reads wait")) }
        eventLoop.scheduleTask(in: Self.fetchPause) {
            let (dispatcher, client) = bound.value
            guard !client.isClosed else { return }
            dispatcher.fetch(client, references, attempt: attempt + 1)
        }
    }

    private func fetched(_ client: Client, _ references: [AnswerQueue.Reference], _ result: HistoryResult) {
        guard !client.isClosed else { return }
        client.delivery = .now
        var results: [HistoryResult] = []
        if case .several(let found) = result { results = found }
        handOnWaiting(
            client, references.enumerated().map { ($1, $0 < results.count ? results[$0] : result) })
        goOn(client)
    }

    private func write(_ reference: AnswerQueue.Reference, _ result: HistoryResult, to writer: inout RESPWriter) {
        if case .event(let event) = result {
            return receipt(event, replayed: reference.kind == .replay, to: &writer)
        }
        if case .remembered(let rejection, let since) = result, reference.kind == .replay {
            encoder.remembered(rejection, since: since, to: &writer)
        } else if case .rejected(let rejection) = result, reference.kind == .replay {
            encoder.rejection(rejection, to: &writer)
        } else {
            // It is done all the same: nobody must take this for a refusal and do it again.
            logger.error("a receipt could not be read", metadata: ["lsn": "\(reference.lsn.value)"])
            encoder.error(
                .invalid(
                    "carried out as LSN \(reference.lsn.value), but its receipt could not be read; see the server's log"
                ), to: &writer)
        }
        counters.errors.add(1, ordering: .relaxed)
    }
}
