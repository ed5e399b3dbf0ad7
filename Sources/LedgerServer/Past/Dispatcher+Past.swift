internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import RESP
internal import Synchronization

/// AT, of the whole ledger.
extension Dispatcher {
    func perform(_ words: [[UInt8]], at moment: Moment, _ parsed: ParsedCommand, for client: Client) {
        aside(parsed, for: client) { [past] in
            await past.ask(words, at: moment)
        } then: { dispatcher, client, slot, answer in
            switch answer {
            case .value(let value):
                if value.error != nil { dispatcher.counters.errors.add(1, ordering: .relaxed) }
                client.answer(slot) { $0.value(value) }
            case .refused(let rejection): dispatcher.refuse(client, slot, rejection)
            case .fault(let text): dispatcher.fault(client, slot, text)
            }
        }
    }
}
