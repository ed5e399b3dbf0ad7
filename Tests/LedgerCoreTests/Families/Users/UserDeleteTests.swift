import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct UserDeleteTests {
    private func delete(_ ledger: inout TestLedger, _ user: ShortText, forfeit: Bool = false) -> Decided {
        ledger.command(.userDelete(UserDelete(user: ledger.hash(user), forfeit: forfeit)))
    }

    private func state(_ ledger: borrowing TestLedger, _ user: ShortText) -> UserRow? {
        guard case .user(let row) = ledger.machine.read(.user(ledger.hash(user)), at: ledger.now) else { return nil }
        return row
    }

    @Test func `a user with nothing open is deleted, and its credit goes to breakage`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.purchase("ann", "20")
        ledger.command(
            .creditGrant(
                CreditGrant(
                    user: ledger.hash("ann"), amount: Money("3")!, kind: .promo, effective: ledger.now + .hours(5),
                    expires: ledger.now + .days(9), reason: [1])))
        ledger.charge("ann", "6")
        let before = ledger.account("ann")
        #expect(before.paid == Money("19") && before.promo == Money("3"))
        let event = try #require(delete(&ledger, "ann", forfeit: true).event)
        guard case .userDeleted(let deleted) = event.body else { return }
        #expect(deleted.bought == Money("19") && deleted.other == Money("3"))
        #expect(event.facts.expired == Money("22") && event.after == AccountImage())
        #expect(ledger.book("breakage") == 22_000_000_000)
        let row = state(ledger, "ann")!
        #expect(row.state == .deleted && row.email.isEmpty && row.name.isEmpty)
        #expect(ledger.problems() == [])
        // Nothing of it comes up again: no expiry, no lot that becomes effective.
        let count = ledger.journal.count
        ledger.pass(.days(400), step: .days(1))
        #expect(ledger.journal.count == count)
        #expect(ledger.problems() == [])
    }

    @Test func `what stands in the way is listed, all of it, and nothing is changed`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .pro)
        ledger.purchase("ann", "20")
        ledger.start("s1", "ann")
        ledger.start("s2", "ann")
        ledger.command(
            .holdPlace(HoldPlace(user: ledger.hash("ann"), amount: Money("1")!, timeToLive: .days(3), source: "job")))
        ledger.command(
            .storageCreate(StorageCreate(user: ledger.hash("ann"), resource: "r", kind: .bucket, megabytes: 1_000)))
        func why(_ forfeit: Bool = false) -> String? {
            let frames = ledger.frames()
            guard case .invalid(let text) = delete(&ledger, "ann", forfeit: forfeit).rejection else { return nil }
            #expect(ledger.frames() == frames)
            return text
        }
        let bought = ledger.account("ann").paid
        #expect(
            why()
                == "the user still has 2 open sessions, 1 hold, 1 resource of storage, \(bought) of bought credit (FORFEIT gives it up)"
        )
        #expect(why(true) == "the user still has 2 open sessions, 1 hold, 1 resource of storage")
        ledger.charge("ann", "30", over: true)
        let debt = ledger.account("ann").debt
        #expect(why() == "the user still has 2 open sessions, 1 hold, 1 resource of storage, a debt of \(debt)")
        ledger.stop("s1")
        ledger.stop("s2")
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.banned))))
        ledger.command(.storageDelete(StorageDelete(resource: ledger.machine.names.resource("r"))))
        #expect(why()?.hasPrefix("the user still has 1 hold, a debt of") == true)
        ledger.pass(.days(4), step: .days(1))
        #expect(why()?.hasPrefix("the user still has a debt of") == true)
        ledger.command(.creditAdjust(CreditAdjust(user: ledger.hash("ann"), amount: Money("50")!, reason: [])))
        // What the hold gave back had been bought.
        let left = ledger.account("ann").paid
        #expect(left > .zero && why() == "the user still has \(left) of bought credit (FORFEIT gives it up)")
        #expect(delete(&ledger, "ann", forfeit: true).event != nil)
        #expect(ledger.problems() == [])
    }

    @Test(arguments: [UserState.active, .suspended, .banned, .closed])
    func `a user is deleted in every state, once`(before: UserState) throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(before))))
        #expect(delete(&ledger, "ann").event != nil)
        let frames = ledger.frames()
        #expect(delete(&ledger, "ann").rejection == .closed(.user))
        #expect(delete(&ledger, "ann", forfeit: true).rejection == .closed(.user))
        #expect(delete(&ledger, "nobody").rejection == .notFound(.user))
        #expect(ledger.frames() == frames)
        #expect(Rejection.closed(.user).text == "this user was deleted before")
    }

    @Test func `a key gives the receipt again, and remembers that there was nothing to delete`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        let key = IdempotencyKey(scope: Hash128(high: 1, low: 2), arguments: Hash128(high: 3, low: 4))
        let command = Command.userDelete(UserDelete(user: ledger.hash("ann"), forfeit: false))
        let event = try #require(ledger.command(command, key: key).event)
        guard case .replayed(event.lsn) = ledger.command(command, key: key) else {
            Issue.record("not replayed")
            return
        }
        let other = IdempotencyKey(scope: Hash128(high: 1, low: 3), arguments: Hash128(high: 3, low: 4))
        #expect(ledger.command(command, key: other).rejection == .closed(.user))
        guard case .replayed(let refused) = ledger.command(command, key: other) else { return }
        #expect(refused > event.lsn)
        #expect(ledger.problems() == [])
    }

    @Test func `the address is free again, its bonus and the person's are not; the id is taken for ever`() throws {
        var ledger = TestLedger()
        let (mail, person) = (Hash128(high: 1, low: 1), Hash128(high: 2, low: 2))
        func create(_ id: ShortText, _ mail: Hash128, _ person: Hash128 = .zero) -> Decided {
            ledger.command(
                .userCreate(UserCreate(id: id, emailHash: mail, personHash: person, email: [1], type: .free)))
        }
        #expect(create("ann", mail, person).event != nil)
        #expect(create("bob", mail).rejection == .exists(.email))
        #expect(delete(&ledger, "ann").event != nil)
        #expect(create("ann", Hash128(high: 9, low: 9)).rejection == .exists(.user))
        #expect(create("bob", mail).event?.facts.movement == nil && state(ledger, "bob")?.account.promo == .zero)
        #expect(create("cem", Hash128(high: 5, low: 5), person).event?.facts.movement == nil)
        // Whom an address belongs to now is found by it, and nobody else.
        guard
            case .users(let found, _) = ledger.machine.read(
                .find(UserSearch(email: mail, beginning: nil), Page()), at: ledger.now)
        else { return }
        #expect(found.map(\.id) == ["bob"])
        #expect(delete(&ledger, "bob").event != nil)
        #expect(ledger.problems() == [])
    }

    @Test func `passports of a deleted user are revoked and nameless, and decide nothing`() throws {
        var ledger = TestLedger()
        for user in ["root", "ann"] as [ShortText] { ledger.user(user, user == "root" ? .admin : .pro) }
        for (id, user) in [(1, "root"), (2, "ann"), (3, "ann")] as [(UInt64, ShortText)] {
            ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash(user), id: PassportID(value: id), digest: .zero, lastFour: 0, name: [1, 2],
                        permissions: .all, scope: .all)))
        }
        let charge = CreditCharge(user: ledger.hash("root"), amount: Money("1")!, source: "api", over: true)
        #expect(ledger.command(.creditCharge(charge), actor: PassportOrdinal(1)).event != nil)
        #expect(delete(&ledger, "ann").event != nil)
        for number in 1...2 as ClosedRange<UInt32> {
            #expect(
                ledger.command(.creditCharge(charge), actor: PassportOrdinal(number)).rejection == .passportInvalid)
        }
        guard
            case .passports(let rows, _) = ledger.machine.read(
                .passports(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return }
        #expect(rows.count == 2 && rows.allSatisfy { $0.revoked && $0.name.isEmpty })
        #expect(
            ledger.command(
                .passportRotate(
                    PassportRotate(
                        old: PassportID(value: 2), id: PassportID(value: 9), digest: .zero, lastFour: 0, overlap: .zero)
                )
            ).rejection == .closed(.passport))
        // Whatever type the first admin has by now.
        #expect(delete(&ledger, "root", forfeit: true).rejection?.code == "NOPERM")
        ledger.setType("root", .free)
        #expect(delete(&ledger, "root", forfeit: true).rejection?.code == "NOPERM")
        #expect(ledger.problems() == [])
    }

    /// Also what a closed user may get: nothing is recorded of a deleted one, and so no text could be.
    @Test func `every other command about a deleted user is refused, and no timer knows the user`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.user("bob", .pro)
        ledger.purchase("bob", "20")
        let charged = try #require(ledger.charge("ann", "1").event)
        guard case .lots(let rows, _) = ledger.machine.read(.lots(user: ledger.hash("ann"), Page()), at: ledger.now)
        else { return }
        let origins = rows.map(\.origin)
        ledger.start("s", "bob")
        #expect(delete(&ledger, "ann").event != nil)
        let (ann, one, text) = (ledger.hash("ann"), Money("1")!, PersonalText(sealed: [1, 2]))
        let commands: [Command] = [
            .userSet(UserSet(user: ann, change: .name(text))), .userSet(UserSet(user: ann, change: .type(.pro))),
            .userSet(UserSet(user: ann, change: .state(.active))),
            .userSet(UserSet(user: ann, change: .state(.closed))),
            .userSet(UserSet(user: ann, change: .email(text, hash: Hash128(high: 7, low: 7)))),
            .passportCreate(
                PassportCreate(
                    user: ann, id: PassportID(value: 9), digest: .zero, lastFour: 0, name: text, permissions: .read,
                    scope: .own)),
            .creditPurchase(CreditPurchase(user: ann, amount: Money("10")!, method: "card")),
            .creditGrant(
                CreditGrant(user: ann, amount: one, kind: .promo, effective: nil, expires: .never, reason: text)),
            .creditCharge(CreditCharge(user: ann, amount: one, source: "api", description: text)),
            .creditCharge(CreditCharge(user: ann, amount: one, source: "api", over: true)),
            .creditAdjust(CreditAdjust(user: ann, amount: one, reason: text)),
            .creditAdjust(CreditAdjust(user: ann, amount: -one, reason: text)),
            .creditRefund(CreditRefund(charge: charged, lots: origins, amount: nil, reason: text)),
            .creditTransfer(CreditTransfer(from: ann, to: ledger.hash("bob"), amount: one, reason: text)),
            .creditTransfer(CreditTransfer(from: ledger.hash("bob"), to: ann, amount: one, reason: text)),
            .holdPlace(HoldPlace(user: ann, amount: one, timeToLive: .hours(1), source: "job")),
            .sessionStart(SessionStart(user: ann, session: "s2", tier: .small)),
            .sessionRecord(
                SessionRecord(
                    session: "s3", user: ann, tier: .small, from: ledger.now - .hours(2), to: ledger.now - .hours(1),
                    arguments: .zero)),
            .storageCreate(StorageCreate(user: ann, resource: "r", kind: .bucket, megabytes: 1_000)),
            .spacePurchase(SpacePurchase(user: ann, space: "ml", workspace: "w", instance: "i")),
        ]
        let last = state(ledger, "ann")!.lastEvent
        for command in commands {
            switch ledger.command(command) {
            case .rejected(.frozen(.deleted)), .rejected(.notFound(.space)): break
            case let other: Issue.record("\(command): \(other)")
            }
        }
        ledger.pass(.days(40), step: .days(1))
        #expect(state(ledger, "ann")?.lastEvent == last)
        #expect(ledger.problems() == [])
    }

    @Test func `a user of thousands of lots and hundreds of passports is deleted in one small event`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .pro)
        for number in 0..<1_500 {
            ledger.command(
                .creditGrant(
                    CreditGrant(
                        user: ledger.hash("ann"), amount: Money("0.01")!, kind: .promo, effective: nil,
                        expires: ledger.now + .days(Int64(number + 1)), reason: [])))
        }
        for number in 1...300 as ClosedRange<UInt64> {
            ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash("ann"), id: PassportID(value: number), digest: .zero, lastFour: 0, name: [1],
                        permissions: .read, scope: .own)))
        }
        // The first passport belongs to her, as to no real user: the first admin is another one there.
        #expect(delete(&ledger, "ann").rejection?.code == "NOPERM")
        ledger.user("bob", .pro)
        for number in 0..<1_500 {
            ledger.command(
                .creditGrant(
                    CreditGrant(
                        user: ledger.hash("bob"), amount: Money("0.01")!, kind: .promo, effective: nil,
                        expires: ledger.now + .days(Int64(number + 1)), reason: [])))
        }
        for number in 301...600 as ClosedRange<UInt64> {
            ledger.command(
                .passportCreate(
                    PassportCreate(
                        user: ledger.hash("bob"), id: PassportID(value: number), digest: .zero, lastFour: 0, name: [1],
                        permissions: .read, scope: .own)))
        }
        guard case .userDeleted(let event) = delete(&ledger, "bob").event?.body else {
            Issue.record("not deleted")
            return
        }
        #expect(event.other == Money("15"))
        #expect(ledger.journal.last!.bytes.count < 40)
        #expect(ledger.problems() == [])
    }

    @Test func `a journal that goes on with a deleted user, or deletes one otherwise, is refused`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.suspended))))
        let changed = ledger.journal.last!
        #expect(delete(&ledger, "ann").event != nil)
        func refusal(_ change: (inout Event) -> Void, of journaled: Journaled, after count: Int) throws -> String? {
            var machine = StateMachine()
            for event in ledger.journal[..<count] { try event.replay(into: &machine) }
            var event = try journaled.event()
            change(&event)
            var writer = ByteWriter()
            event.code(with: &writer)
            do {
                try Journaled(bytes: writer.output, lsn: machine.lastLSN.next, time: machine.lastTime + .seconds(1))
                    .replay(into: &machine)
                return nil
            } catch {
                return "\(error)"
            }
        }
        let end = ledger.journal.count
        let deletion = ledger.journal.last!
        #expect(try refusal({ _ in }, of: deletion, after: end)?.contains("about a user who was deleted") == true)
        #expect(
            try refusal(
                {
                    guard case .userDeleted(var it) = $0.body else { return }
                    it.other += Money(nanos: 1)
                    $0.body = .userDeleted(it)
                }, of: deletion, after: end - 1)?.contains("gives up another amount") == true)
        #expect(
            try refusal(
                {
                    guard case .userChanged(var it) = $0.body else { return }
                    it.state = .deleted
                    $0.body = .userChanged(it)
                }, of: changed, after: end - 2)?.contains("as nothing but a deletion does") == true)
        #expect(
            ledger.command(.userSet(UserSet(user: ledger.hash("ann"), change: .state(.deleted)))).rejection
                == .frozen(.deleted))
        ledger.user("bob", .pro)
        #expect(
            ledger.command(.userSet(UserSet(user: ledger.hash("bob"), change: .state(.deleted)))).rejection?.code
                == "ERR")
    }
}
