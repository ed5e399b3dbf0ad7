import LedgerCore
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct SystemClockTests {
    private final class Machine: Sendable {
        let boot = Box<Int64>(1_000_000_000)
        let wall = Box<Int64>(1_800_000_000_000_000_000)
        func pass(_ span: TimeSpan) {
            boot.update { $0 += span.nanoseconds }
            wall.update { $0 += span.nanoseconds }
        }
        func set(wall change: TimeSpan) { wall.update { $0 += change.nanoseconds } }
        var clock: SystemClock { SystemClock(boot: { self.boot.get() }, wall: { self.wall.get() }) }
        var now: Timestamp { Timestamp(nanoseconds: wall.get()) }
    }

    @Test func `it follows boot time, and the wall only slowly`() {
        let machine = Machine()
        let clock = machine.clock
        clock.start(after: nil)
        machine.pass(.hours(1))
        #expect(clock.now() == machine.now)
        machine.set(wall: .seconds(30))
        let before = clock.now()
        for _ in 0..<1000 {
            #expect(clock.discipline().refusal == nil)
            machine.pass(.seconds(1))
        }
        let gained = (clock.now() - before).nanoseconds - TimeSpan.seconds(1000).nanoseconds
        #expect(gained == 500_000_000)  // 500 ppm
        for _ in 0..<70_000 {
            machine.pass(.seconds(1))
            _ = clock.discipline()
        }
        #expect((machine.now - clock.now()).nanoseconds.magnitude < 2_000_000)
    }

    /// How far the ledger's clock is from the wall, in nanoseconds.
    private func deviation(_ clock: SystemClock, _ machine: Machine) -> UInt64 {
        (machine.now - clock.now()).nanoseconds.magnitude
    }

    @Test(arguments: [TimeSpan.seconds(30), .seconds(-30), TimeSpan(nanoseconds: 20_000_000), .minutes(59)])
    func `a sleep in the middle of a correction leaves it as near to the wall as before`(step: TimeSpan) {
        let machine = Machine()
        let clock = machine.clock
        clock.start(after: nil)
        machine.set(wall: step)
        // Many sleeps, long and short, each with some seconds of being awake in front of it.
        for sleep in [TimeSpan.hours(8), .seconds(3), .days(400), .minutes(10), .hours(8), .hours(8)] {
            for _ in 0..<5 {
                _ = clock.discipline()
                machine.pass(.seconds(1))
            }
            let before = (off: deviation(clock, machine), time: clock.now())
            machine.pass(sleep)
            #expect(deviation(clock, machine) <= before.off)
            // A second of the correction at most may be new.
            #expect(before.off - deviation(clock, machine) <= 500_000)
            #expect(clock.now() > before.time)
            #expect(clock.discipline().refusal == nil)
            #expect(deviation(clock, machine) <= before.off)
        }
    }

    @Test func `a correction goes on after a sleep and never overshoots`() {
        let machine = Machine()
        let clock = machine.clock
        clock.start(after: nil)
        machine.set(wall: TimeSpan(nanoseconds: -5_000_000))
        var last = deviation(clock, machine)
        for round in 0..<200 {
            _ = clock.discipline()
            machine.pass(round % 10 == 9 ? .hours(1) : .seconds(1))
            #expect(deviation(clock, machine) <= last)
            last = deviation(clock, machine)
        }
        #expect(last < 1000)
    }

    @Test func `uptime counts a sleep and no setting of the wall`() {
        let machine = Machine()
        let clock = machine.clock
        clock.start(after: nil)
        let before = clock.look()
        machine.set(wall: .hours(5))
        #expect(clock.look() == before)
        machine.pass(.hours(2))
        #expect(clock.look().uptime - before.uptime == TimeSpan.hours(2).nanoseconds)
        #expect(clock.look().time - before.time == .hours(2))
    }

    @Test func `time never goes back`() {
        let machine = Machine()
        let clock = machine.clock
        clock.start(after: nil)
        var last = clock.now()
        for step in 0..<2000 {
            machine.pass(TimeSpan(nanoseconds: 1_000_000))
            if step % 100 == 0 { machine.set(wall: .seconds(step % 200 == 0 ? 20 : -40)) }
            if step % 7 == 0 { _ = clock.discipline() }
            #expect(clock.now() >= last)
            last = clock.now()
        }
    }

    @Test func `a minute off is a warning, an hour is read-only until it is accepted`() {
        let machine = Machine()
        let clock = machine.clock
        clock.start(after: nil)
        machine.set(wall: .seconds(90))
        #expect(clock.discipline().warning != nil)
        #expect(clock.discipline().refusal == nil)
        machine.set(wall: .hours(2))
        #expect(clock.discipline().refusal != nil)
        clock.accept()
        #expect(clock.now() == machine.now)
        #expect(clock.discipline().refusal == nil)
        machine.set(wall: .hours(-3))
        #expect(clock.discipline().refusal != nil)
        let before = clock.now()
        clock.accept()
        #expect(clock.now() == before)  // backward is only a promise
        #expect(clock.discipline().refusal == nil)
        machine.set(wall: .hours(-2))
        #expect(clock.discipline().refusal != nil)
    }

    @Test func `at a start the journal knows the time as well`() {
        let last = Timestamp("2026-05-05T05:05:05Z")!
        func started(wall: Timestamp) -> (SystemClock, Machine) {
            let machine = Machine()
            machine.wall.set(wall.nanoseconds)
            let clock = machine.clock
            clock.start(after: last)
            return (clock, machine)
        }
        #expect(started(wall: last + .days(3)).0.now() == last + .days(3))
        #expect(started(wall: last + .days(3)).0.discipline().refusal == nil)
        let slightly = started(wall: last - .seconds(1)).0
        #expect(slightly.now() > last)
        #expect(slightly.discipline().refusal == nil)
        let behind = started(wall: last - .seconds(3)).0
        #expect(behind.discipline().refusal != nil)
        #expect(behind.now() > last)
        behind.accept()
        #expect(behind.discipline().refusal == nil)
        #expect(behind.now() > last)
        let (ahead, machine) = started(wall: last + .days(400))
        #expect(ahead.discipline().refusal != nil)
        #expect(ahead.now() < last + .seconds(1))
        ahead.accept()
        #expect(ahead.now() == machine.now)
        #expect(ahead.discipline().refusal == nil)
    }
}
