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
    func wait() { monitor.withLock { _ = monitor.wait { isOpen } } }
}
