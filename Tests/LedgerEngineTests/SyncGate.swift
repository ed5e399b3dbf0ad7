import Glibc
import LedgerStorage
import LedgerTestKit

@testable import LedgerEngine

private final class GatedFile: ForwardingFile {
    let base: any DiskFile
    private let gate: SyncGate
    init(_ base: any DiskFile, _ gate: SyncGate) {
        self.base = base
        self.gate = gate
    }
    func sync() throws(StorageError) {
        gate.pass()
        try base.sync()
    }
}

/// Syncs wait while it is closed: what happens before durability, held still to be looked at.
final class SyncGate: @unchecked Sendable {  // everything is touched under the monitor
    private let monitor = Monitor()
    private var isOpen = true
    private var waiting = 0
    private var delay: UInt32 = 0

    /// A memory disk whose journal syncs pass here.
    func disk() -> ForwardingDisk {
        ForwardingDisk(MemoryDisk()) { $0.path.hasSuffix(".segment") ? GatedFile($0, self) : $0 }
    }

    /// Every sync takes so long.
    func setDelay(microseconds: UInt32) { monitor.withLock { delay = microseconds } }

    func pass() {
        let delay = monitor.withLock { self.delay }
        if delay > 0 { usleep(delay) }
        monitor.withLock {
            waiting += 1
            monitor.wake()
            _ = monitor.wait { isOpen }
            waiting -= 1
        }
    }
    func close() { monitor.withLock { isOpen = false } }
    func open() {
        monitor.withLock {
            isOpen = true
            monitor.wake()
        }
    }
    /// Returns when a sync stands before the closed gate.
    func waitForSync() { monitor.withLock { _ = monitor.wait { waiting > 0 } } }
}
