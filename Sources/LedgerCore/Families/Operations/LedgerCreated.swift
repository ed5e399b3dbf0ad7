/// The first event of every ledger.
package struct LedgerCreated: EventType {
    package static let code = EventCode.ledgerCreated
    package static let version: UInt8 = 1
    package static let isAboutUser = false
    package static let blank = LedgerCreated(ledger: .zero, hashSeed: .zero)
    package var body: EventBody { .ledgerCreated(self) }

    package var ledger: Hash128  // the UUID
    package var shard: UInt16
    package var hashSeed: Hash128
    /// What one credit is, and how many decimal digits of it an amount counts.
    package var currency: ShortText = "USD"
    package var scale: UInt8 = 9
    /// Its time goes on only when it is told to (CLOCK SET): a ledger to try things on, for good.
    package var isDriven = false
    package init(ledger: Hash128, shard: UInt16 = 0, hashSeed: Hash128, isDriven: Bool = false) {
        self.ledger = ledger
        self.shard = shard
        self.hashSeed = hashSeed
        self.isDriven = isDriven
    }

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.hash(&ledger)
        try c.small(&shard)
        try c.hash(&hashSeed)
        try c.text(&currency)
        try c.small(&scale)
        if c.version >= 1 { try c.bool(&isDriven) }
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        ledger.lastLSN.isNone && shard < 1024 ? nil : "begins a ledger that has begun, or that cannot be"
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.ledger = self.ledger
        ledger.shard = shard
        ledger.seed = hashSeed
        ledger.names = Names(seed: hashSeed)
        ledger.isDriven = isDriven
    }
}
