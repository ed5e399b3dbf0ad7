import LedgerCore
import LedgerStorage
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct DrivenClockTests {
    private static let begins = Timestamp("2026-03-01T00:00:00Z")!

    private func driven(_ disk: any Disk = MemoryDisk(), from time: Timestamp = begins) throws -> TestEngine {
        try TestEngine(disk: disk) { $0.driven = ManualClock(time) }
    }

    private func set(_ t: TestEngine, _ time: Timestamp, downFrom: Timestamp? = nil) -> Asked {
        Asked(item: .clockSet(time, downFrom: downFrom), actor: t.adminOrdinal)
    }

    private func isSet(_ result: WorkResult) -> Bool {
        if case .barrier = result { true } else { false }
    }

    private func rejection(_ result: WorkResult) -> String? {
        guard case .outcome(.rejected(let rejection)) = result else { return nil }
        return rejection.text
    }

    private func time(_ t: TestEngine, _ result: WorkResult) throws -> Timestamp {
        guard case .outcome(.accepted(let event)) = result else { throw Unexpected("\(result)") }
        return try t.event(event.lsn).time
    }

    @Test func `what is asked in one breath has the time that was set before it`() throws {
        let t = try driven()
        defer { t.stop() }
        let (one, two) = (Self.begins + .hours(1), Self.begins + .hours(2))
        let results = t.work([
            t.createUser("ada").item(t.adminOrdinal), t.purchase("ada", "10.00").item(t.adminOrdinal),
            set(t, one), t.charge("ada", "1.00").item(t.adminOrdinal), t.charge("ada", "1.00").item(t.adminOrdinal),
            set(t, two), t.charge("ada", "1.00").item(t.adminOrdinal),
        ])
        #expect(isSet(results[2]) && isSet(results[5]))
        let times = try [1, 3, 4, 6].map { try time(t, results[$0]) }
        #expect(times[0] < one && times[1] == one && times[2] == one + TimeSpan(nanoseconds: 1) && times[3] == two)
    }

    @Test func `as many times as are set, whatever the disk is busy with`() throws {
        let t = try driven()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let times = (1...400).map { Self.begins + .seconds($0) }
        let asked = times.flatMap { [set(t, $0), t.charge("ada", "0.01").item(t.adminOrdinal)] }
        let results = t.work(asked)
        for (number, expected) in times.enumerated() {
            #expect(try time(t, results[2 * number + 1]) == expected)
        }
    }

    @Test func `what is due by then comes first, at its own instant`() throws {
        let t = try driven()
        defer { t.stop() }
        try t.accept(t.createUser("ada"))
        try t.accept(t.purchase("ada", "10.00"))
        let held = try t.accept(
            .holdPlace(HoldPlace(user: t.hash("ada"), amount: Money("9.00")!, timeToLive: .hours(2), source: "api")))
        let results = t.work([
            t.charge("ada", "5.00").item(t.adminOrdinal), set(t, Self.begins + .hours(3)),
            t.charge("ada", "5.00").item(t.adminOrdinal),
        ])
        #expect(rejection(results[0]) != nil)
        _ = try time(t, results[2])
        var released: [Timestamp] = []
        for number in held.lsn.value...t.engine.durableLSN.value {
            let event = try t.event(LSN(number))
            if case .holdReleased = event.body { released.append(event.header.asOf) }
        }
        #expect(released == [held.time + .hours(2)])
    }

    @Test func `time only rises, and stands while nobody drives it`() throws {
        let t = try driven()
        defer { t.stop() }
        #expect(isSet(t.work([set(t, Self.begins + .days(1))])[0]))
        #expect(rejection(t.work([set(t, Self.begins)])[0])?.contains("only rises") == true)
        let first = try t.accept(t.createUser("ada")).time
        let second = try t.accept(t.createUser("bob")).time
        #expect(first >= Self.begins + .days(1) && second - first < .seconds(1))
        guard case .clock(let report) = t.work([.clock])[0] else { throw Unexpected("no report") }
        #expect(report.mode == .driven)
    }

    @Test func `while it was down, nobody could be heard`() throws {
        let t = try driven()
        defer { t.stop() }
        for user in ["ada", "bob"] {
            try t.accept(t.createUser(user))
            try t.accept(t.purchase(user, "10.00"))
        }
        func start(_ session: ShortText, _ user: String) throws {
            try t.accept(
                .sessionStart(
                    SessionStart(
                        user: t.hash(user), session: session, tier: .small, timeToLive: .hours(8),
                        heartbeat: .minutes(20))))
        }
        try start("heard", "ada")
        let away = Self.begins + .minutes(5)
        #expect(isSet(t.work([set(t, away + .minutes(30), downFrom: away)])[0]))
        guard case .session = t.read(.session(t.engine.names.session("heard"))) else { throw Unexpected("lost") }
        try start("lost", "bob")
        #expect(isSet(t.work([set(t, away + .hours(2))])[0]))
        guard case .closedSession = t.read(.session(t.engine.names.session("lost"))) else { throw Unexpected("there") }
    }

    @Test func `it is marked for good, through a snapshot and a restart`() throws {
        let disk = MemoryDisk()
        let last: Timestamp
        do {
            let t = try driven(disk)
            try t.accept(t.createUser("ada"))
            #expect(isSet(t.work([set(t, Self.begins + .days(3))])[0]))
            last = try t.accept(t.purchase("ada", "10.00")).time
            t.stop()
        }
        #expect(throws: EngineError.self) { try TestEngine(disk: disk, at: last + .days(1)) }
        let t = try driven(disk)
        defer { t.stop() }
        let again = try t.accept(t.charge("ada", "1.00")).time
        #expect(again > last && again - last < .seconds(1))
    }

    @Test func `the machine's clock is not to be set, nor an old ledger driven`() throws {
        let disk = MemoryDisk()
        do {
            let t = try TestEngine(disk: disk)
            #expect(rejection(t.work([set(t, TestEngine.noon + .days(1))])[0])?.contains("--clock driven") == true)
            t.stop()
        }
        #expect(throws: EngineError.self) { try driven(disk) }
    }
}
