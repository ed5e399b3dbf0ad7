import LedgerCore
import LedgerTestKit
import Testing

@Suite struct UserTests {
    private func hash(_ ledger: borrowing TestLedger, _ text: ShortText) -> Hash128 {
        ledger.machine.names.hash(.email, text)
    }

    /// The bonus of a new free user.
    private func create(_ ledger: inout TestLedger, _ id: ShortText, mail: ShortText, person: ShortText? = nil)
        -> Money?
    {
        let (mail, person) = (hash(ledger, mail), person.map { hash(ledger, $0) } ?? .zero)
        let decided = ledger.command(
            .userCreate(UserCreate(id: id, emailHash: mail, personHash: person, email: [1], type: .free)))
        guard case .userCreated(let it) = decided.event?.body else { return nil }
        return it.bonus
    }

    private func set(_ ledger: inout TestLedger, _ user: ShortText, mail: ShortText) -> Decided {
        let hash = hash(ledger, mail)
        return ledger.command(.userSet(UserSet(user: ledger.hash(user), change: .email([2], hash: hash))))
    }

    @Test func `a person gets one bonus, however many addresses there are`() {
        var ledger = TestLedger()
        #expect(create(&ledger, "a", mail: "1", person: "p") == Money("5"))
        #expect(create(&ledger, "b", mail: "2", person: "p") == .zero)
        #expect(create(&ledger, "c", mail: "3", person: "q") == Money("5"))
        #expect(create(&ledger, "d", mail: "4") == Money("5"))
        #expect(create(&ledger, "e", mail: "5") == Money("5"))
        // The person had none yet, the address had.
        #expect(set(&ledger, "a", mail: "6").event != nil)
        #expect(create(&ledger, "f", mail: "1", person: "r") == .zero)
        #expect(create(&ledger, "g", mail: "7", person: "r") == .zero, "a person who came with a used address")
        #expect(ledger.account("a").available == Money("5") && ledger.account("b").available == .zero)
        #expect(ledger.problems() == [])
    }

    @Test func `an address that was given up is free again, and its bonus is not`() {
        var ledger = TestLedger()
        #expect(create(&ledger, "a", mail: "1") == Money("5"))
        #expect(create(&ledger, "b", mail: "2") == Money("5"))
        #expect(set(&ledger, "a", mail: "2").rejection == .exists(.email))
        #expect(set(&ledger, "a", mail: "1").event != nil, "the same again")
        #expect(create(&ledger, "x", mail: "1") == nil)
        #expect(set(&ledger, "a", mail: "3").event?.after.available == Money("5"), "a new address brings no bonus")
        #expect(create(&ledger, "c", mail: "3") == nil)
        #expect(create(&ledger, "d", mail: "1") == .zero)
        #expect(set(&ledger, "a", mail: "1").rejection == .exists(.email))
        #expect(set(&ledger, "d", mail: "4").event != nil)
        #expect(set(&ledger, "a", mail: "1").event != nil, "back to the first")
        // What somebody had by a change only counts as had, too.
        #expect(create(&ledger, "e", mail: "3") == .zero)
        #expect(set(&ledger, "nobody", mail: "9").rejection == .notFound(.user))
        #expect(ledger.problems() == [])
    }
}
