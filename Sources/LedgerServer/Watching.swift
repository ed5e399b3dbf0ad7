internal import LedgerCore
internal import NIOCore
internal import Synchronization

/// Who watches what clients send (`MONITOR`), over all event loops.
///
/// While nobody does, a command costs one load. Else each is written as a line once, by the event loop that read it;
/// the lines of a turn go to the loops of those who watch together, and are the same bytes for all.
final class Watching: Sendable {
    private struct Place: Sendable {
        let loop: any EventLoop
        let dispatcher: NIOLoopBound<Dispatcher>
        var watchers: Int
    }

    private let watchers = Atomic<Int>(0)
    private let places = Mutex<[ObjectIdentifier: Place]>([:])
    /// Bytes on their way to other loops.
    private let underWay = Atomic<Int>(0)
    private static let mostUnderWay = 8 << 20

    /// Whether anybody watches. As cheap as a look can be.
    var isOn: Bool { watchers.load(ordering: .relaxed) > 0 }

    /// One more, or one less, on the loop of a dispatcher; called there.
    func change(by change: Int, for dispatcher: Dispatcher) {
        let place = Place(
            loop: dispatcher.eventLoop, dispatcher: NIOLoopBound(dispatcher, eventLoop: dispatcher.eventLoop),
            watchers: 0)
        places.withLock { places in
            let key = ObjectIdentifier(place.loop)
            let count = (places[key]?.watchers ?? 0) + change
            places[key] = place
            places[key]!.watchers = count
            if count == 0 { places[key] = nil }
        }
        watchers.add(change, ordering: .relaxed)
    }

    /// Hands lines to all who watch. Never waits: where too much is under way, it is counted as missed.
    func publish(_ lines: WatchedLines) {
        let places = places.withLock { Array($0.values) }
        for place in places {
            var lines = lines
            if underWay.load(ordering: .relaxed) > Self.mostUnderWay {
                (lines.missed, lines.count, lines.bytes) = (lines.missed + lines.count, 0, [])
            }
            let (size, handed) = (lines.bytes.count, lines)
            underWay.add(size, ordering: .relaxed)
            place.loop.execute { [self] in
                underWay.subtract(size, ordering: .relaxed)
                place.dispatcher.value.show(handed)
            }
        }
    }
}

/// Lines for those who watch.
struct WatchedLines: Sendable {
    var bytes: [UInt8] = []
    var count: UInt64 = 0
    /// Commands that are in no line.
    var missed: UInt64 = 0
}
