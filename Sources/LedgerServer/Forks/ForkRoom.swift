internal import Glibc
internal import LedgerCore
internal import LedgerEngine
internal import LedgerReplies
internal import LedgerStorage
internal import Synchronization

/// All ledgers of a server but its own, together: so many, and so much memory.
///
/// Each sets aside what it takes at first, by its number of users. A fork grows by what happens in it: what exceeds
/// ``growthAtFirst`` is set aside as it comes, and ``grow(_:to:)`` says when there is no more.
package final class ForkRoom: Sendable {
    enum Use: String {
        case fork = "a fork"
        case past = "the past"
        case redecision = "deciding anew"
    }

    /// Whose fork it is, for who wonders where the memory is.
    struct Holder {
        var name: ShortText
        /// Of the connection, as CLIENT ID answers.
        var client: UInt64
        var address: String
        /// Of the passport; empty for the owner of the directory.
        var user: ShortText
    }

    private struct Place {
        let use: Use
        let atFirst: Int
        let holder: Holder?
        let began = MonotonicTime.now
        var grown = 0

        init(_ use: Use, _ atFirst: Int, _ holder: Holder?) {
            (self.use, self.atFirst, self.holder) = (use, atFirst, holder)
        }

        /// What was set aside since it began.
        var more: Int { max(0, grown - ForkRoom.growthAtFirst) }
        var bytes: Int { atFirst + more }
    }

    private struct State {
        var next: UInt64 = 0
        var taken: [UInt64: Place] = [:]
        var bytes: Int { taken.values.reduce(0) { $0 + $1.bytes } }
    }

    private let most: Int
    private let state = Mutex(State())

    static let bytesPerUser = Fork.bytesPerUser
    /// What each takes besides, in bytes: threads, buffers, the copied end of the journal, ``growthAtFirst``.
    static let bytesPerFork = 96 << 20
    /// What may happen in a fork before more is set aside for it, in bytes.
    static let growthAtFirst = 8 << 20
    static let mostForks = 16

    /// `memory`: of all of them, in bytes (`--fork-memory`). One fork grows by half of that at most.
    package init(memory: Int) { most = memory }

    struct Full: Error, CustomStringConvertible {
        let description: String
    }

    func take(users: Int, for use: Use, by holder: Holder? = nil) throws(Full) -> UInt64 {
        let bytes = Self.bytesPerFork + users * Self.bytesPerUser
        return try state.withLock { state throws(Full) in
            let used = state.bytes
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
            state.taken[state.next] = Place(use, bytes, holder)
            return state.next
        }
    }

    /// Notes by how many bytes a fork has grown since it began; why it may not grow on, nil: it may.
    func grow(_ number: UInt64, to grown: Int) -> String? {
        state.withLock { state in
            guard state.taken[number] != nil else { return nil }
            state.taken[number]?.grown = grown
            guard let more = state.taken[number]?.more, more > 0, more > most / 2 || state.bytes > most else {
                return nil
            }
            let limit =
                more > most / 2
                ? "of the \(most >> 20) MB for all forks one may take half"
                : "the \(most >> 20) MB for all forks are taken"
            return
                "this fork has grown by \(grown >> 20) MB, and \(limit): it can be read and changes no more; FORK DROP, or "
                + "raise --fork-memory"
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

    /// The forks, the oldest first.
    var held: [ServerFigures.HeldFork] {
        let now = MonotonicTime.now
        return state.withLock { state in
            state.taken.sorted { $0.key < $1.key }.compactMap { _, place in
                guard let holder = place.holder else { return nil }
                return ServerFigures.HeldFork(
                    name: holder.name, client: holder.client, address: holder.address, user: holder.user,
                    age: Int64((now - place.began) / 1_000_000_000), bytes: place.bytes, grown: place.grown)
            }
        }
    }
}
