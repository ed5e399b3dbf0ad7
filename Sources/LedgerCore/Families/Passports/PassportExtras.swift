/// What few passports have: caps, a rate, and what was charged or is held with them. A platform works with a few of its
/// own; its users' passports say who somebody is.
struct PassportExtras: Equatable, Sendable {
    var caps = Caps()
    /// Requests per hour; 0 for no limit of its own.
    var rate: UInt32 = 0
    var spending = Spending()
    // Derived: what holds and sessions that were begun with it pin, of all users, in nano-USD beyond 64 bits.
    var held = Int128(0)
}

extension PassportExtras {
    /// As a row keeps them: in memory of their own, which copies of the row share (for a savepoint, for a capture), and
    /// in none before the first change.
    ///
    /// Unchecked Sendable: only who holds the one reference that there is changes what lies behind it.
    struct Shared: @unchecked Sendable {
        private var box: Box?

        private final class Box {
            var extras: PassportExtras
            init(_ extras: PassportExtras) { self.extras = extras }
        }

        var extras: PassportExtras { box?.extras ?? PassportExtras() }

        /// Cost: no allocation, but the first time and where copies share it.
        mutating func change(_ change: (inout PassportExtras) -> Void) {
            guard !isKnownUniquelyReferenced(&box) else { return change(&box!.extras) }
            var extras = extras
            change(&extras)
            box = Box(extras)
        }
    }
}

extension PassportExtras.Shared: Equatable {
    static func == (a: Self, b: Self) -> Bool { a.extras == b.extras }
}
