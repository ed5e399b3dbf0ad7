internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import NIOCore
internal import RESP
internal import Synchronization

/// Clients that are told what happens: of commands (`MONITOR`), and of events (`TAIL`).
extension Dispatcher {
    func perform(_ command: FollowCommand, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        switch command {
        case .monitor: try watch(client)
        case .tail(let tail): try follow(tail, parsed, for: client)
        case .tailStop:
            guard let following = client.following, following.slot == nil else {
                throw .invalid("no TAIL is under way on this connection")
            }
            endFollowing(client)
            client.answer { $0.integer(Int64(following.next.value)) }
        }
    }

    /// Nothing is pushed to it any more.
    func endFollowing(_ client: Client) {
        if client.isWatching {
            client.isWatching = false
            watchers.removeAll { $0 === client }
            feeds.watching.change(by: -1, for: self)
        }
        guard let following = client.following else { return }
        client.following = nil
        following.timeout?.cancel()
        feeds.tails.end(following.tail)
    }

    /// Whether a client may still be told: its passport may be gone since it asked.
    private func mayFollow(_ client: Client) -> Bool {
        switch client.standing {
        case .stranger: false
        case .owner: true
        case .passport(let passport):
            rights(of: passport, at: engine.now()).map { Authorization.mayAsk(.monitor, $0) == nil } ?? false
        }
    }

    // MARK: MONITOR

    /// Below this, a client that watches is given more.
    private static let mostWatched = 1 << 20

    private func watch(_ client: Client) throws(CommandError) {
        if case .owner = client.standing {
            throw .invalid("MONITOR shows what clients send to a server; nobody else speaks to this ledger here")
        }
        // What came before is not for it.
        publishWatched()
        client.answer { $0.ok() }
        guard !client.isWatching else { return }
        client.isWatching = true
        watchers.append(client)
        feeds.watching.change(by: 1, for: self)
    }

    /// Called for each request where somebody watches.
    func note(_ words: Words, of client: Client, at now: Timestamp) {
        MonitorLine.append(words, from: client.address, at: now, to: &watched.bytes)
        watched.count += 1
    }

    /// At the end of a turn. Many turns have one command: to write each line to its reader by itself would cost the
    /// server more than the command does, so lines wait for others of the next two milliseconds.
    func publishWatchedSoon() {
        guard watched.count > 0, watched.bytes.count < Self.fullLines else { return publishWatched() }
        guard !isPublishing else { return }
        isPublishing = true
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .milliseconds(2)) {
            bound.value.isPublishing = false
            bound.value.publishWatched()
        }
    }

    /// As many bytes of lines are handed on at once.
    private static let fullLines = 32 << 10

    func publishWatched() {
        guard watched.count > 0 else { return }
        feeds.watching.publish(watched)
        watched = WatchedLines()
    }

    /// Writes lines to those who watch on this loop; for one who has too many unread they are counted instead.
    func show(_ lines: WatchedLines) {
        let now = engine.now()
        for client in watchers where !client.isClosed {
            guard mayFollow(client) else {
                client.state.finish()
                touch(client)
                continue
            }
            client.missedLines += lines.missed
            client.transport?.measure()
            guard client.owed < Self.mostWatched else {
                client.missedLines += lines.count
                continue
            }
            if client.missedLines > 0 {
                var line: [UInt8] = []
                MonitorLine.append(missed: client.missedLines, at: now, to: &line)
                client.missedLines = 0
                client.push(line)
            }
            if lines.count > 0 { client.push(lines.bytes) }
            touch(client)
        }
        settleAll()
    }

    // MARK: TAIL

    private func follow(_ it: FollowCommand.Tail, _ parsed: ParsedCommand, for client: Client) throws(CommandError) {
        guard client.following == nil else {
            throw .invalid("a TAIL is under way on this connection: TAIL STOP ends it")
        }
        var user: UserOrdinal?
        if let name = it.user {
            guard let ordinal = engine.reads.user(name) else { throw .rejected(.notFound(.user)) }
            user = ordinal
        }
        let isPushed = client.version == .v3 && it.block == nil
        if isPushed, case .owner = client.standing {
            throw .invalid("events cannot be pushed to this prompt: say BLOCK, and the next ones are the answer")
        }
        let from = it.from ?? engine.durableLSN.next
        followings += 1
        let (number, id) = (client.number, followings)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        // By number: what is on its way must not keep alive a client that has gone.
        let tail = Tail(
            isPushed ? .pushes : .answer, from: from, count: it.count ?? (isPushed ? nil : 100), user: user,
            version: client.version
        ) { [eventLoop] delivery in
            eventLoop.execute { bound.value.deliver(delivery, of: id, to: number) }
        }
        var following = Client.Following(id: id, tail: tail, next: from)
        if isPushed {
            client.answer { $0.ok() }
        } else {
            let slot = begin(parsed, for: client)
            following.slot = slot
            if let block = it.block, block > .zero {
                following.timeout = eventLoop.scheduleTask(in: .nanoseconds(block.nanoseconds)) {
                    bound.value.timeIsUp(of: number, slot)
                }
            }
        }
        client.following = following
        feeds.tails.add(tail)
        if client.state.inputHasEnded { inputEnded(of: client) }
    }

    /// A client that sends nothing more may have gone for good: events are not waited for much longer.
    func limitWaitForEvents(of client: Client, to seconds: Int64) {
        guard let slot = client.following?.slot else { return }
        let (number, bound) = (client.number, NIOLoopBound(self, eventLoop: eventLoop))
        eventLoop.scheduleTask(in: .seconds(seconds)) { bound.value.timeIsUp(of: number, slot) }
    }

    private func deliver(_ delivery: Tail.Delivery, of id: UInt64, to number: UInt64) {
        guard let client = client(number), let following = client.following, following.id == id else { return }
        defer {
            touch(client)
            settleAll()
        }
        guard mayFollow(client) else {
            endFollowing(client)
            if let slot = following.slot { refuse(client, slot, CommandError.noPassport) }
            return client.state.finish()
        }
        if let slot = following.slot {
            endFollowing(client)
            if let fault = delivery.fault { return self.fault(client, slot, fault) }
            return answer(client, slot, delivery)
        }
        if delivery.fault != nil {
            // What it has seen it knows; it may ask again from there.
            endFollowing(client)
            return client.state.finish()
        }
        client.push(delivery.bytes)
        client.following?.next = delivery.next
        client.following?.isOwed = true
        if delivery.isLast {
            endFollowing(client)
            var writer = RESPWriter(version: .v3)
            writer.push(2)
            writer.bulk("tail-end")
            writer.integer(Int64(delivery.next.value))
            client.push(writer.bytes)
        }
    }

    /// `[next, [event, …]]`.
    private func answer(_ client: Client, _ slot: UInt64, _ delivery: Tail.Delivery) {
        client.answer(slot) { writer in
            writer.array(2)
            writer.integer(Int64(delivery.next.value))
            writer.array(delivery.count)
            writer.bytes += delivery.bytes
        }
    }

    /// BLOCK is over, or the client will send nothing more: what it has waited for did not come.
    private func timeIsUp(of number: UInt64, _ slot: UInt64) {
        guard let client = client(number), let following = client.following, following.slot == slot else { return }
        // However short the wait: what is there is its answer.
        guard feeds.tails.hasLooked(for: following.tail) else {
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.scheduleTask(in: .milliseconds(1)) { bound.value.timeIsUp(of: number, slot) }
            return
        }
        guard let next = feeds.tails.end(following.tail) else { return }
        endFollowing(client)
        answer(client, slot, Tail.Delivery(next: next))
        touch(client)
        settleAll()
    }

    /// The answer that it waits for is given now, as far as there is one.
    func endWaitForEvents(of client: Client) {
        if let slot = client.following?.slot { timeIsUp(of: client.number, slot) }
    }

    /// It has room for more: the next piece is read.
    func goOnFollowing(_ client: Client) {
        guard let following = client.following, following.isOwed, client.takesOutput, client.waiting.isEmpty else {
            return
        }
        client.following?.isOwed = false
        feeds.tails.goOn(following.tail)
    }
}
