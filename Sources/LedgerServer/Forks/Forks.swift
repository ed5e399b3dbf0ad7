internal import Glibc
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

    /// Makes one, on a thread of its own, where there is room. A past that nobody is asking gives up its own for it.
    static func open(
        _ name: ShortText, of engine: Engine, in room: ForkRoom, insteadOf past: PastDesk, scriptMilliseconds: Int,
        version: String, logger: Logger
    ) async throws -> OpenFork {
        let users = engine.reads.userCount
        let number: UInt64
        do { number = try room.take(users: users, for: .fork) } catch {
            guard await past.dropIfIdle() else { throw error }
            number = try room.take(users: users, for: .fork)
        }
        do {
            let fork = try await onThread("fork") { Result { () throws in try engine.fork(logger: logger) } }.get()
            let port = try await EmbeddedPort(
                engine: fork.engine, version: version, logger: logger, room: room,
                scriptMilliseconds: scriptMilliseconds)
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

/// All ledgers of a server but its own, together: so many, and so much memory.
package final class ForkRoom: Sendable {
    enum Use: String {
        case fork = "a fork"
        case past = "the past"
        case redecision = "deciding anew"
    }

    private let most: Int
    private let state = Mutex<(next: UInt64, taken: [UInt64: (use: Use, bytes: Int)])>((0, [:]))

    /// What a user takes in a ledger, rows, indexes and views, in bytes: an estimate from above.
    static let bytesPerUser = 2 << 10
    /// What each takes besides: threads, buffers, journal.
    static let bytesPerFork = 96 << 20
    static let mostForks = 16

    package init(memory: Int) { most = memory }

    struct Full: Error, CustomStringConvertible {
        let description: String
    }

    func take(users: Int, for use: Use) throws(Full) -> UInt64 {
        let bytes = Self.bytesPerFork + users * Self.bytesPerUser
        return try state.withLock { state throws(Full) in
            let used = state.taken.values.reduce(0) { $0 + $1.bytes }
            let forks = state.taken.values.count { $0.use == .fork }
            guard use != .fork || forks < Self.mostForks else {
                throw Full(description: "\(Self.mostForks) forks are open: drop one")
            }
            guard used + bytes <= most else {
                let first = forks == 0 ? "" : "drop \(use == .fork ? "one" : "a fork"), or "
                throw Full(
                    description:
                        "\(use.rawValue) of \(users) users may take \(bytes >> 20) MB, and \(max(0, most - used) >> 20) of "
                        + "\(most >> 20) MB are left: \(first)raise --fork-memory")
            }
            state.next += 1
            state.taken[state.next] = (use, bytes)
            return state.next
        }
    }

    func leave(_ number: UInt64) {
        state.withLock { $0.taken[number] = nil }
        // A moment later, when the last of it is freed: the allocator keeps a large ledger's memory for the thread that
        // asked for it, and the next fork has other threads.
        NamedThread.start("trim", nice: 10) {
            sleep(1)
            returnFreeMemory()
        }.detach()
    }

    /// How many there are, and the memory set aside for them, in bytes.
    func used(for use: Use) -> (count: Int, bytes: Int) {
        state.withLock { state in
            let taken = state.taken.values.filter { $0.use == use }
            return (taken.count, taken.reduce(0) { $0 + $1.bytes })
        }
    }
}

/// Runs what blocks on a thread of its own.
func onThread<T: Sendable>(_ name: String, _ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
        NamedThread.start(name, nice: 5) { continuation.resume(returning: body()) }.detach()
    }
}
