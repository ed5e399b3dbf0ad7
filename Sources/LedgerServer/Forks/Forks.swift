internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerStorage
internal import Logging
internal import RESP
internal import Synchronization

/// A fork that a connection holds, with the way in. Before and behind everything that is done in it stands a look at
/// what it has grown by: see ``ForkRoom``.
final class OpenFork: Sendable {
    /// It was left before it was done.
    struct Unfinished: Error, CustomStringConvertible {
        let description: String
    }

    private struct State {
        /// Nothing more is computed in it, for this reason.
        var end: String?
        /// What is under way in it is being given up.
        var leaving: Task<Void, Never>?
        var isDropped = false
    }

    let name: ShortText
    let fork: Fork
    private let port: EmbeddedPort
    private let room: ForkRoom
    private let number: UInt64
    private let state = Mutex(State())

    private init(_ name: ShortText, _ fork: Fork, _ port: EmbeddedPort, _ room: ForkRoom, _ number: UInt64) {
        (self.name, self.fork, self.port, self.room, self.number) = (name, fork, port, room, number)
    }

    /// Makes one, on a thread of its own, where there is room. A past that nobody is asking gives up its own for it.
    static func open(
        for holder: ForkRoom.Holder, of engine: Engine, in room: ForkRoom, insteadOf past: PastDesk,
        scriptMilliseconds: Int, version: String, logger: Logger
    ) async throws -> OpenFork {
        let users = engine.reads.userCount
        let number: UInt64
        do { number = try room.take(users: users, for: .fork, by: holder) } catch {
            guard await past.dropIfIdle() else { throw error }
            number = try room.take(users: users, for: .fork, by: holder)
        }
        do {
            let fork = try await onThread("fork") { Result { () throws in try engine.fork(logger: logger) } }.get()
            let port = try await EmbeddedPort(
                engine: fork.engine, version: version, logger: logger, room: room,
                scriptMilliseconds: scriptMilliseconds)
            return OpenFork(holder.name, fork, port, room, number)
        } catch {
            room.leave(number)
            throw error
        }
    }

    func call(_ words: [[UInt8]]) async throws -> RESPValue {
        look()
        defer { look() }
        do {
            guard let value = try await port.send([words]).first else {
                preconditionFailure("a command was not answered, and did not fail")
            }
            return value
        } catch {
            throw Unfinished(description: state.withLock { $0.end } ?? "\(error)")
        }
    }

    /// Moves its time on; throws ``Unfinished`` where it stops before. Not for an event loop.
    func advance(by span: TimeSpan) throws {
        look()
        defer { look() }
        guard let reason = try fork.advance(to: fork.now + span, unless: { whyNot }) else { return }
        throw Unfinished(description: "fork \(name) is at \(fork.now) and went no further: \(reason)")
    }

    /// Ends what is under way in it, and lets nothing more happen. Any thread, and back at once.
    func interrupt(_ reason: String) {
        state.withLock { state in
            state.end = state.end ?? reason
            fork.holdStill(state.end)
            if state.leaving == nil { state.leaving = Task { [port] in await port.leave() } }
        }
    }

    /// Why nothing more may happen in it.
    private var whyNot: String? { state.withLock { $0.end } ?? room.grow(number, to: fork.grown) }

    /// Lets it change something, or no more, as there is memory for it.
    private func look() {
        let grown = room.grow(number, to: fork.grown)
        state.withLock { fork.holdStill($0.end ?? grown) }
    }

    /// Ends it, in the background. Idempotent.
    func drop() {
        let isFirst = state.withLock { state in
            defer { state.isDropped = true }
            return !state.isDropped
        }
        guard isFirst else { return }
        interrupt("the fork was dropped")
        Task { [self] in
            await state.withLock { $0.leaving }?.value
            await onThread("fork-drop") { self.fork.drop() }
            await port.close()
            room.leave(number)
        }
    }
}

/// A fork in the hands of its connection.
struct HeldFork {
    let open: OpenFork
    /// The connection's transaction in it, if there is one; true: a command could not be queued.
    var isAborted: Bool?
}

/// Runs what blocks on a thread of its own.
func onThread<T: Sendable>(_ name: String, _ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        NamedThread.start(name, nice: 5) { continuation.resume(returning: body()) }.detach()
    }
}
