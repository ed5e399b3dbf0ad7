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
    /// Commands of one client that may wait for their answers; then its socket is not read.
    package var maxPipeline = 16_384
    /// Commands one client may have answered in one turn before the others get theirs.
    package var turnBudget = 1024
    /// Commands in one batch for the writer; a full one waits for room, and so do the sockets of its event loop.
    package var batchCapacity = 8192
    /// Batches of one event loop that may be under way; while they are, the next one grows.
    package var batchesInFlight = 4

    package var limits = RequestLimits.standard
    package var limitsBeforeAuth = RequestLimits.unauthenticated
    /// Answers that a client does not take, in bytes: above the soft limit for ``softLimitSeconds``, or above the hard
    /// limit at all, and it is disconnected.
    package var softOutputLimit = 1 << 20
    package var softLimitSeconds: Int64 = 10
    package var hardOutputLimit = 8 << 20
    package var outputLimitBeforeAuth = 4 << 10
    /// Seconds to show a passport in.
    package var authSeconds: Int64 = 5
    /// Seconds that a request may stay half sent.
    package var partialRequestSeconds: Int64 = 10
    /// Seconds that a stopping server waits for answers to reach their clients.
    package var drainSeconds: Int64 = 10

    package init() {}
}
