/// What was charged on the current UTC day and in its month, by the day of use. Kept for every user and every passport,
/// so that a cap which is set today knows what was spent before it.
struct Spending: Recordable, Equatable {
    private var today = Money.zero
    private var thisMonth = Money.zero
    /// Days since 1970-01-01. Last, so that a row may have something else behind it in the same eight bytes.
    private var day = Int32.min

    /// What was charged in the period of `now`.
    func spent(_ period: CapPeriod, at now: Timestamp) -> Money {
        switch period {
        case .day: Self.day(of: now) == day ? today : .zero
        case .month: Self.month(of: Self.day(of: now)) == Self.month(of: day) ? thisMonth : .zero
        }
    }

    /// `month` contains `today`.
    mutating func add(today: Money, month: Money, at instant: Timestamp) {
        let day = Self.day(of: instant)
        // Months are asked about only when a day is not the one before: it takes a division or ten.
        let isSameMonth = day == self.day || Self.month(of: day) == Self.month(of: self.day)
        if day > self.day {
            if !isSameMonth { thisMonth = .zero }
            (self.day, self.today) = (day, .zero)
        } else if !isSameMonth {
            return
        }
        if day == self.day { self.today = self.today.adding(today) ?? .max }
        thisMonth = thisMonth.adding(month) ?? .max
    }

    private static func day(of instant: Timestamp) -> Int32 { Int32(Calendar.floorDay(instant)) }

    private static func month(of day: Int32) -> Int64 {
        guard day != .min else { return .min }
        let (year, month, _) = Calendar.civil(days: Int64(day))
        return year * 12 + month
    }

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var number = Int64(day)
        try c.signed(&number)
        day = Int32(truncatingIfNeeded: number)
        try c.money(&today)
        try c.money(&thisMonth)
    }
}

extension StateMachine {
    /// Counts what an event charged at once.
    mutating func count(
        spending amount: Money, of user: UserOrdinal, by passport: PassportOrdinal, at instant: Timestamp
    ) {
        count(user, passport, today: amount, month: amount, at: instant)
    }

    /// The same for what was used at one instant: where that lies before this day, or before this month, it is left
    /// out.
    mutating func count(
        spending amount: Money, usedAt used: Timestamp, of user: UserOrdinal, by passport: PassportOrdinal,
        at instant: Timestamp
    ) {
        func part(of period: CapPeriod) -> Money { used >= period.start(at: instant) ? amount : .zero }
        count(user, passport, today: part(of: .day), month: part(of: .month), at: instant)
    }

    /// Counts usage by the days in which it lies: what was before this day, and before this month, is left out.
    /// `clock`: where its tariff's own clock starts. `units`: what its rate is multiplied by.
    mutating func count(
        spending usage: MeteredUsage, of user: UserOrdinal, by passport: PassportOrdinal, clock: Timestamp,
        units: Int64 = 1, at instant: Timestamp
    ) {
        func part(since start: Timestamp) -> Money {
            if usage.from >= start { return usage.amount }
            if usage.through <= start { return .zero }
            let later = usage.pricing.tariff.integral(from: start - clock, to: usage.through - clock) * Int128(units)
            let earlier = Rational.halfEven(max(usage.numerator - later, 0), over: usage.denominator) ?? .max
            let before = earlier.subtracting(usage.postedBefore) ?? .zero
            return usage.amount - min(max(before, .zero), usage.amount)
        }
        let midnight = CapPeriod.day.start(at: instant)
        // The usual usage is all of today: the month need not be asked.
        guard usage.from < midnight else {
            return count(user, passport, today: usage.amount, month: usage.amount, at: instant)
        }
        let today = part(since: midnight)
        count(user, passport, today: today, month: part(since: CapPeriod.month.start(at: instant)), at: instant)
    }

    private mutating func count(
        _ user: UserOrdinal, _ passport: PassportOrdinal, today: Money, month: Money, at instant: Timestamp
    ) {
        store.accounts[user].spending.add(today: today, month: month, at: instant)
        guard passport != .none else { return }
        store.passports[root(passport)].changeExtras { $0.spending.add(today: today, month: month, at: instant) }
    }

    /// What is held with a passport grows or shrinks.
    mutating func hold(by passport: PassportOrdinal, _ amount: Money) {
        guard passport != .none else { return }
        store.passports[root(passport)].changeExtras { $0.held += Int128(amount.nanos) }
    }

    /// The first of the passports that replaced one another: what they spend together, and how much they may, lies
    /// there.
    func root(_ passport: PassportOrdinal) -> PassportOrdinal { store.passports[passport].root }
}
