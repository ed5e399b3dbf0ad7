/// The business's books: double entry over all users. Liabilities to users and revenue are positive, assets and costs
/// negative, and every event's postings sum to zero, so the sum over all accounts is zero at every LSN.
struct Books {
    /// The accounts that every ledger has, in this order.
    enum Fixed: Int, CaseIterable {
        case userPaid, userPromo, userHeld, userDebt
        case promoCost, bonusCost, compensationCost, breakage, refunds, chargebackLoss, adjustments, opening
        case sessionRuntime, storageCreation, spacePurchase

        var name: String {
            switch self {
            case .userPaid: "users:paid"
            case .userPromo: "users:promo"
            case .userHeld: "users:held"
            case .userDebt: "users:debt"
            case .promoCost: "promo_cost"
            case .bonusCost: "bonus_cost"
            case .compensationCost: "compensation_cost"
            case .breakage: "breakage"
            case .refunds: "refunds"
            case .chargebackLoss: "chargeback_loss"
            case .adjustments: "adjustments"
            case .opening: "opening_balances"
            case .sessionRuntime: "revenue:session_runtime"
            case .storageCreation: "revenue:storage_creation"
            case .spacePurchase: "revenue:space_purchase"
            }
        }
    }

    /// Which family of named accounts a text belongs to.
    enum Family: UInt8 {
        case cash = 1, revenue = 2
        var prefix: String { self == .cash ? "cash:" : "revenue:" }
    }

    struct Account {
        var family: UInt8
        var text: ShortText
        var balance: Int128
    }

    /// At most so many accounts of one family.
    static let maximumNamed = 1_000

    private(set) var accounts: [Account] = Fixed.allCases.map { _ in Account(family: 0, text: ShortText(), balance: 0) }
    private var named: [[ShortText: Int]] = [[:], [:], [:]]
    /// The sum over all accounts, kept with every posting.
    private(set) var sum = Int128(0)

    mutating func post(_ account: Fixed, _ amount: Money) { post(at: account.rawValue, amount) }

    mutating func post(at index: Int, _ amount: Money) {
        accounts[index].balance += Int128(amount.nanos)
        sum += Int128(amount.nanos)
    }

    /// The account of a payment method or a charge's source, if there is one.
    func find(_ family: Family, _ text: ShortText) -> Int? {
        if family == .revenue, let fixed = Books.builtIn(text) { return fixed.rawValue }
        return named[Int(family.rawValue)][text]
    }

    func canOpen(_ family: Family, _ text: ShortText) -> Bool {
        find(family, text) != nil || named[Int(family.rawValue)].count < Books.maximumNamed
    }

    mutating func open(_ family: Family, _ text: ShortText) -> Int {
        if let found = find(family, text) { return found }
        accounts.append(Account(family: family.rawValue, text: text, balance: 0))
        named[Int(family.rawValue)][text] = accounts.count - 1
        return accounts.count - 1
    }

    func name(_ index: Int) -> String {
        if let fixed = Fixed(rawValue: index) { return fixed.name }
        return Family(rawValue: accounts[index].family)!.prefix + accounts[index].text.string
    }

    static func builtIn(_ source: ShortText) -> Fixed? {
        switch source {
        case Sources.sessionRuntime: .sessionRuntime
        case Sources.storageCreation: .storageCreation
        case Sources.spacePurchase: .spacePurchase
        default: nil
        }
    }

    mutating func restore(_ row: BookAccountRow, at index: Int) throws(StateError) {
        if index < Fixed.allCases.count {
            accounts[index].balance = row.balance
        } else {
            guard let family = Family(rawValue: row.family), find(family, row.text) == nil else {
                throw StateError("the books hold account \(row.text) twice")
            }
            accounts[open(family, row.text)].balance = row.balance
        }
        sum += row.balance
    }
}

/// The billing types that the ledger itself charges for.
package enum Sources {
    package static let sessionRuntime: ShortText = "session_runtime"
    package static let storageCreation: ShortText = "storage_creation"
    package static let spacePurchase: ShortText = "space_purchase"
}

struct BookAccountRow: Recordable {
    var family: UInt8 = 0
    var text = ShortText()
    var balance = Int128(0)
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.small(&family)
        try c.text(&text)
        try c.wide(&balance)
    }
}
