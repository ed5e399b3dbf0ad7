/// CLOCK ACCEPT: the wall is right, whatever the ledger's clock says.
package struct ClockAccept: CommandType {
    package static let name: StaticString = "CLOCK ACCEPT"
    package var consequence: Consequence { .clockAccepted }
    package init() {}

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        .accepted(ledger.commit(ClockAccepted(), &decision))
    }
}

package struct ClockAccepted: EventType {
    package static let code = EventCode.clockAccepted
    package static let isAboutUser = false
    package static let blank = ClockAccepted()
    package var body: EventBody { .clockAccepted(self) }
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {}
    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }
    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {}
}
