package import RESP
internal import Synchronization

/// Asks a server once a second what kept it of late (`LATENCY RECENT`), and carries its times into the client's time
/// line. A server that does not know the command is asked once.
package final class ServerEvents: Sendable {
    /// How far a server is heard.
    private struct Place {
        /// Microseconds that its clock is ahead of this one.
        var offset: Int64
        /// Unix microseconds by its clock: what came until then is known.
        var last: Int64
    }

    private struct State {
        /// Nil where it has not answered yet, or refuses.
        var place: Place?
        var found: [ServerEvent] = []
    }

    private let control: any CommandPort
    private let state = Mutex(State())

    package init(control: any CommandPort) { self.control = control }

    /// So far; times are unix microseconds of this machine's clock. See ``LoadReport/events``.
    package var events: [ServerEvent] { state.withLock { $0.found } }

    /// Watches for as long as `body` runs, and looks once more behind it, so that the last second's events are there,
    /// too. That look waits for a server for two seconds at most, and its failure is none of the body.
    package func during<Value: Sendable>(
        _ body: () async throws(LoadError) -> Value
    ) async throws(LoadError) -> Value {
        let watching = Task { await watch() }
        defer { watching.cancel() }
        let result = try await body()
        await lookOnceMore(within: 2_000_000_000)
        return result
    }

    /// Asks until the task is cancelled or the server refuses.
    func watch() async {
        guard let offset = await clockOffset() else { return }
        let began = Int64(MonotonicClock.wall() / 1000)
        state.withLock { $0.place = Place(offset: offset, last: began + offset) }
        while !Task.isCancelled, await look() { try? await Task.sleep(nanoseconds: 1_000_000_000) }
    }

    /// False where the server refuses; one that does not answer may do so again.
    private func look() async -> Bool {
        guard let answer = try? await control.call("LATENCY", "RECENT", "1000") else { return true }
        guard answer.error == nil, let rows = answer.elements else {
            state.withLock { $0.place = nil }
            return false
        }
        let events = rows.compactMap(Self.event)
        // Two looks may overlap: what the other one has found is no news.
        state.withLock { state in
            guard let place = state.place else { return }
            let news = events.filter { $0.at > place.last }
            state.place?.last = news.map(\.at).max() ?? place.last
            state.found += news.map {
                ServerEvent(at: $0.at - place.offset, name: $0.name, microseconds: $0.microseconds)
            }
        }
        return true
    }

    /// Returns after so many nanoseconds whatever becomes of the question: a connection to a server that is gone may
    /// take its time, and does not end because nobody waits for it.
    func lookOnceMore(within nanoseconds: UInt64) async {
        guard state.withLock({ $0.place != nil }) else { return }
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let looking = Task {
            _ = await look()
            end.finish()
        }
        let waiting = Task {
            try? await Task.sleep(nanoseconds: nanoseconds)
            end.finish()
        }
        for await _ in ends {}
        looking.cancel()
        waiting.cancel()
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
