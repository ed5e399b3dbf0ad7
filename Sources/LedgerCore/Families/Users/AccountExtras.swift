/// What most accounts are without: debt, storage, caps, credit with conditions.
struct AccountExtras: Equatable, Sendable {
    var debt = Money.zero
    /// Debt that bought credit repaid, less what refunds have given back of it: so much of a refunded debt comes back
    /// as bought credit.
    var debtRepaidByPurchases = Money.zero
    /// When the sessions that run on debt end, for then it reaches its ceiling. `.never`: none runs so, or none gets
    /// there.
    var fundsEnd = Timestamp.never
    /// Since when storage accrues to debt, how much it has come to owe since, and since when it accrues no more.
    var storageUnpaidSince = Timestamp.never
    var storageOwed = Money.zero
    var storageStopped = Timestamp.never
    /// Of its own; where there is none, that of the type counts.
    var caps = Caps()

    // Derived.
    /// Lots not yet effective, a part of `paid` and `promo`.
    var pending = Money.zero
    /// Lots that do not pay for everything.
    var scopedLots: Int32 = 0
    /// Lots that cannot be transferred.
    var earningLots: Int32 = 0
    /// Sessions that run on debt.
    var onDebtCount: Int32 = 0
    var resourceCount: Int32 = 0
    var storedMegabytes: Int64 = 0
    /// When unpaid storage is looked at next.
    var storageCheck = Timestamp.never
    var firstResource = Slot<Resource>.none
    var firstInstance = Slot<Instance>.none
}

extension AccountExtras {
    /// Of an account that is without all of it.
    static let usual = AccountExtras()

    /// Memory of their own, which copies of a row share: for a savepoint, for a capture.
    final class Box: Equatable, Sendable {
        let extras: AccountExtras
        init(_ extras: AccountExtras) { self.extras = extras }
        static func == (a: Box, b: Box) -> Bool { a.extras == b.extras }
    }
}

// Read through the box, so that a look at one field copies no others.
extension Account {
    var extras: AccountExtras {
        get { box?.extras ?? .usual }
        set { box = newValue == .usual ? nil : AccountExtras.Box(newValue) }
    }

    var debt: Money {
        @inline(__always) get { box?.extras.debt ?? AccountExtras.usual.debt }
        set { extras.debt = newValue }
    }
    var debtRepaidByPurchases: Money {
        @inline(__always) get { box?.extras.debtRepaidByPurchases ?? AccountExtras.usual.debtRepaidByPurchases }
        set { extras.debtRepaidByPurchases = newValue }
    }
    var fundsEnd: Timestamp {
        @inline(__always) get { box?.extras.fundsEnd ?? AccountExtras.usual.fundsEnd }
        set { extras.fundsEnd = newValue }
    }
    var storageUnpaidSince: Timestamp {
        @inline(__always) get { box?.extras.storageUnpaidSince ?? AccountExtras.usual.storageUnpaidSince }
        set { extras.storageUnpaidSince = newValue }
    }
    var storageOwed: Money {
        @inline(__always) get { box?.extras.storageOwed ?? AccountExtras.usual.storageOwed }
        set { extras.storageOwed = newValue }
    }
    var storageStopped: Timestamp {
        @inline(__always) get { box?.extras.storageStopped ?? AccountExtras.usual.storageStopped }
        set { extras.storageStopped = newValue }
    }
    var caps: Caps {
        @inline(__always) get { box?.extras.caps ?? AccountExtras.usual.caps }
        set { extras.caps = newValue }
    }
    var pending: Money {
        @inline(__always) get { box?.extras.pending ?? AccountExtras.usual.pending }
        set { extras.pending = newValue }
    }
    var scopedLots: Int32 {
        @inline(__always) get { box?.extras.scopedLots ?? AccountExtras.usual.scopedLots }
        set { extras.scopedLots = newValue }
    }
    var earningLots: Int32 {
        @inline(__always) get { box?.extras.earningLots ?? AccountExtras.usual.earningLots }
        set { extras.earningLots = newValue }
    }
    var onDebtCount: Int32 {
        @inline(__always) get { box?.extras.onDebtCount ?? AccountExtras.usual.onDebtCount }
        set { extras.onDebtCount = newValue }
    }
    var resourceCount: Int32 {
        @inline(__always) get { box?.extras.resourceCount ?? AccountExtras.usual.resourceCount }
        set { extras.resourceCount = newValue }
    }
    var storedMegabytes: Int64 {
        @inline(__always) get { box?.extras.storedMegabytes ?? AccountExtras.usual.storedMegabytes }
        set { extras.storedMegabytes = newValue }
    }
    var storageCheck: Timestamp {
        @inline(__always) get { box?.extras.storageCheck ?? AccountExtras.usual.storageCheck }
        set { extras.storageCheck = newValue }
    }
    var firstResource: Slot<Resource> {
        @inline(__always) get { box?.extras.firstResource ?? AccountExtras.usual.firstResource }
        set { extras.firstResource = newValue }
    }
    var firstInstance: Slot<Instance> {
        @inline(__always) get { box?.extras.firstInstance ?? AccountExtras.usual.firstInstance }
        set { extras.firstInstance = newValue }
    }
}
