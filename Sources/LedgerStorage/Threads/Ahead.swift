/// What a thread of its own makes ahead of the one that uses it: the two are done when the slower of them is. A few
/// items wait, no more; then the thread does.
///
/// Unchecked Sendable: what changes is touched under `monitor` only.
final class Ahead<Item: Sendable, End: Sendable>: @unchecked Sendable {
    private let monitor: Monitor
    private let thread: NamedThread
    private let state: State

    /// Shared with the thread, which must not keep the owner alive.
    private final class State: @unchecked Sendable {
        var ready: [Item] = []
        var end: Result<End, StorageError>?
        var isWanted = true
    }

    /// `run` makes the items and gives each away; where that returns false nobody wants more, and it should return. At
    /// most `most` of them wait.
    init(
        _ name: String, most: Int,
        _ run: @escaping @Sendable (_ give: (Item) -> Bool) throws(StorageError) -> End
    ) {
        let (monitor, state) = (Monitor(), State())
        (self.monitor, self.state) = (monitor, state)
        thread = NamedThread.start(name) {
            let end = Result { () throws(StorageError) in
                try run { item in
                    monitor.withLock {
                        monitor.wait { state.ready.count < most || !state.isWanted }
                        state.ready.append(item)
                        monitor.wake()
                        return state.isWanted
                    }
                }
            }
            monitor.withLock {
                state.end = end
                monitor.wake()
            }
        }
    }

    /// Returns when the thread has ended.
    deinit {
        monitor.withLock {
            state.isWanted = false
            monitor.wake()
        }
        thread.join()
    }

    /// The next item; behind the last one how it ended. What was made before a fault comes before it.
    func next() throws(StorageError) -> Next {
        let (item, end) = monitor.withLock { () -> (Item?, Result<End, StorageError>?) in
            monitor.wait { !state.ready.isEmpty || state.end != nil }
            guard !state.ready.isEmpty else { return (nil, state.end) }
            monitor.wake()
            return (state.ready.removeFirst(), nil)
        }
        if let item { return .item(item) }
        return .end(try end!.get())
    }

    /// Waits for the end, and takes no notice of what was made until then.
    func finish() throws(StorageError) -> End {
        while true { if case .end(let end) = try next() { return end } }
    }

    enum Next {
        case item(Item)
        case end(End)
    }
}
