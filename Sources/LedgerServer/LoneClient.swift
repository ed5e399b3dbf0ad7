internal import NIOCore

/// Whether one client alone asks an event loop for anything. Nobody waits longer then when the loop waits for a sync
/// itself, and the client waits less: two threads need not wake up.
///
/// A value; who asks last is known from the turns of all clients.
struct LoneClient {
    private var client: UInt64 = 0
    private var since = NIODeadline.uptimeNanoseconds(0)

    /// For so long nobody else may have asked anything.
    static let time = TimeAmount.milliseconds(100)

    /// A client had a turn.
    mutating func asked(_ client: UInt64, at now: NIODeadline) {
        guard client != self.client else { return }
        self.client = client
        since = now
    }

    func isAlone(_ client: UInt64, at now: NIODeadline) -> Bool { client == self.client && now - since > Self.time }
}
