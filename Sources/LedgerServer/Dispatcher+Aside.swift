internal import LedgerEngine

/// Long reads: what takes the writer long goes to it apart from everything else.
extension Dispatcher {
    private static let mostAside = 4

    /// A load of its own, in a queue of its own. Clients take turns.
    func enqueueAside(_ item: WorkItem, for client: Client, slot: UInt64) {
        waitingAside.append((item, actor(of: client), client, slot), of: client)
        submitAside()
    }

    private func submitAside() {
        while !isAsideForLater, aside.count < Self.mostAside, let (item, actor, client, slot) = waitingAside.popFirst()
        {
            guard !client.isClosed else { continue }
            let batch = takeBatch()
            batch.append(item, by: actor, key: nil, for: client, slot: slot)
            aside.append(batch)
            if engine.submitAside(batch.work) { continue }
            aside.removeLast()
            release(batch)
            refuse(client, slot, Self.tooMuch)
            touch(client)
            settleSoon()
        }
    }

    /// The next long reads go in a later round, as the answers of ``read(_:for:slot:then:)`` do.
    func goOnAside() {
        guard !isAsideForLater else { return }
        isAsideForLater = true
        inRound { [self] in
            isAsideForLater = false
            submitAside()
        }
    }
}
