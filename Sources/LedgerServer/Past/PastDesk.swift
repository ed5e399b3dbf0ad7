internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import Logging
internal import RESP
internal import Synchronization

/// Where the whole ledger's past is asked: one moment of it is loaded at a time, and one command asked of it; the
/// others wait for their turn. It stays for who asks about the same moment, until another one is asked about, a fork
/// needs its memory, or nobody has asked for some minutes.
final class PastDesk: Sendable {
    enum Answer: Sendable {
        case value(RESPValue)
        case refused(Rejection)
        /// The journal could not be read.
        case fault(String)
    }

    /// A past with the way in.
    private struct Held {
        let past: PastLedger
        let port: EmbeddedPort
        /// Of its room.
        let number: UInt64
    }

    private struct State {
        /// Touched by who has the turn.
        var held: Held?
        var isTaken = false
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// Gives it up when nobody has asked for a while.
        var end: Task<Void, Never>?
    }

    /// Commands that may wait for their turn; a past takes seconds to load.
    static let mostWaiting = 64

    private let engine: Engine
    private let room: ForkRoom
    private let seconds: Int64
    private let version: String
    private let logger: Logger
    private let state = Mutex(State())

    init(of engine: Engine, in room: ForkRoom, seconds: Int64, _ version: String, _ logger: Logger) {
        (self.engine, self.room, self.seconds, self.version, self.logger) = (engine, room, seconds, version, logger)
    }

    /// What is loaded.
    var past: PastLedger? { state.withLock { $0.held?.past } }

    /// Asks a command of the ledger as it was at a moment.
    func ask(_ words: [[UInt8]], at moment: Moment) async -> Answer {
        guard await takeTurn() else { return .refused(.busy("too many reads of the past are waiting; try again")) }
        let answer = await answer(words, at: moment)
        leaveTurn()
        return answer
    }

    /// By who has the turn.
    private func answer(_ words: [[UInt8]], at moment: Moment) async -> Answer {
        do {
            let place = try await onThread("past-place") { [engine] in
                Result { () throws(PastFault) in try engine.place(of: moment) }
            }.get()
            let held = try await open(place)
            guard let value = try await held.port.send([words]).first else {
                return .refused(.busy("the ledger is being closed"))
            }
            return .value(value)
        } catch PastFault.refused(let rejection) {
            return .refused(rejection)
        } catch let full as ForkRoom.Full {
            return .refused(.invalid(full.description))
        } catch {
            return .fault("\(error)")
        }
    }

    /// What is loaded, if it is of that place; else loads it. By who has the turn.
    private func open(_ place: PastPlace) async throws -> Held {
        if let held = state.withLock({ $0.held }), held.past.lsn == place.lsn, !held.past.knowsTooMuch,
            held.past.stand(at: place.time)
        {
            return held
        }
        await drop()
        // As many as there are now: nobody knows how many there were before it is loaded.
        let number = try room.take(users: engine.reads.userCount, for: .past)
        do {
            let past = try await onThread("past") { [engine, logger] in
                Result { () throws(EngineError) in try engine.past(at: place, logger: logger) }
            }.get()
            let port = try await EmbeddedPort(engine: past.engine, version: version, logger: logger, room: room)
            let held = Held(past: past, port: port, number: number)
            state.withLock { $0.held = held }
            return held
        } catch {
            room.leave(number)
            throw error
        }
    }

    /// By who has the turn.
    private func drop() async {
        guard
            let held = state.withLock({ state in
                defer { state.held = nil }
                return state.held
            })
        else { return }
        await held.port.close()
        await onThread("past-drop") { held.past.close() }
        room.leave(held.number)
    }

    /// Gives up what is loaded; false: there is nothing, or somebody is asking it.
    func dropIfIdle() async -> Bool {
        let isMine = state.withLock { state in
            guard !state.isTaken, state.held != nil else { return false }
            state.isTaken = true
            return true
        }
        guard isMine else { return false }
        await drop()
        leaveTurn()
        return true
    }

    /// Ends it: who waits is told, what is under way is waited for. Idempotent.
    func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        _ = await takeTurn(toEnd: true)
        await drop()
        leaveTurn()
    }

    // MARK: Turns

    /// False: too many wait, or it is closed.
    private func takeTurn(toEnd: Bool = false) async -> Bool {
        enum Now {
            case mine, never, later
        }
        let now = state.withLock { state -> Now in
            guard toEnd || !state.isClosed && state.waiting.count < Self.mostWaiting else { return .never }
            state.end?.cancel()
            state.end = nil
            guard state.isTaken else {
                state.isTaken = true
                return .mine
            }
            return .later
        }
        switch now {
        case .mine: return true
        case .never: return false
        case .later: break
        }
        await withCheckedContinuation { continuation in
            // Whoever had the turn may have left it meanwhile.
            let isMine = state.withLock { state in
                guard state.isTaken else {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isMine { continuation.resume() }
        }
        guard toEnd || !state.withLock({ $0.isClosed }) else {
            leaveTurn()
            return false
        }
        return true
    }

    private func leaveTurn() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.isTaken = false
            if state.held != nil, !state.isClosed { state.end = endLater() }
            return nil
        }
        next?.resume()
    }

    private func endLater() -> Task<Void, Never> {
        Task { [weak self, seconds] in
            do { try await Task.sleep(for: .seconds(seconds)) } catch { return }
            _ = await self?.dropIfIdle()
        }
    }
}
