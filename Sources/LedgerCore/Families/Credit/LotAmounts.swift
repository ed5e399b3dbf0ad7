/// A part of one lot: what a hold pins, what a charge burns.
package struct LotAmount: Hashable, Sendable {
    package var lot: LotID
    package var amount: Money
    package init(lot: LotID, amount: Money) {
        self.lot = lot
        self.amount = amount
    }
}

/// A short list of ``LotAmount`` in burn order. The first two lie in the value itself: the usual charge, which burns
/// one or two lots, allocates nothing.
package struct LotAmounts: Sendable {
    private var first = LotAmount(lot: .none, amount: .zero)
    private var second = LotAmount(lot: .none, amount: .zero)
    private var rest: [LotAmount] = []
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    package subscript(index: Int) -> LotAmount {
        get {
            precondition(index >= 0 && index < count, "a lot amount beyond the list")
            return index == 0 ? first : index == 1 ? second : rest[index - 2]
        }
        set {
            precondition(index >= 0 && index < count, "a lot amount beyond the list")
            if index == 0 {
                first = newValue
            } else if index == 1 {
                second = newValue
            } else {
                rest[index - 2] = newValue
            }
        }
    }

    /// Appends, or adds to the last part when it is of the same lot. Zero amounts are left out.
    package mutating func append(_ part: LotAmount) {
        guard !part.amount.isZero else { return }
        if count > 0, self[count - 1].lot == part.lot {
            self[count - 1].amount += part.amount
            return
        }
        if count >= 2 { rest.append(part) }
        count += 1
        if count <= 2 { self[count - 1] = part }
    }

    package var total: Money {
        var sum = Money.zero
        for index in 0..<count { sum += self[index].amount }
        return sum
    }

    /// Takes `amount` from the front, in order; what is left stays. `amount` ≤ `total`.
    package mutating func take(_ amount: Money) -> LotAmounts {
        var taken = LotAmounts()
        var left = LotAmounts()
        var missing = amount
        for index in 0..<count {
            let part = self[index]
            let used = min(part.amount, missing)
            taken.append(LotAmount(lot: part.lot, amount: used))
            left.append(LotAmount(lot: part.lot, amount: part.amount - used))
            missing -= used
        }
        precondition(missing.isZero, "more was taken than is there")
        self = left
        return taken
    }
}

extension LotAmounts: Equatable, Hashable {
    package static func == (a: LotAmounts, b: LotAmounts) -> Bool {
        guard a.count == b.count else { return false }
        for index in 0..<a.count where a[index] != b[index] { return false }
        return true
    }
    package func hash(into hasher: inout Hasher) { for index in 0..<count { hasher.combine(self[index]) } }
}

extension LotAmounts: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var coded = UInt64(count)
        try c.unsigned(&coded)
        if coded == UInt64(count) {
            for index in 0..<count {
                try c.id(&self[index].lot)
                try c.money(&self[index].amount)
            }
            return
        }
        guard coded <= 1 << 20 else { return try c.fail("a list of lots is too long") }
        self = LotAmounts()
        for _ in 0..<coded {
            var part = LotAmount(lot: .none, amount: .zero)
            try c.id(&part.lot)
            try c.money(&part.amount)
            append(part)
        }
    }
}
