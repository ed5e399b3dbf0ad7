internal import LedgerClient
internal import LedgerLoad
internal import RESP
internal import Synchronization

/// The connection aside from the load. It outlives a restart of the server: what was not sent is sent again on a new
/// connection, for ten seconds; what was sent and not answered is an error.
final class LoadControl: CommandPort {
    private let target: LoadTarget
    private let present: Mutex<RemoteLedger>

    init(_ target: LoadTarget, _ ledger: RemoteLedger) {
        self.target = target
        present = Mutex(ledger)
    }

    static func open(_ target: LoadTarget) async throws(ClientError) -> RemoteLedger {
        try await RemoteLedger.connect(host: target.host, port: target.port, passport: target.passport)
    }

    func send(_ commands: [[[UInt8]]]) async throws -> [RESPValue] {
        let ledger = now
        do {
            return try await ledger.send(commands)
        } catch {
            guard case .notConnected = error else { throw error }
        }
        let next = try await reopen()
        present.withLock { $0 = next }
        return try await next.send(commands)
    }

    private var now: RemoteLedger { present.withLock { $0 } }

    private func reopen() async throws -> RemoteLedger {
        for _ in 0..<50 where !Task.isCancelled {
            if let ledger = try? await Self.open(target) { return ledger }
            try await Task.sleep(nanoseconds: 200_000_000)
        }
        return try await Self.open(target)
    }

    func close() async {
        let ledger = now
        await ledger.close()
    }
}
