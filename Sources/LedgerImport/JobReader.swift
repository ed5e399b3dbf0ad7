internal import LedgerCore
internal import LedgerRules
internal import RESP

/// The jobs of a log that its map wants billed, one after the other.
final class JobReader {
    let log: SWFReader
    /// The present one. Its session always has an id.
    private(set) var job = MapVM.Job()
    private(set) var skipped = 0
    private let map: MapVM
    /// Goes before a job's number where the map names no session.
    private let prefix: [UInt8]

    init(_ settings: SWFImport) throws(ImportError) {
        log = try SWFReader(path: settings.file)
        prefix = Array("\(settings.source):".utf8)
        do throws(RuleError) {
            map = try MapVM(name: settings.mapName, source: settings.mapSource, columns: SWFReader.columns)
        } catch {
            throw ImportError(.map, error.text)
        }
    }

    /// Moves to the next job; false at the end of the log.
    func next() throws(ImportError) -> Bool {
        while try log.next() {
            let isBilled: Bool
            do throws(RuleError) {
                isBilled = try map.map(log.job, into: &job)
            } catch {
                throw log.mistake(error.text, kind: .map)
            }
            guard isBilled else {
                skipped += 1
                continue
            }
            // Nanoseconds in 64 bits reach from 1677 to 2262.
            let limit: Int64 = 9_223_372_036
            guard job.start.magnitude < UInt64(limit), job.seconds < limit, job.start + job.seconds < limit else {
                throw log.mistake(
                    "a session from \(job.start) for \(job.seconds) s lies outside the years 1678 to 2261", kind: .map)
            }
            if job.session.isEmpty {
                job.session.append(contentsOf: prefix)
                job.session.append(decimal: log.job[0])
            }
            try checkLength("session", job.session)
            try checkLength("user", job.user)
            return true
        }
        return false
    }

    private func checkLength(_ what: StaticString, _ text: [UInt8]) throws(ImportError) {
        guard text.count <= ShortText.capacity else {
            throw log.mistake(
                "the \(what) '\(String(decoding: text, as: UTF8.self))' has more than \(ShortText.capacity) bytes",
                kind: .map)
        }
    }
}
