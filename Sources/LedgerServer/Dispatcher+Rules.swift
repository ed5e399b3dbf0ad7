internal import LedgerCore
internal import LedgerEngine
internal import LedgerProtocol
internal import NIOCore
internal import RESP

/// RULE LOAD, CHECK and ACTIVATE: the engine examines the rule on a thread of its own; then the writer decides, if
/// there is something to decide.
extension Dispatcher {
    func loadRule(_ parsed: ParsedCommand, _ name: RuleName, _ source: [UInt8], for client: Client) {
        let actor = actor(of: client)
        examine(.load(name, source: source), parsed, for: client) { dispatcher, client, slot, verdict in
            dispatcher.enqueue(
                .ruleLoad(actor: actor, key: parsed.key, name: name, source: source, verdict: verdict), for: client,
                slot: slot)
        }
    }

    func activateRule(
        _ parsed: ParsedCommand, _ name: RuleName, _ version: UInt32, _ at: Timestamp?, for client: Client
    ) {
        let actor = actor(of: client)
        examine(.version(name, version), parsed, for: client) { dispatcher, client, slot, verdict in
            dispatcher.enqueue(
                .ruleActivate(
                    actor: actor, key: parsed.key, name: name, version: version, at: at, verdict: verdict),
                for: client, slot: slot)
        }
    }

    func checkRule(
        _ parsed: ParsedCommand, _ name: RuleName, _ version: UInt32?, _ source: [UInt8]?, for client: Client
    ) {
        let request = source.map { RuleRequest.check(name, source: $0) } ?? .version(name, version)
        examine(request, parsed, for: client) { dispatcher, client, slot, verdict in
            switch verdict {
            case .checked(let check): client.answer(slot) { dispatcher.encoder.ruleCheck(check, to: &$0) }
            case .refused(let rejection): dispatcher.refuse(client, slot, rejection)
            case .loads: preconditionFailure("a check was asked as such")
            }
        }
    }

    /// The verdict comes to `then`, on this loop, unless the client has gone meanwhile.
    private func examine(
        _ request: RuleRequest, _ parsed: ParsedCommand, for client: Client,
        then: @escaping (Dispatcher, Client, UInt64, RuleVerdict) -> Void
    ) {
        let slot = begin(parsed, for: client)
        let bound = NIOLoopBound((dispatcher: self, client: client, then: then), eventLoop: eventLoop)
        let accepted = engine.examine(request) { [eventLoop] verdict in
            eventLoop.execute {
                let (dispatcher, client, then) = bound.value
                guard !client.isClosed else { return }
                then(dispatcher, client, slot, verdict)
                dispatcher.touch(client)
                dispatcher.settleAll()
            }
        }
        if !accepted { refuse(client, slot, .busy("too many rules are being examined; try again")) }
    }
}
