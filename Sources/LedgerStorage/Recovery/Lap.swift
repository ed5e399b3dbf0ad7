internal import Glibc

/// How long something took on this thread: for estimates, never for what is recorded.
package struct Lap: Sendable, Equatable {
    /// Seconds that passed, and seconds of them in which this thread was running.
    package var wall = 0.0
    package var cpu = 0.0

    package init(wall: Double = 0, cpu: Double = 0) {
        self.wall = wall
        self.cpu = cpu
    }

    package static func + (a: Lap, b: Lap) -> Lap { Lap(wall: a.wall + b.wall, cpu: a.cpu + b.cpu) }
    package static func - (a: Lap, b: Lap) -> Lap { Lap(wall: a.wall - b.wall, cpu: a.cpu - b.cpu) }

    /// The time as it is; the difference of two is a lap.
    package static var now: Lap {
        func seconds(_ clock: clockid_t) -> Double {
            var time = timespec()
            clock_gettime(clock, &time)
            return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
        }
        return Lap(wall: seconds(CLOCK_MONOTONIC), cpu: seconds(CLOCK_THREAD_CPUTIME_ID))
    }
}

/// What a start or a fold took, part by part.
package struct ReplayTimes: Sendable, Equatable {
    /// Loading the snapshot.
    package var snapshot = Lap()
    /// Reading the journal from there.
    package var journal = Lap()
    /// Checking the history that the snapshot stands for.
    package var history = Lap()

    package init(snapshot: Lap = Lap(), journal: Lap = Lap(), history: Lap = Lap()) {
        self.snapshot = snapshot
        self.journal = journal
        self.history = history
    }

    package var total: Lap { snapshot + journal + history }
}
