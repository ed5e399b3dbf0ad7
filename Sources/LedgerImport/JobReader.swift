internal import LedgerCore
internal import LedgerRules

/// One session to bill.
struct Job: Sendable {
    var session: String
    var user: String
    var type: UserType
    var tier: Tier
    var start: Timestamp
    var seconds: Int64
    var line: Int
}

/// The jobs of a log that its map wants billed, one after the other.
final class JobReader {
    let log: SWFReader
    private(set) var skipped = 0
    private let map: MapVM
    private let source: String

    init(_ settings: SWFImport) throws(ImportError) {
        log = try SWFReader(path: settings.file)
        source = settings.source
        do throws(RuleError) {
            map = try MapVM(name: settings.mapName, source: settings.mapSource, columns: SWFReader.columns)
        } catch {
            throw ImportError(.map, error.text)
        }
    }

    func next() throws(ImportError) -> Job? {
        while try log.next() {
            let mapped: MapVM.Job?
            do throws(RuleError) {
                mapped = try map.map(log.job)
            } catch {
                throw log.mistake(error.text, kind: .map)
            }
            guard let mapped else {
                skipped += 1
                continue
            }
            // Nanoseconds in 64 bits reach from 1677 to 2262.
            let limit: Int64 = 9_223_372_036
            guard abs(mapped.start) < limit, mapped.seconds < limit, mapped.start + mapped.seconds < limit else {
                throw log.mistake(
                    "a session from \(mapped.start) for \(mapped.seconds) s lies outside the years 1678 to 2261",
                    kind: .map)
            }
            let session = mapped.session ?? "\(source):\(log.job[0])"
            for (what, text) in [("session", session), ("user", mapped.user)] where text.utf8.count > ShortText.capacity
            {
                throw log.mistake("the \(what) '\(text)' has more than \(ShortText.capacity) bytes", kind: .map)
            }
            return Job(
                session: session, user: mapped.user, type: mapped.type, tier: mapped.tier,
                start: Timestamp(seconds: mapped.start), seconds: mapped.seconds, line: log.line)
        }
        return nil
    }
}
