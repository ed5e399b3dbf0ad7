/// A log in blocks of jobs, so that it is decompressed and parsed on one core while its jobs are mapped on another.
actor LogBlocks {
    struct Block: Sendable {
        /// Those of ``SWFReader/columns``, one job after the other.
        fileprivate(set) var values: [Int64] = []
        /// Of each job.
        fileprivate(set) var lines: [Int] = []
        /// What is behind the jobs, where the log ends with a mistake.
        fileprivate(set) var failure: ImportError?
    }

    /// The file's name without its directory.
    nonisolated let name: String
    private let log: SWFReader
    private static let size = 512

    init(path: String) throws(ImportError) {
        log = try SWFReader(path: path)
        name = log.name
    }

    /// Nil at the end of the log.
    func next() -> Block? {
        var block = Block()
        block.values.reserveCapacity(Self.size * SWFReader.columns.count)
        block.lines.reserveCapacity(Self.size)
        do throws(ImportError) {
            while block.lines.count < Self.size, try log.next() {
                block.values.append(contentsOf: log.job)
                block.lines.append(log.line)
            }
        } catch {
            block.failure = error
            return block
        }
        return block.lines.isEmpty ? nil : block
    }
}
