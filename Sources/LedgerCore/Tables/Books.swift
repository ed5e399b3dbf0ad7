/// The business's books: double entry over all users. Liabilities to users and revenue are positive, assets and costs
/// negative, and every event's postings sum to zero, so the sum over all accounts is zero at every LSN.
///
/// There are accounts that every ledger has (``Fixed``) and accounts that are opened by name: one for each payment
/// method (`cash:card`) and for each source of revenue. A snapshot names a fixed account by its code and a named one by
/// family and text, never by position: a version with one more fixed account still reads old snapshots rightly, and one
/// that lacks an account refuses the snapshot.
struct Books {
    /// The raw value is the account's code in snapshots: never change one, never use one again. 1–15 what users are
    /// owed, 16–31 costs and corrections, 32–47 revenue, 48–63 on the way.
    enum Fixed: UInt16, CaseIterable {
        case userPaid = 1
        case userPromo = 2
        case userHeld = 3
        case userDebt = 4

        case promoCost = 16
        case bonusCost = 17
        case compensationCost = 18
        case breakage = 19
        case refunds = 20
        case chargebackLoss = 21
        case adjustments = 22
        case opening = 23
        case authorShare = 24

        case sessionRuntime = 32
        case storageCreation = 33
        case spacePurchase = 34

        /// What left one user and has not yet reached another. Zero at the end of every group of events.
        case transfers = 48

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
            case .authorShare: "author_share"
            case .sessionRuntime: "revenue:session_runtime"
            case .storageCreation: "revenue:storage_creation"
            case .spacePurchase: "revenue:space_purchase"
            case .transfers: "transfers"
            }
        }
    }

    /// Which family of named accounts a text belongs to.
    enum Family: UInt8 {
        case cash = 1
        case revenue = 2

        var prefix: String {
            switch self {
            case .cash: "cash:"
            case .revenue: "revenue:"
            }
        }
    }

    /// Where an account is in memory: its code, or from ``firstNamed`` on its number in order of opening.
    struct Place: Hashable, Sendable {
        fileprivate let index: Int
        fileprivate init(index: Int) { self.index = index }
        init(_ account: Fixed) { index = Int(account.rawValue) }
    }

    private struct Name: Hashable {
        var family: Family
        var text: ShortText
    }

    private enum Change {
        case posted(Place, Money)
        case opened
    }

    /// At most so many accounts of one family.
    static let maximumNamed = 1_000
    /// Codes stay below; no account has code 0.
    private static let firstNamed = 64
    /// No balance of a snapshot is beyond it: 2⁶³ nano-USD posted a hundred million million times. So no sum over the
    /// books can overflow.
    private static let maximumBalance = Int128(1) << 110

    private var balances = [Int128](repeating: 0, count: Books.firstNamed)
    /// The named accounts in order of opening.
    private var names: [Name] = []
    /// And the fixed ones that charges name.
    private var placeByName: [Name: Place] = [
        Name(family: .revenue, text: Sources.sessionRuntime): Place(.sessionRuntime),
        Name(family: .revenue, text: Sources.storageCreation): Place(.storageCreation),
        Name(family: .revenue, text: Sources.spacePurchase): Place(.spacePurchase),
    ]
    /// The fixed accounts that a snapshot restored; bit n stands for code n.
    private var restored: UInt64 = 0
    /// The sum over all accounts, kept with every posting.
    private(set) var sum = Int128(0)
    private var undo = UndoLog<Change>()

    mutating func post(_ account: Fixed, _ amount: Money) { post(at: Place(account), amount) }

    mutating func post(at place: Place, _ amount: Money) {
        if undo.isOpen { undo.note(.posted(place, amount)) }
        add(Int128(amount.nanos), at: place)
    }

    /// The account of a payment method or a charge's source, if there is one.
    func find(_ family: Family, _ text: ShortText) -> Place? {
        placeByName[Name(family: family, text: text)]
    }

    func canOpen(_ family: Family, _ text: ShortText) -> Bool {
        find(family, text) != nil || names.count { $0.family == family } < Books.maximumNamed
    }

    /// Finds the account, or opens it with balance zero.
    mutating func open(_ family: Family, _ text: ShortText) -> Place {
        if let found = find(family, text) { return found }
        if undo.isOpen { undo.note(.opened) }
        let place = Place(index: balances.count)
        let name = Name(family: family, text: text)
        balances.append(0)
        names.append(name)
        placeByName[name] = place
        return place
    }

    /// All accounts: the fixed ones by code, then the named ones in order of opening.
    var places: [Place] { Fixed.allCases.map { Place($0) } + names.indices.map { Place(index: Books.firstNamed + $0) } }

    func balance(_ account: Fixed) -> Int128 { balances[Int(account.rawValue)] }
    func balance(at place: Place) -> Int128 { balances[place.index] }

    func name(_ place: Place) -> String {
        if let fixed = fixed(place) { return fixed.name }
        let name = names[place.index - Books.firstNamed]
        return name.family.prefix + name.text.string
    }

    private func fixed(_ place: Place) -> Fixed? {
        place.index < Books.firstNamed ? Fixed(rawValue: UInt16(place.index)) : nil
    }

    private mutating func add(_ amount: Int128, at place: Place) {
        balances[place.index] += amount
        sum += amount
    }
}

extension Books: Undoable {
    mutating func openSavepoint() -> Int { undo.open() }
    mutating func closeSavepoint() { undo.close() }

    mutating func rollBack(to mark: Int) {
        while let change = undo.takeBack(to: mark) {
            switch change {
            case .posted(let place, let amount): add(-Int128(amount.nanos), at: place)
            case .opened:
                placeByName[names.removeLast()] = nil
                balances.removeLast()
            }
        }
    }
}

// MARK: - Snapshots

/// An account in a snapshot. A fixed one has its code; a named one has code 0, its family and its text.
struct BookAccountRow: Recordable, Hashable {
    var code: UInt16 = 0
    var family: UInt8 = 0
    var text = ShortText()
    /// Nano-USD.
    var balance = Int128(0)

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.small(&code)
        try c.small(&family)
        try c.text(&text)
        try c.wide(&balance)
    }
}

extension Books {
    /// In the order of ``places``.
    var rows: [BookAccountRow] { places.map { row(at: $0) } }

    func row(at place: Place) -> BookAccountRow {
        let balance = balance(at: place)
        if let fixed = fixed(place) { return BookAccountRow(code: fixed.rawValue, balance: balance) }
        let name = names[place.index - Books.firstNamed]
        return BookAccountRow(family: name.family.rawValue, text: name.text, balance: balance)
    }

    /// Takes an account of a snapshot into books that have no postings yet. An account that no row names stays at zero.
    ///
    /// - Throws: a ``StateError`` for an account that this version does not know, for one that came before, for more
    ///   than ``maximumNamed`` accounts of a family, and for a balance that no ledger can reach.
    mutating func restore(_ row: BookAccountRow) throws(StateError) {
        guard row.balance.magnitude <= Books.maximumBalance.magnitude else {
            throw StateError("the books hold a balance of \(row.balance), which no ledger can reach")
        }
        add(row.balance, at: row.code == 0 ? try restoreNamed(row) : try restoreFixed(row))
    }

    private mutating func restoreFixed(_ row: BookAccountRow) throws(StateError) -> Place {
        guard let fixed = Fixed(rawValue: row.code) else {
            throw StateError("the books hold account \(row.code), which this version does not know")
        }
        guard row.family == 0, row.text.isEmpty else {
            throw StateError("the books hold account \(row.code) with the name of another")
        }
        guard restored & 1 << row.code == 0 else { throw StateError("the books hold account \(fixed.name) twice") }
        restored |= 1 << row.code
        return Place(fixed)
    }

    private mutating func restoreNamed(_ row: BookAccountRow) throws(StateError) -> Place {
        guard let family = Family(rawValue: row.family) else {
            throw StateError("the books hold an account of family \(row.family), which this version does not know")
        }
        guard find(family, row.text) == nil else {
            throw StateError("the books hold account \(family.prefix)\(row.text) twice")
        }
        guard canOpen(family, row.text) else {
            throw StateError("the books hold more than \(Books.maximumNamed) accounts \(family.prefix)…")
        }
        return open(family, row.text)
    }
}

/// The billing types that the ledger itself charges for.
package enum Sources {
    package static let sessionRuntime: ShortText = "session_runtime"
    package static let storageCreation: ShortText = "storage_creation"
    package static let spacePurchase: ShortText = "space_purchase"

    /// What statements show of a space's creator.
    static let earning: ShortText = "earning"

    package static let billingTypes = [sessionRuntime, storageCreation, spacePurchase]
}
