internal import LedgerCommands
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import Logging
internal import NIOCore
internal import RESP
internal import Synchronization

/// One event loop's way from requests to answers, for all clients of that loop.
///
/// A turn of a client parses what has arrived and performs it: reads of published views are answered on the spot, the
/// rest is appended to the loop's current ``TicketedBatch``. When the loop has read all its sockets, that batch is
/// submitted, once for all clients. While the loads under way reach their number, the current one grows; when it is
/// full, sockets wait. Completed loads come back here, are answered in each client's order, and each client is flushed
/// once.
///
/// Belongs to its event loop; nothing here is touched elsewhere.
final class Dispatcher {
    let engine: Engine
    let encoder: ReplyEncoder
    let configuration: ServerConfiguration
    let counters: ServerCounters
    let logger: Logger
    let eventLoop: any EventLoop
    /// Asks the whole server to stop: `SHUTDOWN`.
    let requestStop: @Sendable () -> Void

    /// What parsing needs to know; the actor is set for each request.
    var context: ParseContext
    /// Where clients go on whose turn is over; nil in a process without sockets.
    var rounds: Rounds?
    /// Shared by all event loops.
    let scripts: ScriptHost
    let forks: ForkRoom
    let past: PastDesk
    /// Log lines that strangers can cause.
    let notices: RareNotices

    /// What clients of all event loops may follow, and who of this one watches commands.
    let feeds: Feeds
    private let watching: Watching
    var watchers: [Client] = []
    /// Not handed on yet, and whether that is about to happen.
    var watched = WatchedLines()
    var isPublishing = false
    var followings: UInt64 = 0

    private var clients: [UInt64: Client] = [:]
    var strangers = Strangers()
    private var current: TicketedBatch?
    private var underWay: [TicketedBatch] = []
    /// Loads of one item each that are under way beside those, and what waits for its turn to be one: long reads.
    var aside: [TicketedBatch] = []
    var waitingAside = Turns<(item: WorkItem, actor: PassportOrdinal, client: Client, slot: UInt64)>()
    var isAsideForLater = false
    private var spare: [TicketedBatch] = []
    /// Nothing is kept for later any more: a batch holds its dispatcher, and with it an engine.
    private var isRetired = false
    private var isTickScheduled = false
    /// Clients with new output, outside of their own turns.
    private var unsettled: [Client] = []
    /// Clients that found no room in the current batch.
    private var waitingForRoom: [Client] = []
    private var loneClient = LoneClient()
    private(set) var isStopping = false
    private var whenEmpty: (() -> Void)?

    init(
        engine: Engine, configuration: ServerConfiguration, counters: ServerCounters, scripts: ScriptHost,
        forks: ForkRoom, past: PastDesk, version: String, logger: Logger, eventLoop: any EventLoop, feeds: Feeds,
        requestStop: @escaping @Sendable () -> Void
    ) {
        self.feeds = feeds
        watching = feeds.watching
        self.engine = engine
        self.encoder = ReplyEncoder(shard: engine.shard, version: version)
        self.configuration = configuration
        self.counters = counters
        self.scripts = scripts
        self.forks = forks
        self.past = past
        self.logger = logger
        self.eventLoop = eventLoop
        self.requestStop = requestStop
        notices = RareNotices(logger, eventLoop)
        context = ParseContext(
            names: engine.names, actor: .none,
            emailHash: { [engine] (address) throws(UnusableEmail) in
                do throws(EmailAddress.Fault) {
                    return try engine.emailHash(address)
                } catch {
                    throw UnusableEmail(reason: error.text)
                }
            }, personHash: { [engine] in engine.personHash($0) })
    }

    // MARK: Clients

    func add(_ client: Client) {
        clients[client.number] = client
        if client.isStranger { strangers.add(client) }
        counters.clients.add(1, ordering: .relaxed)
        counters.clientsOpened.add(1, ordering: .relaxed)
        if isStopping { client.state.finish() }
    }

    func remove(_ client: Client) {
        guard clients.removeValue(forKey: client.number) != nil else { return }
        if client.isStranger { strangers.remove(client) }
        endWait(of: client)
        endFollowing(client)
        client.wasClosed()
        count(client)
        counters.clients.subtract(1, ordering: .relaxed)
        if isStopping, clients.isEmpty {
            whenEmpty?()
            whenEmpty = nil
        }
    }

    func client(_ number: UInt64) -> Client? { clients[number] }

    /// A client that has sent its last may have gone for good: no WAIT and no FORK ADVANCE goes on much longer.
    func inputEnded(of client: Client) {
        limitWaitForEvents(of: client, to: configuration.drainSeconds)
        limitForks(of: client, to: configuration.drainSeconds)
        if client.wait != nil { limitWait(of: client, to: configuration.drainSeconds * 1_000_000_000) }
    }

    /// Nobody waits for this event any more.
    func endWait(of client: Client) {
        guard let wait = client.wait else { return }
        client.wait = nil
        wait.timeout?.task.cancel()
        if let ticket = wait.ticket { engine.cancel(ticket) }
    }

    func forEachClient(_ body: (Client) -> Void) {
        for client in Array(clients.values) { body(client) }
    }

    /// No client begins anything new; each is closed when its answers have left, or after `seconds`. `done` is called
    /// when the last is gone.
    func stop(within seconds: Int64, _ done: @escaping () -> Void) {
        isStopping = true
        guard !clients.isEmpty else { return done() }
        whenEmpty = done
        forEachClient { client in
            endWaitForEvents(of: client)
            client.interruptForks("the server is being stopped")
            client.state.finish()
            settle(client)
        }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: .seconds(seconds)) { bound.value.forEachClient { $0.transport?.abort() } }
    }

    /// What becomes of a client's next request.
    enum Admission {
        case perform
        /// Read it, do not execute it, and answer BUSY: too much is kept for it.
        case busy
        /// It has to wait for what is under way; what ends that calls ``Transport/resume()``.
        case wait
    }

    func admits(_ client: Client) -> Admission {
        guard client.state.takesRequests, client.held == nil else { return .wait }
        let isTight = counters.answersWaiting.load(ordering: .relaxed) > configuration.answerLimitOverAll / 2
        let (count, bytes) =
            isTight
            ? (min(1024, configuration.maxPipeline), min(64 << 10, configuration.pipelineBytes))
            : (configuration.maxPipeline, configuration.pipelineBytes)
        guard client.pipeline.count < count, client.pipeline.needed <= bytes, hasRoomForStranger(client) else {
            return .wait
        }
        if owesTooMuch(client) { return client.pipeline.isEmpty ? .busy : .wait }
        if isFull {
            waitingForRoom.append(client)
            return .wait
        }
        return .perform
    }

    private func owesTooMuch(_ client: Client) -> Bool {
        let owed = client.owed
        guard owed <= configuration.answerLimit else { return true }
        let all = counters.answersWaiting.load(ordering: .relaxed) + owed - client.counted
        return all > configuration.answerLimitOverAll
            && owed > configuration.share(clients: counters.clients.load(ordering: .relaxed))
    }

    /// A client without a passport is owed next to nothing.
    private func hasRoomForStranger(_ client: Client) -> Bool {
        let limit = configuration.outputLimitBeforeAuth
        guard client.isStranger, client.owed > limit else { return true }
        client.transport?.flush()
        client.transport?.measure()
        return client.owed <= limit && client.state.takesRequests
    }

    /// Begins and ends a client's turn: between the two it takes requests, after them its answers are flushed.
    func turn(of client: Client, _ body: () -> Int) {
        client.rights = nil
        let performed = body()
        publishWatchedSoon()
        if performed > 0 {
            counters.commands.add(UInt64(performed), ordering: .relaxed)
            client.lastCommand = .now()
            loneClient.asked(client.number, at: client.lastCommand)
        }
        settle(client)
    }

    /// Goes on with what a client held back, hands on what is ready, and closes it when it is done.
    func settle(_ client: Client) {
        guard !client.isClosed else { return }
        goOnWithPrograms(of: client)
        while let held = client.held, !client.pipeline.mustWait(Pipeline.Kind(held.id)) {
            client.held = nil
            goOn(with: held, for: client)
        }
        handOnWaiting(client)
        if !client.output.bytes.isEmpty { client.transport?.flush() }
        goOnFollowing(client)
        count(client)
        guard client.state.settled(allAnswered: client.isAnswered) == .close else { return }
        client.transport?.close()
    }

    /// Looks whether a client can go on.
    func goOn(_ client: Client) {
        settle(client)
        client.transport?.resume()
    }

    /// Brings the sum over all connections up to date.
    func count(_ client: Client) {
        let change = client.owed - client.counted
        guard change != 0 else { return }
        client.counted += change
        counters.answersWaiting.add(change, ordering: .relaxed)
    }

    /// A client got output outside of its own turn.
    func touch(_ client: Client) {
        guard !client.isUnsettled else { return }
        client.isUnsettled = true
        unsettled.append(client)
    }

    func settleAll() {
        while !unsettled.isEmpty {
            let list = unsettled
            unsettled.removeAll(keepingCapacity: true)
            for client in list {
                client.isUnsettled = false
                goOn(client)
            }
        }
    }

    /// Whether somebody watches the commands of all clients: one load where nobody does.
    var isWatched: Bool { watching.isOn }

    // MARK: Loads

    private var isFull: Bool {
        guard let current else { return false }
        return current.count >= configuration.batchCapacity && underWay.count >= configuration.batchesInFlight
    }

    /// Appends work for the writer; its result answers `slot` of `client`, unless `then` goes on with what a query
    /// found.
    func enqueue(
        _ item: WorkItem, key: IdempotencyKey? = nil, labels: Labels = .none, for client: Client, slot: UInt64,
        then: TicketedBatch.Continuation? = nil
    ) {
        let batch = current ?? takeBatch()
        current = batch
        batch.append(item, by: actor(of: client), key: key, labels: labels, for: client, slot: slot, then: then)
        // Early, while the writer has little: it decides and syncs this much while the loop reads on.
        let isEnough = batch.count >= configuration.batchAhead && underWay.count < configuration.batchesAhead
        if isEnough || batch.count >= configuration.batchCapacity {
            submit()
        } else if !isTickScheduled {
            // NIO runs this after all sockets of this round were read: one submit for all of them.
            isTickScheduled = true
            let bound = NIOLoopBound(self, eventLoop: eventLoop)
            eventLoop.execute {
                bound.value.isTickScheduled = false
                bound.value.submit()
            }
        }
    }

    /// Not from here: the caller may be in the middle of a client's turn.
    func settleSoon() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.execute { bound.value.settleAll() }
    }

    static let tooMuch = Rejection.busy("too much is waiting for the ledger; try again")

    func takeBatch() -> TicketedBatch {
        if let batch = spare.popLast() { return batch }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return TicketedBatch(
            WorkBatch { [eventLoop] work in
                eventLoop.execute { bound.value.completed(work) }
            })
    }

    /// Lets go of what it keeps for later. It is not asked any more.
    func retire() {
        isRetired = true
        (spare, current) = ([], nil)
    }

    private func submit() {
        guard let batch = current, batch.count > 0, underWay.count < configuration.batchesInFlight else { return }
        current = nil
        underWay.append(batch)
        let isTaken = mayStay(with: batch) ? engine.submitAndStay(batch.work) : engine.submit(batch.work)
        guard !isTaken else { return }
        underWay.removeLast()
        for ticket in batch.tickets {
            let client = batch.clients[ticket.client]
            refuse(client, ticket.slot, Self.tooMuch)
            touch(client)
        }
        release(batch)
        settleSoon()
    }

    /// Whether this loop may block for a sync: nothing is under way but one command, and nobody else asks anything.
    private func mayStay(with batch: TicketedBatch) -> Bool {
        // A script is killed by way of this loop.
        if case .program = batch.work.item(0) { return false }
        return batch.count == 1 && underWay.count == 1 && aside.isEmpty
            && loneClient.isAlone(batch.clients[0].number, at: .now())
    }

    private func completed(_ work: WorkBatch) {
        let (batch, wasAside) = takeBack(work)
        var index = 0
        while index < batch.count {
            let first = index
            index = answerReceipts(batch, from: first)
            guard index == first else { continue }
            index += 1
            let (ticket, client) = batch[first]
            guard !client.isClosed else { continue }
            if let then = ticket.then, case .query(let result) = work.results[first] {
                then(self, client, ticket.slot, result)
            } else {
                answer(client, ticket.slot, work, first)
            }
        }
        for client in batch.clients { touch(client) }
        release(batch)
        if wasAside { goOnAside() } else { submit() }
        settleAll()
        guard !waitingForRoom.isEmpty, !isFull else { return }
        let waiting = waitingForRoom
        waitingForRoom.removeAll(keepingCapacity: true)
        for client in waiting { client.transport?.resume() }
    }

    func inRound(_ body: @escaping () -> Void) {
        if let rounds { rounds.add(body) } else { body() }
    }

    private func takeBack(_ work: WorkBatch) -> (TicketedBatch, wasAside: Bool) {
        if let index = underWay.firstIndex(where: { $0.work === work }) { return (underWay.remove(at: index), false) }
        guard let index = aside.firstIndex(where: { $0.work === work }) else {
            preconditionFailure("a batch came back that was not under way")
        }
        return (aside.remove(at: index), true)
    }

    func release(_ batch: TicketedBatch) {
        batch.recycle()
        if !isRetired, spare.count < configuration.batchesInFlight { spare.append(batch) }
    }
}
