package import RESP
internal import Synchronization

/// Asks a server once a second what kept it of late (`LATENCY RECENT`), and carries its times into the client's time
/// line. A server that does not know the command is asked once.
package final class ServerEvents: Sendable {
    private let control: any CommandPort
    private let found = Mutex<[ServerEvent]>([])

    package init(control: any CommandPort) { self.control = control }

    /// So far; times are unix microseconds of this machine's clock. See ``LoadReport/events``.
    package var events: [ServerEvent] { found.withLock { $0 } }

    /// Asks until the task is cancelled or the server refuses.
    package func watch() async {
        guard let offset = await clockOffset() else { return }
        let began = Int64(MonotonicClock.wall() / 1000)
        var last = began + offset
        while !Task.isCancelled {
            guard let answer = try? await control.call("LATENCY", "RECENT", "1000"), answer.error == nil,
                let rows = answer.elements
            else { return }
            let events = rows.compactMap(Self.event).filter { $0.at > last }
            last = events.map(\.at).max() ?? last
            found.withLock { found in
                found += events.map { ServerEvent(at: $0.at - offset, name: $0.name, microseconds: $0.microseconds) }
            }
            try? await Task.sleep(nanoseconds: 1_000_000_000)
        }
    }

    /// A row as a map, or as a list of its three values.
    static func event(_ row: RESPValue) -> ServerEvent? {
        let values = [row["at"], row["event"], row["microseconds"]]
        let plain = row.elements ?? []
        guard let at = (values[0] ?? plain.first).flatMap(number),
            let name = (values[1] ?? (plain.count == 3 ? plain[1] : nil))?.string,
            let microseconds = (values[2] ?? plain.last).flatMap(number)
        else { return nil }
        return ServerEvent(at: at, name: name, microseconds: microseconds)
    }

    private static func number(_ value: RESPValue) -> Int64? { value.integer ?? value.string.flatMap { Int64($0) } }

    /// How many microseconds the server's clock is ahead of this one, to half a round trip.
    private func clockOffset() async -> Int64? {
        let before = Int64(MonotonicClock.wall() / 1000)
        guard let parts = try? await control.call("TIME").elements, parts.count == 2,
            let seconds = Self.number(parts[0]), let microseconds = Self.number(parts[1])
        else { return nil }
        let after = Int64(MonotonicClock.wall() / 1000)
        return seconds * 1_000_000 + microseconds - (before + after) / 2
    }

    /// Those of a run, on its time line.
    package func events(of outcome: RunOutcome) -> [ServerEvent] {
        let start = Int64(outcome.startWall / 1000)
        let end = outcome.seconds.last.map { Int64($0.end) } ?? 0
        return events.map {
            ServerEvent(at: ($0.at - start) * 1000, name: $0.name, microseconds: $0.microseconds)
        }.filter { 0...max(end, 0) ~= $0.at }
    }
}
