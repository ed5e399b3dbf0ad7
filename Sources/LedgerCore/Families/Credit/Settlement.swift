/// How an amount was met: from what a hold had pinned, from free lots in burn order, and what was missing became debt.
package struct Settlement: Hashable, Sendable {
    package var held = LotAmounts()
    package var free = LotAmounts()
    package var debt = Money.zero
    package init() {}
    package var total: Money { held.total + free.total + debt }
    /// It takes nothing but what was held.
    var isHeld: Bool { free.isEmpty && debt.isZero }
}

extension Settlement: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try held.code(with: &c)
        try free.code(with: &c)
        try c.money(&debt)
    }
}
