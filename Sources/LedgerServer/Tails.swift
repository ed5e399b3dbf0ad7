internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerStorage
internal import Logging
internal import RESP

/// A client that follows the ledger: where it is, and what it wants. What changes is touched under the lock of its
/// ``Tails`` only.
final class Tail: @unchecked Sendable {
    enum Form: Sendable {
        /// Push messages until it is stopped.
        case pushes
        /// One answer, with what comes first.
        case answer

        /// Bytes that are handed over at once, about.
        var most: Int {
            switch self {
            case .pushes: 128 << 10
            case .answer: 1 << 20
            }
        }
    }

    let form: Form
    let version: RESPVersion
    /// Only the events of this user.
    let user: UserOrdinal?
    /// Called on the reading thread, not again before ``Tails/goOn(_:)``; must not block.
    let deliver: @Sendable (Delivery) -> Void
    /// The event that is looked at next.
    fileprivate var position: LSN
    /// How many more events it wants.
    fileprivate var left: Int
    fileprivate var isReady = true
    /// The journal was read for it, at least a turn's worth.
    fileprivate var hasLooked = false

    init(
        _ form: Form, from position: LSN, count: Int?, user: UserOrdinal?, version: RESPVersion,
        deliver: @escaping @Sendable (Delivery) -> Void
    ) {
        self.form = form
        self.position = position
        self.left = count ?? .max
        self.user = user
        self.version = version
        self.deliver = deliver
    }

    struct Delivery: Sendable {
        /// Encoded: push messages, or the maps of an answer.
        var bytes: [UInt8] = []
        var count = 0
        /// Where it goes on.
        var next: LSN
        /// It has all the events that it wanted.
        var isLast = false
        /// The journal could not be read; nothing more comes.
        var fault: String?
    }
}

/// Reads the journal for clients that follow it, each at its own pace: one thread of low priority hands each a piece,
/// and the next when the client has taken that. So a slow client costs a piece of memory and holds up nobody, and none
/// is too slow: what it has not seen is in the journal.
///
/// Before anybody follows there is no thread, and while nobody does a commit pays nothing. Where all have seen
/// everything, the thread waits for the next event, and then a moment longer: an event that is one of many is not worth
/// a wake-up.
///
/// Unchecked Sendable: what changes is touched under `lock` only.
final class Tails: @unchecked Sendable {
    private let engine: Engine
    private let encoder: ReplyEncoder
    private let logger: Logger
    private let lock = Monitor()
    private var tails: [Tail] = []
    private var isStopping = false
    /// Something has changed since the thread looked last.
    private var hasNews = false
    private var thread: NamedThread?
    /// The wait for an event that is under way.
    private var waiting: (lsn: LSN, ticket: WaitTicket?)?

    /// Events that are looked at in one go for one place, about: others wait meanwhile.
    private static let turn: UInt64 = 16_384
    /// Between two looks at the end of the journal, in nanoseconds.
    private static let pause: UInt64 = 5_000_000

    init(engine: Engine, encoder: ReplyEncoder, logger: Logger) {
        self.engine = engine
        self.encoder = encoder
        self.logger = logger
    }

    func add(_ tail: Tail) {
        lock.withLock {
            guard !isStopping else { return }
            tails.append(tail)
            change()
            if thread == nil { thread = NamedThread.start("tails", nice: 5) { [self] in run() } }
        }
    }

    /// The client has taken what was delivered.
    func goOn(_ tail: Tail) {
        lock.withLock {
            tail.isReady = true
            change()
        }
    }

    /// Whether it has been given what was there when it came, or the first of it.
    func hasLooked(for tail: Tail) -> Bool { lock.withLock { tail.hasLooked } }

    /// Ends it. Returns where it would have gone on; nil where a delivery is on its way.
    @discardableResult
    func end(_ tail: Tail) -> LSN? {
        let (next, unneeded) = lock.withLock { () -> (LSN?, WaitTicket?) in
            tails.removeAll { $0 === tail }
            defer { if tails.isEmpty { waiting = nil } }
            return (tail.isReady ? tail.position : nil, tails.isEmpty ? waiting?.ticket : nil)
        }
        if let unneeded { engine.cancel(unneeded) }
        return next
    }

    func stop() {
        let thread = lock.withLock { () -> NamedThread? in
            isStopping = true
            tails = []
            change()
            defer { self.thread = nil }
            return self.thread
        }
        thread?.join()
    }

    private func change() {
        hasNews = true
        lock.wake()
    }

    // MARK: The thread

    private func run() {
        var lastRound: UInt64 = 0
        while let ready = lock.withLock({ isStopping ? nil : tails.filter(\.isReady) }) {
            var hasMoved = false
            for (place, tails) in places(of: ready) where serve(tails, from: place) { hasMoved = true }
            lock.withLock { for tail in ready { tail.hasLooked = true } }
            if hasMoved {
                lastRound = MonotonicTime.now
            } else {
                sleep(ready, since: lastRound)
            }
        }
    }

    /// Until there may be something to hand out: an event, a client that has taken its piece, another client, the end.
    private func sleep(_ ready: [Tail], since lastRound: UInt64) {
        let next = lock.withLock { ready.map(\.position).min() }
        if let next { wait(for: next) }
        let passed = MonotonicTime.now &- lastRound
        lock.withLock {
            if passed < Self.pause { lock.wait(nanoseconds: Self.pause - passed) { isStopping } }
            // A little longer, and it looks again by itself: where no more may wait for an event, or none can come.
            let isTold = next == nil || waiting?.ticket != nil
            lock.wait(nanoseconds: isTold ? nil : 50_000_000) { isStopping || hasNews }
            hasNews = false
        }
    }

    /// Sees to it that `hasNews` is set when the event comes.
    private func wait(for lsn: LSN) {
        if let known = lock.withLock({ waiting }) {
            guard known.ticket == nil || known.lsn > lsn else { return }
            if let ticket = known.ticket { engine.cancel(ticket) }
        }
        lock.withLock { waiting = (lsn, nil) }
        let outcome = engine.wait(for: lsn) { [weak self] _ in self?.eventCame(lsn) }
        guard case .until(let ticket) = outcome else { return }
        lock.withLock { if waiting?.lsn == lsn { waiting?.ticket = ticket } }
    }

    private func eventCame(_ lsn: LSN) {
        lock.withLock {
            if waiting?.lsn == lsn { waiting = nil }
            change()
        }
    }

    /// Where tails are that want the same next.
    private struct Place: Hashable {
        var position: LSN
        var left: Int
        var form: Tail.Form
        var version: RESPVersion
        var user: UserOrdinal?
    }

    private func places(of ready: [Tail]) -> [Place: [Tail]] {
        lock.withLock {
            Dictionary(grouping: ready) {
                Place(
                    position: $0.position, left: $0.left, form: $0.form, version: $0.version, user: $0.user)
            }
        }
    }

    /// Reads on for those who are at one place until a piece is full, or there is no more: read and encoded once for
    /// all of them. Whether they have gone on.
    private func serve(_ group: [Tail], from place: Place) -> Bool {
        var (position, left, count) = (place.position, place.left, 0)
        var writer = RESPWriter(version: place.version)
        do {
            while left > 0, writer.bytes.count < place.form.most, position.value - place.position.value < Self.turn,
                let events = try engine.tail(from: position)
            {
                try write(events, at: place, &position, &left, &count, to: &writer)
            }
        } catch {
            logger.error("the journal cannot be read for a TAIL", metadata: ["fault": "\(error)"])
            hand(group, Tail.Delivery(next: position, fault: "\(error)"), left)
            return true
        }
        guard position > place.position else { return false }
        hand(group, Tail.Delivery(bytes: writer.bytes, count: count, next: position, isLast: left == 0), left)
        return true
    }

    /// Notes where they are now, and delivers what there is to those who still follow.
    private func hand(_ group: [Tail], _ delivery: Tail.Delivery, _ left: Int) {
        let isNews = delivery.count > 0 || delivery.fault != nil
        let wanted = lock.withLock { () -> [Tail] in
            for tail in group { (tail.position, tail.left) = (delivery.next, left) }
            guard isNews else { return [] }
            let wanted = group.filter { tail in tails.contains { $0 === tail } }
            for tail in wanted { tail.isReady = false }
            return wanted
        }
        for tail in wanted { tail.deliver(delivery) }
    }

    private func write(
        _ events: EventSlice, at place: Place, _ position: inout LSN, _ left: inout Int, _ count: inout Int,
        to writer: inout RESPWriter
    ) throws(StateError) {
        try events.visit { (journaled) throws(StateError) in
            position = journaled.lsn.next
            if let user = place.user, EventHeader.user(of: journaled.bytes) != user { return true }
            let event = try Event(decoding: journaled.bytes, lsn: journaled.lsn, time: journaled.time)
            if place.form == .pushes {
                writer.push(2)
                writer.bulk("tail")
            }
            encoder.event(event, user: event.user == .none ? ShortText() : engine.reads.userID(event.user), to: &writer)
            (count, left) = (count + 1, left - 1)
            return left > 0 && writer.bytes.count < place.form.most
        }
    }
}
