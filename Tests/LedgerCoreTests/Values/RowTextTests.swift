import Testing

@testable import LedgerCore

@Suite struct RowTextTests {
    @Test(arguments: [0, 1, 14, 15, 16, 17, 63, 64])
    func `a text comes back, whether it lies in the row or apart`(length: Int) {
        let text = ShortText(String(repeating: "é", count: length / 2) + String(repeating: "x", count: length % 2))!
        #expect(text.count == length)
        let row = RowText<15>(text)
        #expect(row.text == text)
        let other = RowText<15>(ShortText(String(repeating: "y", count: length))!)
        #expect((row == other) == (length == 0))
        #expect(row == RowText<15>(text))
    }

    @Test func `rows take what they say`() {
        #expect(MemoryLayout<RowText<15>>.size == 24)
        // What a million users take: a field that comes in shows here.
        #expect(MemoryLayout<Account>.stride <= 152)
        #expect(MemoryLayout<Lot>.stride <= 96)
        #expect(MemoryLayout<Passport>.stride <= 96)
    }
}

@Suite struct AccountExtrasTests {
    @Test func `an account that has nothing unusual takes no memory for it, before and after`() {
        var account = Account()
        #expect(account.box == nil)
        account.debt = .zero
        account.caps = Caps()
        #expect(account.box == nil)
        account.debt = Money(nanos: 5)
        account.storedMegabytes = 7
        #expect(account.box != nil && account.debt == Money(nanos: 5) && account.storedMegabytes == 7)
        #expect(account.fundsEnd == .never && account.firstResource == .none)
        account.debt = .zero
        account.storedMegabytes = 0
        #expect(account.box == nil && account == Account())
    }

    @Test func `a copy keeps what it was copied with`() {
        var account = Account()
        account.debt = Money(nanos: 5)
        let copy = account
        account.debt += Money(nanos: 1)
        #expect(copy.debt == Money(nanos: 5) && account.debt == Money(nanos: 6))
        #expect(copy != account)
    }
}
