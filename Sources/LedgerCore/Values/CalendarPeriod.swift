/// A stretch of the UTC calendar, from midnight to midnight. Raw values are journaled.
package enum CalendarPeriod: UInt8, NamedCase, Sendable {
    case day = 0
    /// From Monday on, as ISO 8601 has it.
    case week = 1
    case month = 2

    package var text: String {
        switch self {
        case .day: "day"
        case .week: "week"
        case .month: "month"
        }
    }

    /// The first instant of the period that `t` lies in.
    package func start(at t: Timestamp) -> Timestamp {
        switch self {
        case .day: Self.midnight(Calendar.floorDay(t))
        case .week: Self.midnight(Self.monday(Calendar.floorDay(t)))
        case .month: Month(containing: t).start
        }
    }

    /// The first instant of the next one: the exclusive end of this.
    package func end(at t: Timestamp) -> Timestamp {
        switch self {
        case .day: Self.midnight(Calendar.floorDay(t) + 1)
        case .week: Self.midnight(Self.monday(Calendar.floorDay(t)) + 7)
        case .month: Month(containing: t).end
        }
    }

    /// 1970-01-01 was a Thursday.
    private static func monday(_ day: Int64) -> Int64 {
        let weekday = (day + 3) % 7
        return day - (weekday < 0 ? weekday + 7 : weekday)
    }

    /// Total: where 64 bits end, the first instant or none.
    private static func midnight(_ day: Int64) -> Timestamp {
        let (nanoseconds, overflow) = day.multipliedReportingOverflow(by: Calendar.nanosecondsPerDay)
        return overflow ? (day < 0 ? .distantPast : .never) : Timestamp(nanoseconds: nanoseconds)
    }
}
