internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import Logging
internal import NIOCore
internal import RESP

/// Performs the engine's procedures: takes each ``Step`` to the thread where it belongs, and the last to the client.
extension Dispatcher {
    /// `key`, `labels`: for what the writer is asked at the end.
    func perform(
        _ step: Step, key: IdempotencyKey? = nil, labels: Labels = .none, for client: Client, slot: UInt64
    ) {
        switch step {
        case .ask(let item): enqueue(item, key: key, labels: labels, for: client, slot: slot)
        case .aside(let item): enqueueAside(item, for: client, slot: slot)
        case .query(let query, let then):
            enqueue(.query(query), for: client, slot: slot) { dispatcher, client, slot, result in
                dispatcher.perform(then(result), key: key, labels: labels, for: client, slot: slot)
            }
        case .read(let request, let then):
            read(request, for: client, slot: slot) { dispatcher, client, slot, result in
                dispatcher.perform(then(result), key: key, labels: labels, for: client, slot: slot)
            }
        case .examine(let request, let then): examine(request, key: key, for: client, slot: slot, then: then)
        case .answer(let answer): self.answer(client, slot, answer)
        }
    }

    /// Asks a reader thread; its result comes to `then`, on this loop, unless the client has gone meanwhile. In a
    /// round: answers that bring the next question at once would keep this loop from ever looking at its sockets.
    func read(
        _ request: HistoryRequest, for client: Client, slot: UInt64,
        then: @escaping (Dispatcher, Client, UInt64, HistoryResult) -> Void
    ) {
        let bound = NIOLoopBound((dispatcher: self, client: client, then: then), eventLoop: eventLoop)
        let accepted = engine.read(request, for: client.asker) { [eventLoop] result in
            eventLoop.execute {
                let (dispatcher, client, then) = bound.value
                dispatcher.inRound {
                    guard !client.isClosed else { return }
                    then(dispatcher, client, slot, result)
                    dispatcher.settleLater(client)
                }
            }
        }
        if !accepted { refuse(client, slot, .busy("too many reads of the journal are waiting; try again")) }
    }

    /// Hands on what a client was answered on behalf of another thread.
    func settleLater(_ client: Client) {
        touch(client)
        settleAll()
    }

    /// The verdict comes back on this loop, unless the client has gone meanwhile.
    private func examine(
        _ request: RuleRequest, key: IdempotencyKey?, for client: Client, slot: UInt64,
        then: @escaping (RuleVerdict) -> Step
    ) {
        // Deciding anew takes another ledger, as a fork does.
        var place: UInt64?
        if case .backtest(let draft) = request, draft.admits {
            do throws(ForkRoom.Full) {
                place = try forks.take(users: engine.reads.userCount, for: .redecision)
            } catch {
                return refuse(client, slot, CommandError.invalid("ADMIT takes the room of a fork: \(error)"))
            }
        }
        let bound = NIOLoopBound((dispatcher: self, client: client, then: then), eventLoop: eventLoop)
        let accepted = engine.examine(request, for: client.asker) { [eventLoop, forks, place] verdict in
            if let place { forks.leave(place) }
            eventLoop.execute {
                let (dispatcher, client, then) = bound.value
                guard !client.isClosed else { return }
                dispatcher.perform(then(verdict), key: key, for: client, slot: slot)
                dispatcher.settleLater(client)
            }
        }
        guard !accepted else { return }
        if let place { forks.leave(place) }
        refuse(client, slot, .busy("too many rules are being examined; try again"))
    }

    /// Answers with what a procedure found, if it is the client's to see.
    private func answer(_ client: Client, _ slot: UInt64, _ answer: Answer) {
        if let refusal = refusal(client, slot, answer.authorizationOwner) { return refuse(client, slot, refusal) }
        switch answer {
        case .replay, .openHold, .closedHold, .closedSession, .priceBooks, .ruleCheck, .backtest, .shadow, .ruleSteps,
            .history, .summary, .explanation, .pastBalance, .pastUser, .worth, .difference:
            client.answer(slot) { encoder.answer(answer, names: engine, to: &$0) }
        case .dryRun(let found): client.answer(slot) { dryRun(found, to: &$0) }
        case .rejected(let rejection): refuse(client, slot, rejection)
        case .remembered(let rejection, let since): refuse(client, slot, rejection, since: since)
        case .fault(let text): fault(client, slot, text)
        }
    }

    func fault(_ client: Client, _ slot: UInt64, _ text: String) {
        logger.error("the journal could not be read", metadata: ["error": "\(text)"])
        refuse(client, slot, CommandError.invalid("the journal could not be read; see the server's log"))
    }
}
