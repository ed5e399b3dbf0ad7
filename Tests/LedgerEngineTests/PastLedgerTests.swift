import LedgerCore
import LedgerStorage
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

/// The whole ledger as it was.
@Suite(.timeLimit(.minutes(10))) struct PastLedgerTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func read(_ engine: Engine, _ query: Query) throws -> String {
        guard case .query(let result) = work(engine, .query(query)) else { throw Unexpected("no answer") }
        return "\(result)"
    }

    /// Everything that the tables say.
    private func everything(_ engine: Engine) throws -> [String] {
        let (ann, bob) = (engine.names.user("ann"), engine.names.user("bob"))
        let page = Page(count: 1000)
        let queries: [Query] = [
            .user(ann), .user(bob), .runway(user: ann), .users(page), .lots(user: ann, page), .holds(user: ann, page),
            .sessions(user: nil, status: nil, page), .resources(user: ann, page), .limits(nil), .rules,
            .priceBooks(for: nil), .books, .balance(user: ann, for: "api"), .passports(user: ann, page),
            .instances(user: ann, workspace: nil, page), .allowances(nil, page), .meters,
        ]
        return try queries.map { try read(engine, $0) }
    }

    private func past(_ t: TestEngine, _ moment: Moment) throws -> PastLedger {
        try t.engine.past(at: try t.engine.place(of: moment), logger: Self.logger)
    }

    private func act(_ t: TestEngine, _ step: Int, _ random: inout SeededGenerator) {
        let ann = t.hash("ann")
        switch Int.random(in: 0..<10, using: &random) {
        case 0: t.run(t.purchase("ann", "10.00"))
        case 1, 2: t.run(t.charge("ann", "0.37"))
        case 3:
            t.run(.holdPlace(HoldPlace(user: ann, amount: Money("1")!, timeToLive: .minutes(20), source: "batch")))
        case 4:
            t.run(
                .creditGrant(
                    CreditGrant(
                        user: ann, amount: Money("3")!, kind: .promo, expires: t.clock.now() + .hours(2),
                        reason: .clear(Array("test".utf8)))))
        case 5:
            t.run(
                .storageCreate(
                    StorageCreate(user: ann, resource: ShortText("r\(step)")!, kind: .bucket, megabytes: 5_000)))
        case 6: t.run(.sessionStart(SessionStart(user: ann, session: ShortText("s\(step)")!, tier: .small)))
        case 7: t.run(t.createUser("u\(step)"))
        case 8: t.run(.userSet(UserSet(user: ann, change: .name(.clear(Array("Ann \(step)".utf8))))))
        default:
            guard case .sessions(let rows, _) = t.read(.sessions(user: ann, status: nil, Page())),
                let row = rows.randomElement(using: &random)
            else { return }
            t.run(.sessionStop(SessionStop(session: t.engine.names.session(row.session))))
        }
    }

    @Test(arguments: 1...3) func `at every moment it says what the ledger said then`(seed: Int) throws {
        let t = try TestEngine { $0.checkpoints = .inProcess }
        defer { t.stop() }
        var random = SeededGenerator(seed: UInt64(seed))
        try t.accept(t.createUser("ann", .enterprise))
        try t.accept(t.createUser("bob"))
        try t.accept(t.purchase("ann", "50.00"))
        var then: [(time: Timestamp, lsn: LSN, said: [String])] = []
        for step in 0..<60 {
            act(t, step, &random)
            // Leases are renewed, holds and lots expire.
            t.clock.advance(by: .seconds(Int64.random(in: 1...1500, using: &random)))
            let said = try everything(t.engine)
            let last = t.engine.durableLSN
            then.append((max(t.clock.now(), try t.event(last).time), last, said))
            // What comes next is recorded later.
            t.clock.advance(by: .seconds(1))
            if step == 25 {
                let done = Latch()
                t.engine.snapshot { _ in done.open() }
                done.wait()
            }
        }
        for it in then.shuffled(using: &random).prefix(8) {
            let past = try past(t, .time(it.time))
            defer { past.close() }
            #expect(past.lsn == it.lsn && past.time == it.time && past.engine.durableLSN == it.lsn)
            for (found, expected) in zip(try everything(past.engine), it.said) { #expect(found == expected) }
        }
    }

    @Test func `nothing that was due later happens in it, however late it is looked at, and nothing can be changed`()
        throws
    {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "10.00"))
        try t.accept(
            .sessionStart(SessionStart(user: t.hash("ann"), session: "s", tier: .small, timeToLive: .hours(1))))
        let started = t.engine.durableLSN
        t.clock.advance(by: .hours(3))
        guard case .closedSession = t.read(.session(t.engine.names.session("s"))) else {
            throw Unexpected("the session goes on")
        }
        let past = try past(t, .event(started))
        defer { past.close() }
        #expect(past.time == (try t.event(started)).time)
        for hours: Int64 in [0, 2, 5] {
            #expect(past.stand(at: past.time + .hours(hours)))
            guard case .query(.session(let row)) = work(past.engine, .query(.session(t.engine.names.session("s"))))
            else { throw Unexpected("no session") }
            #expect(row.status == .active && past.engine.durableLSN == started)
        }
        #expect(!past.stand(at: past.time + TimeSpan(nanoseconds: -1)))
        guard case .outcome(.rejected(.readOnly(let why))) = work(past.engine, .command(t.charge("ann", "1"))) else {
            throw Unexpected("something was changed")
        }
        #expect(why == "this is the ledger as of LSN \(started.value): what was recorded cannot be changed")
        guard case .outcome(.rejected(.readOnly)) = work(past.engine, .command(.clockAccept(ClockAccept()))) else {
            throw Unexpected("its clock was moved")
        }
        #expect(past.engine.readOnly == why && past.engine.durableLSN == started)
        #expect(throws: EngineError.self) { try past.engine.fork(logger: Self.logger) }
        // A past of the past.
        let older = try past.engine.past(
            at: try past.engine.place(of: .event(LSN(started.value - 1))), logger: Self.logger)
        #expect(older.lsn.value == started.value - 1)
        guard case .query(.rejected) = work(older.engine, .query(.session(t.engine.names.session("s")))) else {
            throw Unexpected("a session before it was started")
        }
        older.close()
    }

    @Test func `a moment is found by its time, and none before the ledger or to come`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        for _ in 0..<40 {
            t.clock.advance(by: .seconds(7))
            try t.accept(t.purchase("ann", "10.00"))
        }
        for lsn in 1...t.engine.durableLSN.value {
            let time = try t.event(LSN(lsn)).time
            #expect(try t.engine.place(of: .time(time)) == PastPlace(lsn: LSN(lsn), time: time))
            #expect(try t.engine.place(of: .event(LSN(lsn))) == PastPlace(lsn: LSN(lsn), time: time))
            guard lsn > 1 else { continue }
            let before = Timestamp(nanoseconds: time.nanoseconds - 1)
            #expect(try t.engine.place(of: .time(before)) == PastPlace(lsn: LSN(lsn - 1), time: before))
        }
        func refusal(_ moment: Moment) -> String? {
            do throws(PastFault) {
                _ = try t.engine.place(of: moment)
                return nil
            } catch {
                guard case .refused(let rejection) = error else { return nil }
                return rejection.text
            }
        }
        let last = t.engine.durableLSN.value
        #expect(refusal(.event(LSN(last + 1))) == "there is no event \(last + 1) yet: the last is \(last)")
        #expect(refusal(.time(t.clock.now() + .seconds(1)))?.contains("is still to come") == true)
        let first = try t.event(LSN(1)).time
        #expect(
            refusal(.time(Timestamp(nanoseconds: first.nanoseconds - 1)))
                == "nothing was recorded by then: the ledger began later")
    }

    @Test func `an account of then keeps its texts, and loses them with the user`() throws {
        let t = try TestEngine()
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        let created = t.engine.durableLSN
        try t.accept(.userSet(UserSet(user: t.hash("ann"), change: .name(.clear(Array("Anna".utf8))))))
        func name() throws -> String? {
            let past = try past(t, .event(created))
            defer { past.close() }
            guard case .query(.user(let row)) = work(past.engine, .query(.user(t.hash("ann")))) else { return nil }
            return past.engine.clearText(row.name, of: UserOrdinal(1)).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try name() == "Name of ann")
        try t.accept(.userDelete(UserDelete(user: t.hash("ann"), forfeit: true)))
        #expect(try name() == nil)
    }

    // MARK: Beside another process

    private func look(_ disk: any Disk, _ moment: Moment? = nil) throws(EngineError) -> Engine {
        try Look("/ledger", through: moment, refusal: "it is a copy", version: "test", on: disk)
            .open(logger: Self.logger)
    }

    @Test func `a directory that is open is looked at beside it, and a fork begins there`() throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "10.00"))
        let (before, seen) = (try everything(t.engine)[4], t.engine.durableLSN)
        let copy = try look(disk)
        defer { copy.stop() }
        #expect(copy.durableLSN == seen && copy.readOnly == "it is a copy")
        #expect(try read(copy, .lots(user: t.hash("ann"), Page(count: 1000))) == before)
        guard case .outcome(.rejected(.readOnly("it is a copy"))) = work(copy, .command(t.charge("ann", "1"))) else {
            throw Unexpected("a copy was changed")
        }
        let fork = try copy.fork(logger: Self.logger)
        guard case .outcome(.accepted) = work(fork.engine, .command(t.charge("ann", "1"))) else {
            throw Unexpected("a fork of a copy takes nothing")
        }
        fork.drop()
        // The ledger goes on, and the copy stays behind.
        try t.accept(t.charge("ann", "1"))
        #expect(copy.durableLSN == seen && t.engine.durableLSN == seen.next)
        let later = try look(disk)
        #expect(later.durableLSN == seen.next)
        later.stop()
        let earlier = try look(disk, .event(LSN(seen.value - 1)))
        #expect(earlier.durableLSN.value == seen.value - 1)
        earlier.stop()
    }

    @Test func `what cannot be looked at is said`() throws {
        let disk = MemoryDisk()
        func refusal(_ moment: Moment?) -> String? {
            do throws(EngineError) {
                try look(disk, moment).stop()
                return nil
            } catch {
                return error.description
            }
        }
        #expect(refusal(nil)?.contains("there is no ledger here") == true)
        let t = try TestEngine(disk: disk)
        let last = t.engine.durableLSN.value
        t.stop()
        #expect(refusal(.event(LSN(99999))) == "there is no event 99999 yet: the last is \(last)")
        #expect(refusal(.time(Timestamp("1990-01-01")!))?.contains("the ledger began later") == true)
        #expect(refusal(.time(Timestamp("2199-01-01")!))?.contains("is still to come") == true)
        #expect(refusal(nil) == nil)
    }

    @Test func `beside a writer that seals and recycles, every look is a whole ledger`() async throws {
        let disk = MemoryDisk()
        let t = try TestEngine(disk: disk)
        defer { t.stop() }
        try t.accept(t.createUser("ann"))
        try t.accept(t.purchase("ann", "10000.00"))
        let text = PersonalText.clear(Array(String(repeating: "long ", count: 150).utf8))
        let isEnough = Box(false)
        let ended = Latch()
        let writer = NamedThread.start("busy") {
            while !isEnough.get() {
                let charge = CreditCharge(
                    user: t.hash("ann"), amount: Money("0.001")!, source: "api", description: text)
                _ = t.decided(Array(repeating: Command.creditCharge(charge).item(t.adminOrdinal), count: 200))
            }
            ended.open()
        }
        var last = LSN.none
        // Until there was something to recycle, however busy the machine is.
        func isSealed() throws -> Bool { try disk.list("/ledger/journal").contains { $0.hasSuffix(".sealed") } }
        var looks = 0
        while try looks < 8 || !isSealed() {
            looks += 1
            let known = t.engine.durableLSN
            let copy = try look(disk)
            #expect(copy.durableLSN >= known && copy.durableLSN >= last)
            last = copy.durableLSN
            guard case .query(.user(let row)) = work(copy, .query(.user(t.hash("ann")))) else {
                throw Unexpected("no user")
            }
            #expect(row.lastEvent == last)
            copy.stop()
        }
        isEnough.set(true)
        ended.wait()
        writer.join()
    }
}
