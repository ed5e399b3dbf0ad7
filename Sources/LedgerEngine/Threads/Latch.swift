internal import LedgerStorage

/// Opens once; all that wait go on.
final class Latch: @unchecked Sendable {  // `isOpen` is touched under the monitor only
    private let monitor = Monitor()
    private var isOpen = false

    func open(if condition: Bool = true) {
        guard condition else { return }
        monitor.withLock {
            isOpen = true
            monitor.wake()
        }
    }
    /// Whether it is open, at once or within this time.
    func wait(nanoseconds: UInt64) -> Bool { monitor.withLock { monitor.wait(nanoseconds: nanoseconds) { isOpen } } }
    func wait() { monitor.withLock { _ = monitor.wait { isOpen } } }
}
