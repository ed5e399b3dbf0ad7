/// The first command after a start, and after every pause in which nobody could decide: says how long that was, and
/// settings that decisions depend on.
package struct EngineStart: CommandType {
    package static let name: StaticString = "ENGINE START"
    package var version: ShortText
    package var downtime: TimeSpan
    package var keyRetention: TimeSpan
    package var keyCapacity: UInt64
    package init(version: ShortText, downtime: TimeSpan, keyRetention: TimeSpan, keyCapacity: UInt64) {
        self.version = version
        self.downtime = downtime
        self.keyRetention = keyRetention
        self.keyCapacity = keyCapacity
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        let event = EngineStarted(
            version: version, downtime: downtime, keyRetention: keyRetention, keyCapacity: keyCapacity)
        // It counts from when the gap began: what was due within it comes after it.
        let began = max(decision.now - downtime, ledger.instant(.distantPast))
        return .accepted(ledger.commit(event, asOf: min(began, decision.now), &decision))
    }
}

/// Since when the ledger can hear hosts and tell them something: after a gap, that counts anew.
struct Presence: Equatable {
    var since = Timestamp.distantPast
}

package struct EngineStarted: EventType {
    package static let code = EventCode.engineStarted
    package static let isAboutUser = false
    package static let blank = EngineStarted(
        version: ShortText(), downtime: .zero, keyRetention: .zero, keyCapacity: 0)
    package var body: EventBody { .engineStarted(self) }

    package var version: ShortText
    package var downtime: TimeSpan
    package var keyRetention: TimeSpan
    package var keyCapacity: UInt64

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&version)
        try c.span(&downtime)
        try c.span(&keyRetention)
        try c.unsigned(&keyCapacity)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        ledger.store.history.retain(for: keyRetention, at: ledger.lastTime)
        ledger.store.history.capacity = keyCapacity
        guard downtime > .zero else { return }
        ledger.store.presence.since = header.time
        // What needs somebody to be heard or told gets that time back: nobody could be. Everything else happens at the
        // instants at which it was due, as if the ledger had been there.
        for slot in ledger.store.sessions.slots {
            if ledger.store.sessions[slot].lostAt != .never {
                ledger.store.sessions[slot].lostAt = ledger.store.sessions[slot].lostAt + downtime
            }
            if ledger.store.sessions[slot].deadline != .never {
                ledger.store.sessions[slot].deadline = ledger.store.sessions[slot].deadline + downtime
            }
            ledger.schedule(session: slot)
        }
        ledger.refreshFundsEnd(at: header.time) { _ in true }
    }
}
