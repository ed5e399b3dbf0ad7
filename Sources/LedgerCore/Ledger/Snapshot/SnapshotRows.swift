/// The one row of section `ledger`.
struct LedgerRow: Recordable {
    var ledger = Hash128.zero
    var shard: UInt16 = 0
    var seed = Hash128.zero
    var lastLSN = LSN.none
    var lastTime = Timestamp.distantPast
    var keyRetention = TimeSpan.zero
    var keyCapacity: UInt64 = 0
    var refusals = RefusalRate()
    var presence = Presence()
    var allowanceDue = Timestamp.never
    var allowanceNext = UserOrdinal(0)
    var isDriven = false

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.hash(&ledger)
        try c.small(&shard)
        try c.hash(&seed)
        try c.lsn(&lastLSN)
        try c.time(&lastTime)
        try c.span(&keyRetention)
        try c.unsigned(&keyCapacity)
        try c.signed(&refusals.second)
        try c.unsigned(&refusals.recorded)
        try c.time(&presence.since)
        try c.time(&allowanceDue)
        try c.user(&allowanceNext)
        if c.version >= 2 { try c.bool(&isDriven) }
    }
}

struct HashRow: Recordable {
    var key = Hash128.zero
    var value: UInt64 = 0
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.hash(&key)
        try c.unsigned(&value)
    }
}

struct NumberRow: Recordable {
    var key: UInt64 = 0
    var value: UInt64 = 0
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.unsigned(&key)
        try c.unsigned(&value)
    }
}
