internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerStorage
internal import Logging
internal import RESP
internal import Synchronization

/// A fork that a connection holds, with the way in.
final class OpenFork: Sendable {
    let name: ShortText
    let fork: Fork
    private let port: EmbeddedPort
    private let room: ForkRoom
    private let number: UInt64
    private let isDropped = Mutex(false)

    private init(_ name: ShortText, _ fork: Fork, _ port: EmbeddedPort, _ room: ForkRoom, _ number: UInt64) {
        (self.name, self.fork, self.port, self.room, self.number) = (name, fork, port, room, number)
    }

    /// Makes one, on a thread of its own, where there is room.
    static func open(
        _ name: ShortText, of engine: Engine, users: Int, in room: ForkRoom, version: String, logger: Logger
    ) async throws -> OpenFork {
        let number = try room.take(users: users)
        do {
            let fork = try await onThread("fork") { Result { () throws in try engine.fork(logger: logger) } }.get()
            let port = try await EmbeddedPort(engine: fork.engine, version: version, logger: logger)
            return OpenFork(name, fork, port, room, number)
        } catch {
            room.leave(number)
            throw error
        }
    }

    func call(_ words: [[UInt8]]) async throws -> RESPValue {
        guard let value = try await port.send([words]).first else {
            throw EngineError(.stopped, "the fork was dropped")
        }
        return value
    }

    /// Ends it, in the background. Idempotent.
    func drop() {
        let isFirst = isDropped.withLock { isDropped in
            defer { isDropped = true }
            return !isDropped
        }
        guard isFirst else { return }
        Task { [self] in
            await port.close()
            await onThread("fork-drop") { self.fork.drop() }
            room.leave(number)
        }
    }
}

/// All forks of a server together: so many, and so much memory.
final class ForkRoom: Sendable {
    private let most: Int
    private let state = Mutex<(next: UInt64, forks: [UInt64: Int])>((0, [:]))

    /// What a user takes in a ledger, rows, indexes and views, in bytes: an estimate from above.
    static let bytesPerUser = 2 << 10
    /// What each takes besides: threads, buffers, journal.
    static let bytesPerFork = 96 << 20
    static let mostForks = 16

    init(memory: Int) { most = memory }

    struct Full: Error, CustomStringConvertible {
        let description: String
    }

    func take(users: Int) throws(Full) -> UInt64 {
        let bytes = Self.bytesPerFork + users * Self.bytesPerUser
        return try state.withLock { state throws(Full) in
            let used = state.forks.values.reduce(0, +)
            guard state.forks.count < Self.mostForks else {
                throw Full(description: "\(Self.mostForks) forks are open: drop one")
            }
            guard used + bytes <= most else {
                throw Full(
                    description:
                        "a fork of \(users) users may take \(bytes >> 20) MB, and \(max(0, most - used) >> 20) of "
                        + "\(most >> 20) MB are left: drop one, or raise --fork-memory")
            }
            state.next += 1
            state.forks[state.next] = bytes
            return state.next
        }
    }

    func leave(_ number: UInt64) { state.withLock { $0.forks[number] = nil } }

    /// How many there are, and the memory set aside for them, in bytes.
    var used: (count: Int, bytes: Int) { state.withLock { ($0.forks.count, $0.forks.values.reduce(0, +)) } }
}

/// Runs what blocks on a thread of its own.
func onThread<T: Sendable>(_ name: String, _ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        NamedThread.start(name, nice: 5) { continuation.resume(returning: body()) }.detach()
    }
}
