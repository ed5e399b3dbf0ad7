import LedgerTestKit
import Testing

@testable import LedgerCore

/// The rows are looked at by halves: what breaks in one is found, whichever it is, and both add up to the books.
@Suite struct InvariantTests {
    private func ledger() -> TestLedger {
        var ledger = TestLedger()
        for user in ["ann", "bob", "cid", "dan", "eve"] as [ShortText] {
            ledger.user(user)
            ledger.purchase(user, "10")
        }
        return ledger
    }

    @Test func `halves are all there is, and nothing twice`() {
        for count in 0...9 {
            #expect(Half.allCases.flatMap { Array($0.of(count)) } == Array(0..<UInt32(count)))
        }
    }

    @Test(arguments: 0..<5 as Range<UInt32>)
    func `an account that is not the sum of its lots is found`(user: UInt32) throws {
        var ledger = ledger()
        #expect(ledger.machine.violations() == [])
        ledger.machine.store.accounts[UserOrdinal(user)].paid += Money(nanos: 1)
        let name = ledger.machine.store.accounts[UserOrdinal(user)].id
        let found = ledger.machine.violations()
        #expect(found.count == 2 && found[0].hasPrefix("user \(name): paid lots hold 10000000000, "), "\(found)")
        #expect(found.last?.hasPrefix("users hold 50000000001 of bought credit, the books say ") == true)
    }

    @Test(arguments: 0..<5 as Range<UInt32>)
    func `a user whom the index does not know is found`(user: UInt32) {
        var ledger = ledger()
        let name = ledger.machine.store.accounts[UserOrdinal(user)].id
        ledger.machine.store.userIndex.remove(ledger.machine.names.user(name))
        #expect(ledger.machine.violations() == ["user \(name) is not found by name"])
    }

    @Test func `what is held with a passport is found in either half`() {
        for passport in 0..<UInt32(ledger().machine.store.passports.count) {
            var ledger = ledger()
            ledger.machine.store.passports[PassportOrdinal(passport)].changeExtras { $0.held += 1 }
            let found = ledger.machine.violations()
            #expect(found.count == 1 && found[0].hasSuffix(" is miscounted"), "\(found)")
        }
    }

    @Test func `a hundred sentences are enough`() {
        var ledger = TestLedger()
        for number in 0..<300 { ledger.user(ShortText("user-\(number)")!) }
        for user in 0..<300 as Range<UInt32> { ledger.machine.store.accounts[UserOrdinal(user)].lotCount += 1 }
        #expect(ledger.machine.violations().count == 100)
    }
}
