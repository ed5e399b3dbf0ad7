internal import NIOCore
package import RESP

/// How the edge is to behave. Every bound that a client can run into is here.
package struct ServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0 lets the system choose; ``Server/port`` tells.
    package var port = 7411
    /// Writer and committer are hot too: two cores are left to them.
    package var eventLoops = max(1, System.coreCount - 2)
    package var maxClients = 10_000
    /// Connections that may be open without having shown a passport, at most half of all; then the oldest of them makes
    /// room for a new one.
    package var maxStrangers = 1000
    /// Commands of one client that may wait for their answers; then its socket is not read.
    package var maxPipeline = 16_384
    /// Commands one client may have answered in one turn before the others get theirs.
    package var turnBudget = 1024
    /// A turn also ends when its answers have so many bytes, or when it has taken so long.
    package var turnOutput = 64 << 10
    package var turnNanoseconds: Int64 = 1_000_000
    /// Commands in one batch for the writer; a full one waits for room, and so do the sockets of its event loop.
    package var batchCapacity = 8192
    /// A batch of so many commands is handed over before all sockets of the round were read, while fewer than
    /// ``batchesAhead`` are under way.
    package var batchAhead = 32
    package var batchesAhead = 2
    /// Batches of one event loop that may be under way; while they are, the next one grows.
    package var batchesInFlight = 4

    package var limits = RequestLimits.standard
    package var limitsBeforeAuth = RequestLimits.unauthenticated
    /// What the commands of one client that are under way may need for their answers, and those that came before their
    /// turn, in bytes; then its socket is not read until they are done.
    package var pipelineBytes = 1 << 20
    /// Bytes that a socket is given beyond what the kernel takes; further answers wait where they take less.
    package var outputAhead = 128 << 10
    /// Memory for answers that one client has not taken, and for those of all clients together, in bytes. A receipt
    /// takes 16 at most, whatever it says; what a client has queued for EXEC counts as well. Beyond it, requests are
    /// read and answered BUSY, and not executed. Where all together take too much, a client whose own take little is
    /// still served: see ``share(clients:)``.
    package var answerLimit = 128 << 20
    package var answerLimitOverAll = 512 << 20
    /// A client that takes no byte of its answers while it sends nothing is dropped after so many seconds.
    package var slowSeconds: Int64 = 10
    package var outputLimitBeforeAuth = 4 << 10
    /// Seconds to show a passport in.
    package var authSeconds: Int64 = 5
    /// Passports shown that are none before the connection is closed.
    package var authAttempts = 10
    /// Whether commands that change money are refused without a KEY, whatever the passport says.
    package var requiresKeys = false
    /// Seconds that a request may stay half sent, counted from the last complete one.
    package var partialRequestSeconds: Int64 = 10
    /// How long a script may keep everybody else waiting.
    package var scriptMilliseconds = 10
    /// Memory for all forks together, and for the past, in bytes.
    package var forkMemory = 4 << 30
    /// Seconds after which a past that nobody asks any more is given up.
    package var pastSeconds: Int64 = 300
    /// Seconds that a stopping server waits for answers to reach their clients.
    package var drainSeconds: Int64 = 10

    package init() {}

    var patience: Patience.Limits {
        Patience.Limits(
            passport: .seconds(authSeconds), request: .seconds(partialRequestSeconds), answers: .seconds(slowSeconds))
    }

    /// What answers of one client may take even if those of all clients together take too much. So all of them never
    /// take more than one and a half times the limit, and what is under way.
    func share(clients: Int) -> Int { min(64 << 10, answerLimitOverAll / 2 / max(1, clients)) }

    /// Its share of ``maxStrangers`` for one event loop.
    var strangersPerLoop: Int { max(1, min(maxStrangers, maxClients / 2) / max(1, eventLoops)) }

    /// Descriptors that are no connections: the journal, snapshots, readers, event loops, a connection that is refused.
    var descriptorReserve: Int { 64 + 8 * eventLoops }

    /// Allows no more clients than there are descriptors for; true when these were fewer than asked for.
    mutating func fit(descriptors: Int) -> Bool {
        let room = max(1, descriptors - descriptorReserve)
        guard maxClients > room else { return false }
        maxClients = room
        return true
    }
}
