internal import Synchronization

/// Where a run can be ended from another thread: the one that is under way, and none behind it.
///
/// A state remembers that it was killed until its run is over; killed a moment later, it would end the next one.
package final class KillSwitch: Sendable {
    private let running = Mutex<ScriptVM?>(nil)

    package init() {}

    /// Runs `body`, a run of this state, within reach of ``kill()``. One at a time.
    package func run<R>(_ vm: ScriptVM, _ body: () -> R) -> R {
        running.withLock { $0 = vm }
        // Who killed it has done so by now, or finds nothing.
        defer {
            running.withLock {
                $0 = nil
                vm.rest()
            }
        }
        return body()
    }

    /// Ends the run that is under way. False: there is none. Any thread.
    @discardableResult package func kill() -> Bool {
        running.withLock { vm in
            vm?.kill()
            return vm != nil
        }
    }
}
