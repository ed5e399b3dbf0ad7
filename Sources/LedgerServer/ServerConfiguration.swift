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
    /// Batches of one event loop that may be under way; while they are, the next one grows.
    package var batchesInFlight = 4

    package var limits = RequestLimits.standard
    package var limitsBeforeAuth = RequestLimits.unauthenticated
    /// Answers that a client has not taken, in bytes, wherever they wait. Above the soft limit no request of it begins;
    /// above the hard limit it is disconnected, as it is when nothing below the soft limit was reached in
    /// ``softLimitSeconds``. What is under way counts towards the soft limit with what it may need.
    package var softOutputLimit = 1 << 20
    package var softLimitSeconds: Int64 = 10
    package var hardOutputLimit = 8 << 20
    package var outputLimitBeforeAuth = 4 << 10
    /// Seconds to show a passport in.
    package var authSeconds: Int64 = 5
    /// Passports shown that are none before the connection is closed.
    package var authAttempts = 10
    /// Seconds that a request may stay half sent.
    package var partialRequestSeconds: Int64 = 10
    /// Seconds that a stopping server waits for answers to reach their clients.
    package var drainSeconds: Int64 = 10

    package init() {}

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
