internal import Glibc

/// A log in the Standard Workload Format, made up from a seed: what tests and scripts bill where no real one is at
/// hand.
///
/// It has the shape of the NASA Ames iPSC/860 log (`Scripts/import/nasa.lua` maps both): three months of many short and
/// few long jobs, powers of two of processors, a few busy users and many quiet ones, system personnel in group 2, jobs
/// of no length, ids with gaps. The same seed and sizes give the same bytes on every machine: integers only.
package struct GeneratedTrace: Hashable, Sendable {
    package var seed: UInt64
    package var jobs = 18_239
    package var users = 69
    package var days = 92
    /// 2001-09-09T01:46:40Z.
    package var epoch: Int64 = 1_000_000_000

    package init(seed: UInt64) { self.seed = seed }

    package struct Row: Hashable, Sendable {
        package var id: Int
        package var submit: Int
        package var run: Int
        package var procs: Int
        package var user: Int
        package var group: Int
    }

    /// The jobs in the order of the file. Costs some microseconds each.
    package func rows() -> [Row] {
        var random = SplitMix64(state: seed)
        var rows: [Row] = []
        rows.reserveCapacity(jobs)
        var id = 0
        var submit = 0
        let gap = max(days * 86_400 / max(jobs, 1), 1)
        for _ in 0..<jobs {
            id += 1 + (random.below(10) == 0 ? random.below(30) : 0)
            // Bursts, then pauses, so that the mean gap fills the days.
            submit += random.below(4) > 0 ? random.below(gap) : random.below(5 * gap)
            // The smaller of two draws: few users run most jobs.
            let user = 1 + min(random.below(users), random.below(users))
            let length = random.below(16)
            rows.append(
                Row(
                    id: id, submit: submit,
                    run: random.below(100) == 0 ? 0 : (1 << length) - 1 + random.below(1 << length),
                    procs: 1 << min(random.below(8), random.below(9)), user: user, group: user % 7 == 5 ? 2 : 1))
        }
        return rows
    }

    /// The file.
    package func text() -> [UInt8] {
        var text = """
            ; Version: 2.2
            ; Computer: none
            ; Note: generated, seed \(seed); no real usage
            ; MaxJobs: \(jobs)
            ; UnixStartTime: \(epoch)
            ; TimeZoneString: UTC
            ;

            """
        for row in rows() {
            text += "\(row.id) \(row.submit) -1 \(row.run) \(row.procs) -1 -1 -1 -1 -1 -1 "
            text += "\(row.user) \(row.group) -1 -1 -1 -1 -1\n"
        }
        return Array(text.utf8)
    }

    package func write(to path: String) throws(ImportError) {
        guard let file = fopen(path, "w") else {
            throw ImportError(.file, "\(path): \(String(cString: strerror(errno)))")
        }
        let bytes = text()
        let written = fwrite(bytes, 1, bytes.count, file)
        guard fclose(file) == 0, written == bytes.count else {
            throw ImportError(.file, "\(path): \(String(cString: strerror(errno)))")
        }
    }

    private struct SplitMix64 {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }

        /// 0 ..< bound; the tiny bias of the modulo does no harm here.
        mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(bound, 1))) }
    }
}
