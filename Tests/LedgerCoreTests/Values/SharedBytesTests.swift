import Testing

@testable import LedgerCore

@Suite struct SharedBytesTests {
    @Test(arguments: [0, 1, 7, 8, 9, 255, 256, 70_000])
    func `bytes come back, and are equal by what they are`(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 1) }
        let shared = SharedBytes(bytes)
        let copy = shared
        #expect(shared.array == bytes && copy.array == bytes)
        #expect(shared.isEmpty == bytes.isEmpty)
        #expect(shared == copy && shared == SharedBytes(bytes))
        #expect(shared != SharedBytes(bytes + [0]))
        if count > 0 { #expect(shared != SharedBytes(Array(bytes.reversed().map { $0 ^ 1 }))) }
    }

    @Test func `it is one address`() { #expect(MemoryLayout<SharedBytes>.size == 8) }
}

@Suite struct AccountTextsTests {
    private func text(_ count: Int) -> PersonalText {
        PersonalText(sealed: (0..<count).map { UInt8(truncatingIfNeeded: $0 &+ count) })
    }

    @Test(arguments: [0, 1, 13, 64], [0, 1, 55, 300])
    func `id, e-mail and name come back, whichever of them are there`(id: Int, email: Int) {
        for name in [0, 1, 40, 70_000] {
            let id = ShortText(String(repeating: "u", count: id))!
            let texts = AccountTexts(id: id, email: text(email), name: text(name))
            #expect(texts.id == id && texts.email == text(email) && texts.name == text(name))
            #expect(texts.withSealedEmail { [UInt8]($0) } == text(email).sealedBytes)
            #expect(texts == AccountTexts(id: id, email: text(email), name: text(name)))
            #expect(texts != AccountTexts(id: id, email: text(email), name: text(name + 1)))
        }
    }

    @Test func `one is changed, and the others and every copy stay`() {
        var account = Account(id: "ann", email: text(50), name: text(40))
        let before = account
        account.name = text(3)
        #expect(account.id == "ann" && account.email == text(50) && account.name == text(3))
        account.email = .none
        #expect(account.id == "ann" && account.email.isEmpty && account.name == text(3))
        account.name = .none
        #expect(account.id == "ann" && account.email.isEmpty && account.name.isEmpty)
        #expect(before.email == text(50) && before.name == text(40) && before != account)
    }

    @Test func `a text in the clear is not kept`() async {
        await #expect(processExitsWith: .failure) {
            _ = AccountTexts(id: "ann", email: .clear([0x61]), name: .none)
        }
    }
}

@Suite struct PassportExtrasTests {
    @Test func `a passport that never had extras is equal to one that has none left`() {
        let unused = Passport()
        var used = Passport()
        used.changeExtras { $0.held += 5 }
        #expect(used.extras.held == 5 && used != unused)
        used.changeExtras { $0.held -= 5 }
        #expect(used == unused && unused.extras == PassportExtras())
    }

    @Test func `a copy keeps what it was copied with`() {
        var passport = Passport()
        passport.changeExtras { $0.caps.day = 7 }
        let copy = passport
        passport.changeExtras { $0.caps.day = 8 }
        passport.changeExtras { $0.held += 1 }
        #expect(copy.extras.caps.day == 7 && copy.extras.held == 0)
        #expect(passport.extras.caps.day == 8 && passport.extras.held == 1)
    }
}
