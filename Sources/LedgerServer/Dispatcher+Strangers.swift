internal import LedgerCore
internal import NIOCore
internal import Synchronization

/// Clients that have shown no passport, and those that did.
extension Dispatcher {
    /// Whether one more connection may come. Where there is no room, the client that has gone longest without
    /// showing a passport makes some; a client that has shown one never does.
    func makeRoom() -> Bool {
        let isFull = counters.clients.load(ordering: .relaxed) >= configuration.maxClients
        guard isFull || strangers.count >= configuration.strangersPerLoop else { return true }
        return dropOldestStranger() || !isFull
    }

    private func dropOldestStranger() -> Bool {
        guard let number = strangers.takeOldest(), let client = client(number) else { return false }
        client.transport?.drop("made room for others", tell: "ERR too many connections without a passport, closing")
        return true
    }

    /// Says who speaks from now on.
    func identify(_ client: Client, as passport: PassportOrdinal) {
        if client.isStranger { strangers.remove(client) }
        client.standing = .passport(passport)
        client.failures = 0
    }

    /// As before AUTH.
    func forget(_ client: Client) {
        guard case .passport = client.standing else { return }
        if strangers.count >= configuration.strangersPerLoop { _ = dropOldestStranger() }
        client.standing = .stranger
        client.strangerSince = .now()
        strangers.add(client)
    }
}
