internal import ArgumentParser
internal import Glibc
internal import LedgerImport
internal import Synchronization

struct Import: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bill usage that was logged elsewhere.", subcommands: [SWF.self, Generate.self])

    struct SWF: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bill a log in the Standard Workload Format.",
            discussion: """
                Every job that MAP.lua names becomes a session with its true times. Users that do not exist are created, \
                with enough credit. It can be interrupted and repeated: nothing is billed twice.
                """)

        @Argument(help: "The log: plain text or gzip.")
        var file: String

        @Option(
            help: ArgumentHelp("Says which user, type and tier a job is: see Scripts/import.", valueName: "map.lua"))
        var map: String

        @Option(
            help: ArgumentHelp(
                "Prefix of the session ids; default: the file's name without .swf.gz.", valueName: "name"))
        var source: String?

        @OptionGroup var place: Place

        @Flag(help: "Print one JSON object and nothing else.")
        var json = false

        func validate() throws {
            guard place.connect != nil || place.data != nil else {
                throw ValidationError("say where: --connect host:port or --data dir")
            }
        }

        func run() async throws {
            let opened = try await place.open()
            let result = await bill(opened)
            await opened.close()
            let report = try result.get()
            writeText(json ? report.json + "\n" : report.table)
            for note in report.notes { writeLine("note: \(note)", to: STDERR_FILENO) }
        }

        private func bill(_ opened: OpenPort) async -> Result<ImportReport, Failure> {
            do throws(ImportError) {
                var job = try SWFImport(file: file, map: map, source: source, port: opened.port)
                let bar = isatty(STDERR_FILENO) == 1 && !json ? ProgressBar() : nil
                if let bar { job.progress = { bar.show($0) } }
                defer { bar?.finish() }
                return .success(try await job.run())
            } catch {
                return .failure(Failure(error))
            }
        }
    }
}

extension Import {
    struct Generate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a made-up log in the Standard Workload Format, to try an import with.")

        @Argument(help: "The file to write.")
        var file: String

        @Option(help: "The same seed gives the same log.")
        var seed: UInt64 = 1

        func run() throws {
            do throws(ImportError) { try GeneratedTrace(seed: seed).write(to: file) } catch { throw Failure(error) }
        }
    }
}

/// One line at the terminal that is drawn again and again, at most twenty times a second.
final class ProgressBar: Sendable {
    private let lastDrawn = Atomic<UInt64>(0)

    func show(_ progress: ImportProgress) {
        let now = clock_milliseconds()
        let isLast = progress.done == progress.total
        guard isLast || now &- lastDrawn.load(ordering: .relaxed) >= 50 else { return }
        lastDrawn.store(now, ordering: .relaxed)
        let what =
            switch progress.phase {
            case .reading: "reading"
            case .users: "users"
            case .billing: "billing"
            }
        var line = "\r\u{1B}[K" + what.padded(to: 8)
        if let total = progress.total, total > 0 {
            let width = 40
            let filled = min(width, progress.done * width / total)
            line += "[" + String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled) + "] "
            line += "\(progress.done * 100 / total) %  \(progress.done) of \(total)"
        } else {
            line += "\(progress.done)"
        }
        writeText(line, to: STDERR_FILENO)
    }

    func finish() { writeText("\r\u{1B}[K", to: STDERR_FILENO) }

    private func clock_milliseconds() -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return UInt64(now.tv_sec) * 1000 + UInt64(now.tv_nsec) / 1_000_000
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}
