/// An instant of the recorded past: by the clock, or by an event, which is in it.
package enum Moment: Hashable, Sendable {
    case time(Timestamp)
    case event(LSN)

    /// Whether an event was recorded by then.
    package func includes(_ header: EventHeader) -> Bool {
        switch self {
        case .time(let time): header.time <= time
        case .event(let lsn): header.lsn <= lsn
        }
    }
}
