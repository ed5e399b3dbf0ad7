/// The end of a script (EVAL) that changed something, or that came with a KEY: what it was and what it returned. Its
/// last event; everything from `first` on is the script's.
///
/// It stands at the end, where what was returned is known. All of a script is one piece of the journal, there whole or
/// not at all, so its place says nothing else.
package struct ScriptRun: CommandType {
    package static let name: StaticString = "EVAL"

    /// SHA-1 of the source, as EVALSHA names it.
    package var script: [UInt8]
    /// The script's first event; none where it changed nothing.
    package var first: LSN
    /// What it returned, as RESP3.
    package var value: [UInt8]

    /// Bytes of a returned value that is kept.
    package static let mostValue = 16 << 10

    package init(script: [UInt8], first: LSN, value: [UInt8]) {
        self.script = script
        self.first = first
        self.value = value
    }

    package func decide(in ledger: inout StateMachine, _ decision: inout Decision) throws(Rejection) -> Outcome {
        guard value.count <= Self.mostValue else {
            throw .invalid(
                "the script returned \(value.count) bytes; one that changes the ledger or has a key may return "
                    + "\(Self.mostValue)")
        }
        return .accepted(ledger.commit(ScriptRan(script: script, first: first, value: value), &decision))
    }
}

package struct ScriptRan: EventType {
    package static let code = EventCode.scriptRan
    package static let isAboutUser = false
    package static let blank = ScriptRan(script: [], first: .none, value: [])
    package var body: EventBody { .scriptRan(self) }

    package var script: [UInt8]
    package var first: LSN
    package var value: [UInt8]

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.bytes(&script)
        try c.lsn(&first)
        try c.bytes(&value)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? {
        guard script.count == 20 else { return "names a script by \(script.count) bytes" }
        guard first <= header.lsn else { return "is of a script that begins behind it" }
        guard value.count <= ScriptRun.mostValue else { return "keeps a value of \(value.count) bytes" }
        return nil
    }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {}
}
