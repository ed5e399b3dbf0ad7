internal import LedgerCore
internal import LedgerRules
internal import RESP

/// What a log's map makes of its jobs, checked for what a session can be.
struct JobMapper {
    /// Of the last job that is billed. Its session always has an id.
    private(set) var job = MapVM.Job()
    private let map: MapVM
    /// Goes before a job's number where the map names no session.
    private let prefix: [UInt8]

    init(_ settings: SWFImport) throws(ImportError) {
        prefix = Array("\(settings.source):".utf8)
        do throws(RuleError) {
            map = try MapVM(name: settings.mapName, source: settings.mapSource, columns: SWFReader.columns)
        } catch {
            throw ImportError(.map, error.text)
        }
    }

    /// False when the map leaves the job out.
    mutating func read(_ values: UnsafeBufferPointer<Int64>, _ line: LogLine) throws(ImportError) -> Bool {
        do throws(RuleError) {
            guard try map.map(values, into: &job) else { return false }
        } catch {
            throw line.mistake(error.text, .map)
        }
        // Nanoseconds in 64 bits reach from 1677 to 2262.
        let limit: Int64 = 9_223_372_036
        guard job.start.magnitude < UInt64(limit), job.seconds < limit, job.start + job.seconds < limit else {
            throw line.mistake(
                "a session from \(job.start) for \(job.seconds) s lies outside the years 1678 to 2261", .map)
        }
        if job.session.isEmpty {
            job.session.append(contentsOf: prefix)
            job.session.append(decimal: values[0])
        }
        try checkLength("session", job.session, line)
        try checkLength("user", job.user, line)
        return true
    }

    private func checkLength(_ what: StaticString, _ text: [UInt8], _ line: LogLine) throws(ImportError) {
        guard text.count <= ShortText.capacity else {
            throw line.mistake(
                "the \(what) '\(String(decoding: text, as: UTF8.self))' has more than \(ShortText.capacity) bytes", .map
            )
        }
    }
}
