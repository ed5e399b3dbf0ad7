/// Where a lot's credit came from. Raw values are journaled.
package enum LotKind: UInt8, NamedCase, Sendable {
    case paid = 0
    case promo = 1
    case bonus = 2
    case compensation = 3
    case adjustment = 4
    case opening = 5
    /// The share of a space's creator. Neither refundable nor transferable.
    case earning = 6

    package var text: String {
        switch self {
        case .paid: "paid"
        case .promo: "promo"
        case .bonus: "bonus"
        case .compensation: "compensation"
        case .adjustment: "adjustment"
        case .opening: "opening"
        case .earning: "earning"
        }
    }

    /// Bought credit burns last.
    package var defaultPriority: UInt8 { self == .paid ? 50 : 20 }
    package var isPaid: Bool { self == .paid }
}

/// What a lot is, apart from how much of it is left: enough to bring back a lot that was burned whole.
package struct LotOrigin: Hashable, Sendable {
    package var id: LotID
    package var kind: LotKind
    package var priority: UInt8
    package var effective: Timestamp
    package var expires: Timestamp
    package var parent: LotID
    package var scope: CreditScope
    /// Who paid for it (a payment method, `grant`, `bonus`), shown as its source.
    package var fundedBy: ShortText
    package init(
        id: LotID, kind: LotKind, priority: UInt8, effective: Timestamp, expires: Timestamp, parent: LotID = .none,
        scope: CreditScope = .everything, fundedBy: ShortText
    ) {
        self.scope = scope
        self.id = id
        self.kind = kind
        self.priority = priority
        self.effective = effective
        self.expires = expires
        self.parent = parent
        self.fundedBy = fundedBy
    }

    /// A lot that is good at once and does not expire.
    init(_ kind: LotKind, born id: LotID, at instant: Timestamp, fundedBy: ShortText) {
        self.init(
            id: id, kind: kind, priority: kind.defaultPriority, effective: instant, expires: .never, fundedBy: fundedBy)
    }
}

extension LotOrigin: Recordable {
    static let blank = LotOrigin(
        id: .none, kind: .paid, priority: 0, effective: .distantPast, expires: .never, fundedBy: ShortText())

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.choice(&kind)
        try c.small(&priority)
        try c.time(&effective)
        try c.time(&expires)
        try c.id(&parent)
        try scope.code(with: &c)
        try c.text(&fundedBy)
    }
}

/// Credit that goes to a lot, with all that is needed to make it.
package struct LotPart: Hashable, Sendable {
    package var lot: LotOrigin
    package var amount: Money
    package init(lot: LotOrigin, amount: Money) {
        self.lot = lot
        self.amount = amount
    }
}

extension LotPart: Recordable {
    static let blank = LotPart(lot: .blank, amount: .zero)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try lot.code(with: &c)
        try c.money(&amount)
    }
}

/// Credit of one origin.
struct Lot: Recordable, Listed, Equatable {
    var id = LotID.none
    var user = UserOrdinal.none
    var kind = LotKind.paid
    var priority: UInt8 = 50
    /// The expiry was recorded; what is left is pinned by holds.
    var expired = false
    /// Not yet effective when it was created, and no `lotEffective` came since.
    var waiting = false
    var links = Links<Lot>()
    /// The whole lot, pinned part included.
    var remaining = Money.zero
    var pinned = Money.zero
    var effective = Timestamp.distantPast
    var expires = Timestamp.never
    var parent = LotID.none
    var scope = CreditScope.everything
    var fundedBy = RowText<15>("")

    var free: Money { remaining - pinned }
    var origin: LotOrigin {
        LotOrigin(
            id: id, kind: kind, priority: priority, effective: effective, expires: expires, parent: parent,
            scope: scope, fundedBy: fundedBy.text)
    }

    func pays(for use: CreditUse) -> Bool { scope.pays(for: use) && !(kind == .earning && use.isMovement) }

    /// SPEC 4: priority, what pays for less, sooner expiry, zero cost basis, older (ids count up).
    func burnsBefore(_ other: Lot) -> Bool {
        if priority != other.priority { return priority < other.priority }
        if scope.isEverything != other.scope.isEverything { return other.scope.isEverything }
        return (expires.nanoseconds, kind.isPaid ? 1 : 0, id.value)
            < (other.expires.nanoseconds, other.kind.isPaid ? 1 : 0, other.id.value)
    }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.id(&id)
        try c.user(&user)
        try c.choice(&kind)
        try c.small(&priority)
        try c.money(&remaining)
        try c.money(&pinned)
        try c.time(&effective)
        try c.time(&expires)
        try c.id(&parent)
        try scope.code(with: &c)
        try c.text(&fundedBy)
        try c.bool(&expired)
        try c.bool(&waiting)
    }
}

extension StateMachine {
    static func costAccount(_ kind: LotKind) -> Books.Fixed {
        switch kind {
        case .promo: .promoCost
        case .bonus: .bonusCost
        case .compensation: .compensationCost
        case .opening: .opening
        case .earning: .authorShare
        case .paid, .adjustment: .adjustments
        }
    }
}
