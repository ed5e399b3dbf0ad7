package import Histogram

package typealias LatencyHistogram = Histogram<UInt64>

extension Histogram {
    /// Nanoseconds up to an hour, three digits that count: what every latency here is kept in.
    static var latency: Histogram<Count> {
        Histogram<Count>(
            lowestDiscernibleValue: 128, highestTrackableValue: 3_600_000_000_000,
            numberOfSignificantValueDigits: .three)
    }
}

/// What was measured of one kind of operation, or of all.
package struct Measured: Sendable {
    /// From the intended start to the last answer.
    package var response = LatencyHistogram.latency
    /// From sending to the last answer.
    package var service = LatencyHistogram.latency
    /// Answered by an error, by its code; `LOST` where the connection ended first.
    package var errors: [String: Int] = [:]

    package var completed: Int { Int(response.totalCount) }
    package var failed: Int { errors.values.reduce(0, +) }

    mutating func record(response: UInt64, service: UInt64) {
        self.response.record(min(response, 3_500_000_000_000))
        self.service.record(min(service, 3_500_000_000_000))
    }

    mutating func add(_ other: Measured) {
        response.add(other.response)
        service.add(other.service)
        errors.merge(other.errors, uniquingKeysWith: +)
    }
}

/// What the server acknowledged of one source, over all of a run: warm-up and late answers included.
package struct Acknowledged: Hashable, Sendable {
    /// Receipts that were not replays.
    package var receipts = 0
    /// Their sum, in nano-dollars.
    package var nanos: Int64 = 0
    /// Receipts that say that they were answered before.
    package var replayed = 0
    /// Receipts without an amount where one was expected.
    package var unreadable = 0
    /// Commands whose outcome nobody knows.
    package var unknown = 0
    /// What they charge at most; nil once one of them is not known before.
    package var unknownNanos: Int64? = 0

    mutating func add(_ other: Acknowledged) {
        receipts += other.receipts
        nanos &+= other.nanos
        replayed += other.replayed
        unreadable += other.unreadable
        unknown += other.unknown
        if let mine = unknownNanos, let theirs = other.unknownNanos {
            unknownNanos = mine + theirs
        } else {
            unknownNanos = nil
        }
    }
}

/// Receipts that are looked up again afterwards: every n-th, n growing so that there are never more than `limit`.
package struct ReceiptSample: Sendable {
    package static let limit = 10_000
    /// Whole replies, as they came.
    private(set) var replies: [[UInt8]] = []
    private var stride = 1
    private var count = 0

    /// Whether the next one is kept.
    mutating func isNext() -> Bool {
        defer { count += 1 }
        return count % stride == 0
    }

    mutating func append(_ reply: UnsafeRawBufferPointer, limit: Int = limit) {
        replies.append(Array(reply))
        guard replies.count >= limit else { return }
        stride *= 2
        replies = replies.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }

    mutating func add(_ other: ReceiptSample) {
        replies += other.replies
        while replies.count > Self.limit {
            replies = replies.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        }
    }
}

/// One second of a run, for the live line and the time line.
package struct Second: Sendable {
    /// Nanoseconds from the start to its end.
    package var end: UInt64
    package var nanoseconds: UInt64
    package var completed: Int
    package var errors: [String: Int]
    package var dropped: Int
    /// Arrivals that waited for a free client at its end.
    package var waiting: Int
    package var isWarmup: Bool
    /// Response times.
    package var p50: UInt64
    package var p99: UInt64
    package var maximum: UInt64

    /// Completed operations a second.
    package var rate: Double { nanoseconds == 0 ? 0 : Double(completed) * 1e9 / Double(nanoseconds) }
}

/// What one event loop counted of a second.
struct SecondPart: Sendable {
    var number: Int
    var end: UInt64
    var nanoseconds: UInt64
    var response = LatencyHistogram.latency
    var errors: [String: Int] = [:]
    var dropped = 0
    var waiting = 0
    var isWarmup = false
}

/// What one event loop brings home.
struct WorkerResult: Sendable {
    var all = Measured()
    var operations: [Measured]
    var acknowledged: [Acknowledged]
    var samples: [ReceiptSample]
    /// Arrivals within what was measured, dropped ones included.
    var arrivals = 0
    var dropped = 0
    /// Operations that were under way or waiting when draining ended.
    var unfinished = 0
    /// Operations that ended within what was measured.
    var completedInTime = 0
    var commands = 0
    var reconnects = 0
    /// By how much an arrival that found a free client was handed out late.
    var lateness = LatencyHistogram.latency
    /// Of the thread, over what was measured.
    var cpuNanoseconds: UInt64 = 0
    /// How long was measured.
    var measuredNanoseconds: UInt64 = 0

    init(operations: Int, sources: Int) {
        self.operations = Array(repeating: Measured(), count: operations)
        acknowledged = Array(repeating: Acknowledged(), count: sources)
        samples = Array(repeating: ReceiptSample(), count: sources)
    }

    mutating func add(_ other: WorkerResult) {
        all.add(other.all)
        for index in operations.indices { operations[index].add(other.operations[index]) }
        for index in acknowledged.indices {
            acknowledged[index].add(other.acknowledged[index])
            samples[index].add(other.samples[index])
        }
        arrivals += other.arrivals
        dropped += other.dropped
        unfinished += other.unfinished
        completedInTime += other.completedInTime
        commands += other.commands
        reconnects += other.reconnects
        lateness.add(other.lateness)
        cpuNanoseconds = max(cpuNanoseconds, other.cpuNanoseconds)
        measuredNanoseconds = max(measuredNanoseconds, other.measuredNanoseconds)
    }
}
