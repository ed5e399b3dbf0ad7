/// How many refused admissions without a key were recorded in the current second of recorded time.
struct RefusalRate: Equatable {
    var second: Int64 = .min
    var recorded: UInt64 = 0

    func hasRoom(at now: Timestamp) -> Bool {
        Self.second(of: now) != second || recorded < StateMachine.refusedAdmissionsPerSecond
    }

    mutating func count(at time: Timestamp) {
        if Self.second(of: time) != second { (second, recorded) = (Self.second(of: time), 0) }
        recorded += 1
    }

    private static func second(of time: Timestamp) -> Int64 { time.nanoseconds / 1_000_000_000 }
}
