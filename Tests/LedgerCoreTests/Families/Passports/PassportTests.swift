import LedgerCore
import LedgerTestKit
import Testing

@Suite struct PassportTests {
    private struct Maker {
        var number: UInt64 = 0

        /// Issues one, as `actor`.
        mutating func issue(
            _ ledger: inout TestLedger, _ permissions: Permissions, _ scope: Scope = .all, keys: Bool = false,
            by actor: PassportOrdinal = .none
        ) -> Decided {
            number += 1
            return ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash("ann"), id: PassportID(value: number), digest: .zero, lastFour: 0, name: [1],
                        permissions: permissions, scope: scope, requiresKeys: keys)), actor: actor)
        }

        mutating func rotate(_ ledger: inout TestLedger, _ old: UInt64, by actor: PassportOrdinal) -> Decided {
            number += 1
            return ledger.command(
                .passportRotate(
                    PassportRotate(
                        old: PassportID(value: old), id: PassportID(value: number), digest: .zero, lastFour: 0,
                        overlap: .zero)), actor: actor)
        }
    }

    @Test func `an admin of before monitor issues it all the same, and nothing else that it does not hold`() {
        var ledger = TestLedger()
        ledger.user("ann")
        var maker = Maker()
        let old: Permissions = [.read, .write, .admin]
        #expect(maker.issue(&ledger, old).event != nil)
        let admin = PassportOrdinal(0)
        #expect(maker.issue(&ledger, [.monitor], .own, by: admin).event != nil)
        #expect(maker.issue(&ledger, [.monitor, .read], by: admin).event != nil)
        #expect(maker.rotate(&ledger, 2, by: admin).event != nil)
        #expect(maker.issue(&ledger, [.monitor, .billing], by: admin).rejection?.code == "NOPERM")
        // One that sees its own user only sees less than monitor does; and so does who is no admin.
        #expect(maker.issue(&ledger, [.admin], .own).event != nil)
        let narrow = PassportOrdinal(UInt32(ledger.machine.passportCount - 1))
        #expect(maker.issue(&ledger, [.monitor], .own, by: narrow).rejection?.code == "NOPERM")
        #expect(maker.issue(&ledger, [.read, .write]).event != nil)
        let writer = PassportOrdinal(UInt32(ledger.machine.passportCount - 1))
        #expect(maker.issue(&ledger, [.monitor], .own, by: writer).rejection?.code == "NOPERM")
        #expect(ledger.problems() == [])
    }

    @Test func `what must carry keys issues nothing that need not, and its successor must, too`() {
        var ledger = TestLedger()
        ledger.user("ann")
        var maker = Maker()
        #expect(maker.issue(&ledger, .all).event != nil)
        #expect(maker.issue(&ledger, .all, keys: true, by: PassportOrdinal(0)).event != nil)
        let bound = PassportOrdinal(1)
        #expect(
            maker.issue(&ledger, [.read], by: bound).rejection?.text
                == "a passport with KEYS required cannot issue one without")
        #expect(maker.issue(&ledger, [.read], keys: true, by: bound).event != nil)
        guard case .passportCreated(let it) = maker.rotate(&ledger, 2, by: bound).event?.body else {
            Issue.record("not rotated")
            return
        }
        #expect(it.requiresKeys)
        guard
            case .passports(let rows, _) = ledger.machine.read(
                .passports(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return }
        #expect(rows.map(\.requiresKeys) == [true, true, true, false])
        #expect(ledger.problems() == [])
    }
}
