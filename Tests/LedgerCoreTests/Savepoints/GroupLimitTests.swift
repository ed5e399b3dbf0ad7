import Glibc
import LedgerTestKit
import Testing

@testable import LedgerCore

/// No group of events is larger than a batch of the journal: a command that would give one is refused and changes
/// nothing; a timer, which nobody can refuse, does it in several steps. A small limit stands for the real one.
@Suite struct GroupLimitTests {
    private static let limit = 4 << 10

    /// A user with so many sessions that ran out of credit, and nothing left.
    private func exhausted(sessions: Int = 120, hold: TimeSpan = .days(2)) -> TestLedger {
        var ledger = TestLedger()
        ledger.command(.limitSet(LimitSet(type: .pro, limit: .sessions, value: 10_000)))
        ledger.command(
            .limitSet(LimitSet(type: .pro, limit: .exhaustionGrace, value: TimeSpan.days(3).nanoseconds)))
        ledger.user("ann")
        ledger.purchase("ann", "100")
        for number in 0..<sessions { ledger.start(ShortText("s\(number)")!, "ann", .gpu, ttl: .days(20)) }
        ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("40")!, timeToLive: hold, source: "job")))
        ledger.drain("ann")
        ledger.advance(to: ledger.now + .minutes(11))
        #expect(ledger.account("ann").available <= .zero)
        return ledger
    }

    private func isRefused(_ ledger: inout TestLedger, _ command: Command) -> Bool {
        ledger.settle()
        let before = WholeState(ledger.machine)
        ledger.machine.groupLimit = Self.limit
        let count = ledger.journal.count
        let rejection = ledger.command(command).rejection
        ledger.machine.groupLimit = 900 << 10
        guard case .invalid(let text)? = rejection, text.contains("at most \(Self.limit)") else { return false }
        return WholeState(ledger.machine) == before && ledger.journal.count == count
    }

    @Test func `what renews more sessions than fit is refused, whoever brings the credit`() throws {
        var ledger = exhausted()
        let user = ledger.hash("ann")
        let placed = try #require(
            try ledger.journal.map { try $0.event() }.last { if case .holdPlaced = $0.body { true } else { false } })
        let hold = placed.id(shard: 0)
        let charge = try #require(
            try ledger.journal.map { try $0.event() }.last { if case .creditCharged = $0.body { true } else { false } })
        let lots = try #require(
            try ledger.journal.map { try $0.event() }.last {
                if case .creditPurchased = $0.body { true } else { false }
            })
        let commands: [Command] = [
            .creditPurchase(CreditPurchase(user: user, amount: Money("500")!, method: "card")),
            .creditGrant(CreditGrant(user: user, amount: Money("500")!, kind: .promo, reason: [])),
            .creditAdjust(CreditAdjust(user: user, amount: Money("500")!, reason: [])),
            .creditRefund(CreditRefund(charge: charge, lots: lots.facts.born, amount: nil, reason: [])),
            .holdVoid(HoldVoid(hold: hold)),
            .holdCapture(HoldCapture(hold: hold, amount: Money("0.01")!, final: true, over: false)),
        ]
        for command in commands {
            let isRefused = isRefused(&ledger, command)
            #expect(isRefused, "\(command.name)")
        }
        // Within the real limit they are all fine.
        for command in commands.dropLast() { #expect(ledger.command(command).event != nil, "\(command.name)") }
        #expect(ledger.machine.violations() == [])
    }

    @Test func `a stop or a cancellation that renews more sessions than fit is refused`() throws {
        // A session that holds much, and has just begun.
        var rich = TestLedger()
        rich.command(.limitSet(LimitSet(type: .pro, limit: .sessions, value: 10_000)))
        rich.command(.limitSet(LimitSet(type: .pro, limit: .exhaustionGrace, value: TimeSpan.days(3).nanoseconds)))
        rich.user("ann")
        rich.purchase("ann", "300")
        for number in 0..<120 { rich.start(ShortText("s\(number)")!, "ann", .gpu, ttl: .days(20)) }
        rich.wait(.minutes(9))
        rich.start("big", "ann", .gpu, ttl: .days(30), full: true)
        rich.drain("ann")
        rich.advance(to: rich.now + .minutes(2))
        #expect(rich.account("ann").available <= .zero)
        let name = rich.machine.names.session("big")
        for command: Command in [
            .sessionCancel(SessionCancel(session: name, reason: [])), .sessionStop(SessionStop(session: name)),
        ] {
            let isRefused = isRefused(&rich, command)
            #expect(isRefused, "\(command.name)")
        }
        #expect(rich.stop("big").event != nil)
        #expect(rich.machine.violations() == [])
    }

    @Test func `whatever renews sessions is asked before whether it may be too many`() throws {
        let core = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/") + "/Sources/LedgerCore/"
        var found = 0
        for path in Self.sources(in: core + "Families") {
            let text = try #require(Self.text(of: path))
            guard text.contains("ledger.renewExhausting(") else { continue }
            found += 1
            #expect(text.contains("mayRenewMany("), "\(path)")
        }
        #expect(found >= 7)
    }

    private static func sources(in folder: String) -> [String] {
        guard let entries = opendir(folder) else { return [] }
        defer { closedir(entries) }
        var paths: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard !name.hasPrefix(".") else { continue }
            paths += name.hasSuffix(".swift") ? [folder + "/" + name] : sources(in: folder + "/" + name)
        }
        return paths
    }

    private static func text(of path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `banning a user with more sessions than fit is refused, and so is a refund of more charges`() throws {
        var ledger = exhausted(sessions: 60)
        let ban = Command.userSet(UserSet(user: ledger.hash("ann"), change: .state(.banned)))
        var isRefused = isRefused(&ledger, ban)
        #expect(isRefused)
        // Of a session that was charged daily, every charge is given back in one group.
        var long = TestLedger()
        long.user("ann")
        long.purchase("ann", "1000")
        long.start("s", "ann", .gpu, ttl: .days(30), full: true)
        long.advance(to: long.now + .days(31))
        let events = try long.journal.map { try $0.event() }
        let origins = events.flatMap(\.facts.born)
        let charges = events.reversed().filter { $0.facts.charge != nil }.map {
            CreditRefund.Charge(lsn: $0.lsn, user: $0.user, facts: $0.facts.charge!, lots: origins)
        }
        #expect(charges.count >= 30)
        let refund = Command.creditRefund(CreditRefund(charges: charges, amount: nil, reason: []))
        long.machine.groupLimit = 2 << 10
        let before = WholeState(long.machine)
        #expect(long.command(refund).rejection != nil)
        #expect(WholeState(long.machine) == before)
        long.machine.groupLimit = 900 << 10
        #expect(long.command(refund).event != nil)
        #expect(long.account("ann").available == Money("1000"))
        isRefused = ledger.command(ban).event == nil
        #expect(!isRefused)
        #expect(ledger.machine.violations() == [] && long.problems() == [])
    }

    @Test(arguments: [true, false])
    func `a timer that has more to do than fits does it in steps, with the same result`(isLimited: Bool) throws {
        let expected = try sums(limit: 900 << 10)
        let found = try sums(limit: isLimited ? 4 << 10 : 900 << 10)
        #expect(found.books == expected.books)
        #expect(found.largest <= (isLimited ? 4 << 10 : 900 << 10))
        #expect(isLimited == (found.groups > expected.groups))
    }

    /// A lot expires that has to pay for what 60 resources accrued.
    private func sums(limit: Int) throws -> (books: [Int128], largest: Int, groups: Int) {
        var ledger = TestLedger()
        ledger.user("bob")
        ledger.grant("bob", "90", expires: ledger.now + .hours(7))
        ledger.purchase("bob", "100")
        for number in 0..<60 {
            ledger.command(
                .storageCreate(
                    StorageCreate(
                        user: ledger.hash("bob"), resource: ShortText("r\(number)")!, kind: .filestore, megabytes: 9_000
                    )))
        }
        ledger.machine.groupLimit = limit
        let before = ledger.journal.count
        ledger.advance(to: ledger.now + .hours(8))
        ledger.machine.groupLimit = 900 << 10
        #expect(ledger.problems() == [])
        guard case .books(let rows) = ledger.machine.read(.books, at: ledger.now) else { return ([], 0, 0) }
        let sizes = try groups(ledger.journal[before...])
        return (rows.map(\.balance), sizes.max() ?? 0, sizes.count)
    }

    private func groups(_ events: ArraySlice<Journaled>) throws -> [Int] {
        var sizes: [LSN: Int] = [:]
        for journaled in events { sizes[try journaled.event().group, default: 0] += journaled.bytes.count }
        return Array(sizes.values)
    }

    @Test func `a timer renews as many sessions as fit, and the others try again at their deadlines`() throws {
        var ledger = exhausted(sessions: 60, hold: .minutes(30))
        ledger.machine.groupLimit = 4 << 10
        let before = ledger.journal.count
        ledger.advance(to: ledger.now + .minutes(25))
        let waiting = (0..<60).count { ledger.session(ShortText("s\($0)")!)?.status == .exhausting }
        #expect(waiting > 10 && waiting < 55)
        let largest = try groups(ledger.journal[before...]).max()!
        #expect(largest <= 4 << 10)
        ledger.grant("ann", "0.01")
        ledger.machine.groupLimit = 900 << 10
        ledger.purchase("ann", "5000")
        ledger.machine.groupLimit = 4 << 10
        ledger.advance(to: ledger.now + .days(3))
        #expect((0..<60).allSatisfy { ledger.session(ShortText("s\($0)")!)?.status == .active })
        #expect(ledger.machine.violations() == [])
    }

    @Test func `one call fires no more than fits into a batch of the journal`() {
        var ledger = TestLedger()
        for number in 0..<40 {
            let user = ShortText("u\(number)")!
            ledger.user(user)
            ledger.grant(user, "9", expires: ledger.now + .hours(2))
            for resource in 0..<12 {
                ledger.command(
                    .storageCreate(
                        StorageCreate(
                            user: ledger.hash(user), resource: ShortText("r\(number)_\(resource)")!, kind: .filestore,
                            megabytes: 9_000)))
            }
        }
        ledger.machine.groupLimit = 64 << 10
        ledger.wait(.hours(3))
        var decision = Decision()
        var calls = 0
        while !ledger.machine.fireTimers(at: ledger.now, limit: 64, into: &decision).isDone {
            #expect(decision.batch.byteCount <= 64 << 10)
            decision.batch.removeAll()
            calls += 1
        }
        #expect(calls > 10)
    }
}
