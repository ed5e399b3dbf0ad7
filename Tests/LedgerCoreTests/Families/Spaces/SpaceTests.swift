import LedgerCore
import LedgerTestKit
import Testing

/// The catalogue: who sees and buys what.
@Suite struct SpaceTests {
    static func buy(
        _ ledger: inout TestLedger, _ user: ShortText, _ space: ShortText, _ instance: ShortText = "mine"
    ) -> Decided {
        ledger.command(
            .spacePurchase(
                SpacePurchase(user: ledger.hash(user), space: space, workspace: "w1", instance: instance)))
    }

    private static func shown(_ ledger: borrowing TestLedger, _ subject: Subject?) -> [ShortText]? {
        guard case .spaces(let rows, next: 0) = ledger.machine.read(.spaces(Page(), for: subject), at: ledger.now)
        else { return nil }
        return rows.map(\.space.id)
    }

    private static func shown(_ ledger: borrowing TestLedger, _ user: ShortText) -> [ShortText]? {
        shown(ledger, .user(ledger.hash(user)))
    }

    /// With `lab` of ann's, which is not public.
    private func ledger() -> TestLedger {
        var ledger = TestLedger()
        for user in ["ann", "bob", "cem"] as [ShortText] {
            ledger.user(user)
            ledger.purchase(user, "20")
        }
        ledger.command(.spaceAdd(SpaceAdd(.test("ml", "5"))))
        ledger.command(.spaceAdd(SpaceAdd(.test("lab", "2", isPublic: false), creator: ledger.hash("ann"))))
        return ledger
    }

    private func grant(_ ledger: inout TestLedger, _ user: ShortText, _ space: ShortText = "lab") -> Decided {
        ledger.command(.spaceGrant(SpaceGrant(space: space, user: ledger.hash(user))))
    }

    private func revoke(_ ledger: inout TestLedger, _ user: ShortText, _ space: ShortText = "lab") -> Decided {
        ledger.command(.spaceRevoke(SpaceRevoke(space: space, user: ledger.hash(user))))
    }

    @Test func `a space is paid once and named once`() {
        var ledger = ledger()
        #expect(Self.buy(&ledger, "ann", "ml").event?.after.available == Money("15"))
        #expect(Self.buy(&ledger, "ann", "ml").rejection == .exists(.instance))
        #expect(Self.buy(&ledger, "bob", "ml").event != nil)
        #expect(ledger.book("revenue:space_purchase") == Money("10")!.nanos)
        #expect(ledger.problems() == [])
    }

    @Test func `what is not public is there for its creator and for those to whom it is granted`() {
        var ledger = ledger()
        #expect(Self.buy(&ledger, "bob", "lab").rejection == .notFound(.space))
        #expect(Self.buy(&ledger, "ann", "lab").event != nil)
        #expect(Self.shown(ledger, "ann") == ["lab", "ml"] && Self.shown(ledger, "bob") == ["ml"])
        #expect(Self.shown(ledger, nil) == ["lab", "ml"])

        #expect(grant(&ledger, "bob").event != nil)
        #expect(Self.shown(ledger, "bob") == ["lab", "ml"] && Self.shown(ledger, "cem") == ["ml"])
        #expect(Self.buy(&ledger, "bob", "lab").event != nil)
        #expect(ledger.problems() == [])

        #expect(revoke(&ledger, "bob").event != nil)
        #expect(Self.shown(ledger, "bob") == ["ml"])
        #expect(Self.buy(&ledger, "bob", "lab", "another").rejection == .notFound(.space))
        #expect(ledger.account("bob").available == Money("18"))  // what was bought stays
        #expect(grant(&ledger, "bob").event != nil && Self.buy(&ledger, "bob", "lab", "another").event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `grants that make no sense say so`() {
        var ledger = ledger()
        #expect(grant(&ledger, "nobody").rejection == .notFound(.user))
        #expect(grant(&ledger, "bob", "none").rejection == .notFound(.space))
        #expect(grant(&ledger, "bob", "ml").rejection?.code == "ERR" && grant(&ledger, "ann").rejection?.code == "ERR")
        #expect(revoke(&ledger, "bob").rejection == .notFound(.grant))
        #expect(revoke(&ledger, "nobody").rejection == .notFound(.user))
        #expect(revoke(&ledger, "bob", "none").rejection == .notFound(.space))
        #expect(grant(&ledger, "bob").event != nil && grant(&ledger, "bob").rejection == .exists(.grant))
        for (state, code) in [(UserState.suspended, nil), (.banned, nil), (.closed, "FROZEN")] as [(_, String?)] {
            _ = revoke(&ledger, "bob")
            ledger.command(.userSet(UserSet(user: ledger.hash("bob"), change: .state(state))))
            #expect(grant(&ledger, "bob").rejection?.code == code, "\(state)")
            #expect(Self.buy(&ledger, "bob", "ml", ShortText(state.text)!).rejection == .frozen(state))
        }
        #expect(ledger.problems() == [])
    }

    @Test func `a space has the creator that was named, else the user whose passport added it`() {
        var ledger = ledger()
        ledger.command(
            .passportCreate(
                PassportCreate(
                    user: ledger.hash("cem"), id: PassportID(value: 9), digest: .zero, lastFour: 1, name: [],
                    permissions: .all, scope: .all)))
        ledger.command(.spaceAdd(SpaceAdd(.test("cems", "1", isPublic: false))), actor: PassportOrdinal(0))
        ledger.command(
            .spaceAdd(SpaceAdd(.test("bobs", "1"), creator: ledger.hash("bob"))), actor: PassportOrdinal(0))
        #expect(Self.shown(ledger, "cem") == ["bobs", "cems", "ml"] && Self.shown(ledger, "bob") == ["bobs", "ml"])
        guard case .spaces(let rows, _) = ledger.machine.read(.spaces(Page()), at: ledger.now) else {
            Issue.record("no spaces")
            return
        }
        #expect(rows.map(\.creator) == ["bob", "cem", "ann", ShortText()])
        let unknown = SpaceAdd(.test("x", "1"), creator: ledger.hash("nobody"))
        #expect(ledger.command(.spaceAdd(unknown)).rejection == .notFound(.user))
        #expect(ledger.command(.spaceAdd(SpaceAdd(.test("ml", "1")))).rejection == .exists(.space))
        ledger.command(.userSet(UserSet(user: ledger.hash("bob"), change: .state(.closed))))
        let closed = SpaceAdd(.test("x", "1"), creator: ledger.hash("bob"))
        #expect(ledger.command(.spaceAdd(closed)).rejection == .frozen(.closed))
        #expect(ledger.problems() == [])
    }

    @Test func `pages pass over what is not shown`() {
        var ledger = ledger()
        for number in 0..<20 {
            let entry = SpaceEntry.test(ShortText("s\(number)")!, "1", isPublic: number % 3 == 0)
            ledger.command(.spaceAdd(SpaceAdd(entry)))
        }
        var (found, cursor): ([ShortText], UInt64) = ([], 0)
        repeat {
            let query = Query.spaces(Page(count: 2, cursor: cursor), for: .user(ledger.hash("bob")))
            guard case .spaces(let rows, let next) = ledger.machine.read(query, at: ledger.now) else { break }
            #expect(rows.count <= 2)
            found += rows.map(\.space.id)
            cursor = next
        } while cursor != 0
        #expect(found == ["s18", "s15", "s12", "s9", "s6", "s3", "s0", "ml"])
        guard
            case .rejected(.notFound(.user)) = ledger.machine.read(
                .spaces(Page(), for: .user(ledger.hash("nobody"))), at: ledger.now)
        else {
            Issue.record("a list for nobody")
            return
        }
    }
}
