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
        #expect(clock.discipline().refusal == nil)
        machine.pass(.seconds(1000))
        let gained = (clock.now() - before).nanoseconds - TimeSpan.seconds(1000).nanoseconds
        #expect(gained == 500_000_000)  // 500 ppm
        for _ in 0..<70_000 {
            machine.pass(.seconds(1))
            _ = clock.discipline()
        }
        #expect((machine.now - clock.now()).nanoseconds.magnitude < 2_000_000)
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
