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

    @Test func `a search visits only so many users for a page, and goes on where it ended`() {
        var ledger = TestLedger()
        _ = create(&ledger, "first", mail: "m")
        for number in 0..<StateMachine.longestSearch + 10 {
            _ = create(&ledger, ShortText("other\(number)")!, mail: ShortText("m\(number)")!)
        }
        func find(_ search: UserSearch, _ page: Page) -> ([ShortText], UInt64) {
            guard case .users(let rows, let next) = ledger.machine.read(.find(search, page), at: ledger.now) else {
                return ([], 0)
            }
            return (rows.map(\.id), next)
        }
        let (none, next) = find(UserSearch(email: nil, beginning: "fir"), Page())
        #expect(none == [] && next > 0)
        let (found, end) = find(UserSearch(email: nil, beginning: "fir"), Page(cursor: next))
        #expect(found == ["first"] && end == 0)
        // Who has the id or the address is found at once.
        for search in [
            UserSearch(email: nil, beginning: "first"), UserSearch(email: hash(ledger, "m"), beginning: nil),
            UserSearch(email: hash(ledger, "m"), beginning: "first"),
        ] { #expect(find(search, Page()).0 == ["first"]) }
        #expect(find(UserSearch(email: hash(ledger, "unknown"), beginning: nil), Page()) == ([], 0))
        #expect(
            find(UserSearch(email: nil, beginning: "other"), Page(count: 3)).0.map(\.string) == [
                "other10009", "other10008", "other10007",
            ])
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
