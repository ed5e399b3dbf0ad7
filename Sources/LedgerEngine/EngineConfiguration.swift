internal import Glibc
package import LedgerCore
package import LedgerRules
package import LedgerStorage

/// How an engine is to run. Everything has a default but the place.
package struct EngineConfiguration: Sendable {
    package enum Place: Sendable {
        /// A data directory, created when there is none.
        case directory(String)
        /// Nothing survives: for the prompt without `--data`.
        case memory
    }
    package enum Rules: Sendable {
        /// The copy in the binary.
        case builtIn
        /// `--rules DIR`.
        case directory(String)
        case sources([RuleSource])
    }
    /// Whether snapshots are made, and where they are audited.
    package enum Checkpoints: Sendable {
        case never
        /// In a thread of this process.
        case inProcess
        /// In a child process: the program and its first arguments, such as `/proc/self/exe checkpoint DIR --audit`;
        /// the LSN follows, `--from` and the LSN of the last audited one, `--share` and the share of a core, which it
        /// takes until its standard input ends. The child calls ``Engine/audit(_:_:from:on:learns:rest:)``.
        case child([String])
    }

    package var place: Place
    package var disk: any Disk = PosixDisk()
    package var clock: any LedgerClock = SystemClock()
    /// A clock that clients move (CLOCK SET), in place of `clock`: for a new ledger, which is marked by it for good,
    /// and for one that was begun so.
    package var driven: ManualClock? {
        didSet { if let driven { clock = driven } }
    }
    package var version = "0.1.0"
    /// Where decided units become durable: the ledger's own journal, or a log around it.
    package var log: @Sendable (Journal) -> any CommitLog = { $0 }
    /// Who goes on where the ledger stops, from the start.
    package var followers: [any Follower] = []
    /// How long a follower is left alone after its first failure; twice as long after each further one, at most 30 s.
    package var followerPause = TimeSpan(nanoseconds: 100_000_000)
    /// Size of journal segments; at least 4 MiB, so that one always takes several batches of the largest size.
    package var segmentBytes = 64 << 20
    /// Used at the first start only; afterwards the journal counts.
    package var rules = Rules.builtIn
    /// nil: in the data directory.
    package var pepperFile: String?
    /// `FLORIN_ADMIN_PASSPORT`: the secret of the first start's admin passport; nil mints one.
    package var adminSecret: String?
    /// Called by a first start with the admin passport, before the ledger begins with it: leave it where its owner
    /// finds it. A crash in between begins again, with another one. What it throws ends the start.
    package var keepAdminSecret: @Sendable (PassportSecret) throws(EngineError) -> Void = { _ in }
    /// Batches that may wait for the writer; one more and `submit` says no.
    package var mailboxCapacity = 1024
    /// So many timers, at most, come before what others ask meanwhile.
    package var timersPerUnit = 1024
    /// Long reads that may wait for the writer.
    package var asideCapacity = 4096
    /// Reader threads, of which one answers short reads only, and how many reads may wait for them.
    package var historyThreads = 3
    package var historyCapacity = 4096
    /// Connections that may wait for an event at once (`WAIT`).
    package var waiterCapacity = 10_000
    /// Rules that wait to be examined; further ones get BUSY.
    package var ruleCapacity = 64
    /// Back-tests that wait for the one that runs; further ones get BUSY.
    package var backtestCapacity = 4
    /// How long an idempotency key is kept, and how many of them at most.
    package var keyRetention = TimeSpan.hours(24)
    package var keyCapacity: UInt64 = keyMemory / CommandHistory.bytesPerKey
    /// Default of the memory for keys, in bytes.
    package static let keyMemory: UInt64 = 1280 << 20
    /// Whether a start waits until the history that a snapshot stands for has been held against its checksums, and
    /// refuses a damaged one; else that is done behind it, and INFO tells.
    package var checksHistoryFirst = true
    /// Of another world, which begins where another ledger is: its coming to life is no start, and its history is the
    /// other one's to look after.
    var isFork = false
    package var checkpoints = Checkpoints.inProcess
    /// Of a ledger that is only looked at.
    var reading: Reading? {
        didSet { if let reading { clock = reading.clock } }
    }

    /// How a ledger is looked at: nothing is decided, no timer fires, no file is written. Its time stands.
    struct Reading: Sendable {
        /// Up to and including what was recorded by then; nil: all there is.
        var through: Moment?
        /// When it is looked at; nil: with its last event, or now where all is looked at and time is the machine's.
        var time: Timestamp?
        /// What is answered to who would change it.
        var refusal: String
        let clock = ManualClock(.distantPast)

        /// Where its time is to stand.
        func instant(last: Timestamp, isDriven: Bool) -> Timestamp {
            if let time { return max(time, last) }
            if case .time(let time) = through { return max(time, last) }
            guard through == nil, !isDriven else { return last }
            return max(last, Timestamp(nanoseconds: SystemClock.read(CLOCK_REALTIME)))
        }
    }

    /// The files are a copy, and their history somebody else's to look after.
    var isOfCopy: Bool { isFork || reading != nil }
    /// A checkpoint starts when replaying the tail would take longer than this.
    package var replayTarget = TimeSpan.seconds(2)
    /// How long after the last batch the closing batch is written; nil: only at a clean stop.
    package var closingDelay: TimeSpan? = TimeSpan(nanoseconds: 100_000_000)
    /// When nobody looked at the clock for longer than this (the process was stopped, the machine suspended), that time
    /// counts as downtime. At least two seconds: the writer looks once a second.
    package var pauseLimit = TimeSpan.seconds(5)
    /// nanoseconds of deciding above which a command goes to SLOWLOG.
    package var slowLogThreshold: UInt64 = 1_000_000
    package var slowLogCapacity = 128
    /// Called once, on a thread of its own, when the journal failed and those who wait are told that the outcome is
    /// unknown: the process is expected to let those answers leave, and to exit.
    package var onFatal: @Sendable (EngineError) -> Void = { _ in }

    package init(_ place: Place) {
        self.place = place
        if case .memory = place {
            disk = MemoryDisk()
            segmentBytes = 4 << 20
            checkpoints = .never
        }
    }

    /// Where the files are; a memory disk has one place.
    var path: String {
        switch place {
        case .directory(let path): path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        case .memory: "/memory"
        }
    }
}
