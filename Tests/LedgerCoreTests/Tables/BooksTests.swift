import LedgerTestKit
import Testing

@testable import LedgerCore

@Suite struct BooksTests {
    @Test(arguments: 1...8)
    func `books agree with a dictionary of balances, also after rollbacks`(seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed) &+ 500)
        var books = Books()
        var naive = NaiveBooks()
        var savepoints: [(mark: Int, naive: NaiveBooks)] = []
        for step in 0..<2_000 {
            let amount = Money(nanos: .random(in: Int64.min + 1...Int64.max, using: &random))
            let text = ShortText("account\(Int.random(in: 0..<30, using: &random))")!
            let family = [Books.Family.cash, .revenue].randomElement(using: &random)!
            switch Int.random(in: 0..<24, using: &random) {
            case 0..<8:
                let account = Books.Fixed.allCases.randomElement(using: &random)!
                books.post(account, amount)
                naive.post(account.name, amount)
            case 8..<16:
                books.post(at: books.open(family, text), amount)
                naive.post(family.prefix + text.string, amount)
            case 16, 17:
                let found = books.find(family, text)
                #expect((found != nil) == (naive.balances[family.prefix + text.string] != nil))
            case 18, 19:
                if savepoints.count < 4 { savepoints.append((books.openSavepoint(), naive)) }
            case 20, 21:
                guard let last = savepoints.last else { continue }
                books.rollBack(to: last.mark)
                naive = last.naive
                #expect(books.places.map { books.name($0) } == naive.names, "seed \(seed), step \(step)")
                #expect(books.places.map { books.balance(at: $0) } == naive.names.map { naive.balances[$0] })
            default:
                if savepoints.popLast() != nil { books.closeSavepoint() }
            }
            #expect(books.sum == naive.sum, "seed \(seed), step \(step)")
        }
        #expect(books.places.map { books.balance(at: $0) } == naive.names.map { naive.balances[$0] })
        var restored = Books()
        for row in books.rows { try restored.restore(throughBytes(row)) }
        #expect(restored.rows == books.rows)
        #expect(restored.sum == books.sum)
        #expect(restored.places.map { restored.name($0) } == naive.names)
    }

    /// What is in snapshots cannot change: a new account gets a new code, and a line here.
    @Test func `the codes of the fixed accounts stay as they are`() {
        let codes = Dictionary(uniqueKeysWithValues: Books.Fixed.allCases.map { ($0.name, Int($0.rawValue)) })
        #expect(
            codes == [
                "users:paid": 1, "users:promo": 2, "users:held": 3, "users:debt": 4, "promo_cost": 16,
                "bonus_cost": 17, "compensation_cost": 18, "breakage": 19, "refunds": 20, "chargeback_loss": 21,
                "adjustments": 22, "opening_balances": 23, "author_share": 24,
                "revenue:session_runtime": 32,
                "revenue:storage_creation": 33, "revenue:space_purchase": 34, "transfers": 48,
            ])
        #expect(Books.Fixed.allCases.allSatisfy { (1..<64).contains($0.rawValue) })
        #expect(Books.Fixed.allCases.map(\.rawValue) == codes.values.map(UInt16.init).sorted())
    }

    @Test func `a snapshot from before an account was invented misfiles nothing`() throws {
        var books = Books()
        for account in Books.Fixed.allCases where account != .breakage {
            books.post(account, Money(nanos: Int64(account.rawValue)))
        }
        books.post(at: books.open(.cash, "card"), Money(nanos: 1_000))
        var restored = Books()
        for row in books.rows where row.code != Books.Fixed.breakage.rawValue { try restored.restore(row) }
        #expect(restored.rows == books.rows)
        #expect(restored.balance(.breakage) == 0)
        #expect(restored.balance(.refunds) == 20)
        #expect(restored.find(.cash, "card").map { restored.balance(at: $0) } == 1_000)
    }

    @Test func `the order of the rows does not decide whose balance it is`() throws {
        var books = Books()
        books.post(.userPaid, Money(nanos: 5))
        books.post(at: books.open(.revenue, "gpu"), Money(nanos: -5))
        var restored = Books()
        for row in books.rows.reversed() { try restored.restore(row) }
        #expect(restored.rows == books.rows)
    }

    @Test(arguments: [
        BookAccountRow(code: 5, balance: 1), BookAccountRow(code: 63, balance: 1), BookAccountRow(code: 64, balance: 1),
        BookAccountRow(code: .max, balance: 1), BookAccountRow(family: 0, text: "card", balance: 1),
        BookAccountRow(family: 3, text: "card", balance: 1), BookAccountRow(balance: 1),
    ])
    func `an account that this version does not know is refused`(row: BookAccountRow) {
        let error = #expect(throws: StateError.self) {
            var books = Books()
            try books.restore(row)
        }
        #expect(error?.reason.contains("does not know") == true)
    }

    @Test(arguments: [
        BookAccountRow(code: 1, balance: 1), BookAccountRow(code: 48, balance: 0),
        BookAccountRow(family: 1, text: "card", balance: 1), BookAccountRow(family: 2, text: "card", balance: 1),
    ])
    func `an account that comes twice is refused`(row: BookAccountRow) throws {
        var books = Books()
        try books.restore(row)
        let error = #expect(throws: StateError.self) { try books.restore(row) }
        #expect(error?.reason.contains("twice") == true)
    }

    @Test func `a built-in source cannot come back as a named account beside its own`() {
        var books = Books()
        #expect(throws: StateError.self) {
            try books.restore(BookAccountRow(family: 2, text: Sources.sessionRuntime, balance: 1))
        }
        #expect(books.open(.revenue, Sources.sessionRuntime) == Books.Place(.sessionRuntime))
    }

    @Test func `a fixed account under another name, or a balance out of this world, is refused`() {
        var books = Books()
        #expect(throws: StateError.self) { try books.restore(BookAccountRow(code: 1, text: "card", balance: 1)) }
        #expect(throws: StateError.self) { try books.restore(BookAccountRow(code: 1, family: 1, balance: 1)) }
        #expect(throws: StateError.self) { try books.restore(BookAccountRow(code: 1, balance: .min)) }
        #expect(throws: StateError.self) { try books.restore(BookAccountRow(code: 1, balance: .max)) }
        #expect(books.sum == 0)
    }

    @Test func `a family has room for a thousand accounts, and a rollback gives the room back`() throws {
        var books = Books()
        for number in 1..<Books.maximumNamed { _ = books.open(.cash, ShortText("method\(number)")!) }
        let mark = books.openSavepoint()
        #expect(books.canOpen(.cash, "last"))
        _ = books.open(.cash, "last")
        #expect(!books.canOpen(.cash, "one more"))
        #expect(books.canOpen(.cash, "last"))
        #expect(books.canOpen(.revenue, "one more"))
        #expect(throws: StateError.self) { try books.restore(BookAccountRow(family: 1, text: "one more")) }
        books.rollBack(to: mark)
        #expect(books.canOpen(.cash, "one more"))
        #expect(books.find(.cash, "last") == nil)
    }

    private func throughBytes(_ row: BookAccountRow) throws -> BookAccountRow {
        var row = row
        var writer = ByteWriter()
        row.code(with: &writer)
        return try writer.output.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            var read = BookAccountRow()
            try read.code(with: &reader)
            return read
        }
    }
}

private struct NaiveBooks {
    /// In the order in which books show them.
    var names = Books.Fixed.allCases.sorted { $0.rawValue < $1.rawValue }.map(\.name)
    var balances: [String: Int128] = Dictionary(uniqueKeysWithValues: Books.Fixed.allCases.map { ($0.name, 0) })

    var sum = Int128(0)

    mutating func post(_ name: String, _ amount: Money) {
        if balances[name] == nil { names.append(name) }
        balances[name, default: 0] += Int128(amount.nanos)
        sum += Int128(amount.nanos)
    }
}
