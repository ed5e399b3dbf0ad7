import LedgerCommands
import NIOCore
import Testing

@testable import LedgerServer

/// The life of a connection, without one.
@Suite struct ConnectionStateTests {
    /// What cannot be copied cannot be looked at inside of the macro.
    private func expect(_ seen: Bool, _ right: Bool, at location: SourceLocation = #_sourceLocation) {
        #expect(seen == right, sourceLocation: location)
    }

    @Test func `a request that is complete is performed, and the socket read again`() {
        var state = ConnectionState()
        #expect(state.wantsRead() == .read)
        #expect(state.received() == .takeTurn)
        #expect(state.turnEnded(.drained) == .none)
        #expect(state.wantsRead() == .read)
        expect(state.takesRequests, true)
        expect(state.hasBacklog, false)
        expect(state.inputHasEnded, false)
    }

    @Test func `while the client has to wait its socket is not read, and then it is`() {
        var state = ConnectionState()
        #expect(state.received() == .takeTurn)
        #expect(state.turnEnded(.stalled) == .none)
        expect(state.hasBacklog, true)
        #expect(state.wantsRead() == .none)
        #expect(state.resume() == .takeTurn)
        #expect(state.turnEnded(.stalled) == .none)
        #expect(state.resume() == .takeTurn)
        #expect(state.turnEnded(.drained) == .read)
        expect(state.hasBacklog, false)
        #expect(state.resume() == .none)
    }

    @Test func `whose share is used up goes on in a later round, and in no other way`() {
        var state = ConnectionState()
        #expect(state.received() == .takeTurn)
        #expect(state.turnEnded(.shareUsedUp) == .continueLater)
        #expect(state.received() == .none)
        #expect(state.resume() == .none)
        #expect(state.wantsRead() == .none)
        #expect(state.roundCame() == .takeTurn)
        #expect(state.turnEnded(.shareUsedUp) == .continueLater)
        #expect(state.roundCame() == .takeTurn)
        #expect(state.turnEnded(.drained) == .read)
        // A round that nobody waits for any more.
        #expect(state.roundCame() == .none)
    }

    @Test func `who has sent the last request is answered, then closed`() {
        var state = ConnectionState()
        #expect(state.inputEnded() == .settle)
        expect(state.takesRequests, false)
        expect(state.inputHasEnded, true)
        #expect(state.settled(allAnswered: false) == .none)
        #expect(state.settled(allAnswered: true) == .close)
        #expect(state.settled(allAnswered: true) == .none)
        state.close()
        expect(state.isClosed, true)
        #expect(state.wantsRead() == .none)
    }

    @Test(arguments: [ConnectionState.End.stalled, .shareUsedUp])
    func `the end of the input waits for the requests before it`(end: ConnectionState.End) {
        var state = ConnectionState()
        #expect(state.received() == .takeTurn)
        _ = state.turnEnded(end)
        #expect(state.inputEnded() == .none)
        expect(state.takesRequests, true)
        expect(state.inputHasEnded, true)
        #expect(state.wantsRead() == .none)
        if end == .stalled { #expect(state.resume() == .takeTurn) } else { #expect(state.roundCame() == .takeTurn) }
        #expect(state.turnEnded(.drained) == .settle)
        expect(state.takesRequests, false)
    }

    @Test func `behind QUIT, and behind what is no request, nothing is taken`() {
        var quit = ConnectionState()
        #expect(quit.received() == .takeTurn)
        quit.finish()
        #expect(quit.turnEnded(.stalled) == .settle)
        #expect(quit.received() == .none && quit.resume() == .none && quit.roundCame() == .none)
        // It is read all the same: unread bytes would make the kernel throw the last answer away.
        #expect(quit.wantsRead() == .read)
        var broken = ConnectionState()
        #expect(broken.received() == .takeTurn)
        #expect(broken.turnEnded(.broken) == .settle)
        #expect(broken.settled(allAnswered: true) == .close && broken.received() == .none)
    }

    @Test func `a closed connection asks for nothing, whatever happens`() {
        var state = ConnectionState()
        state.close()
        #expect(state.received() == .none && state.resume() == .none && state.roundCame() == .none)
        #expect(state.inputEnded() == .none && state.turnEnded(.shareUsedUp) == .none)
        state.finish()
        expect(state.isClosed, true)
        #expect(state.settled(allAnswered: true) == .none)
    }

    // MARK: Patience

    private static let opened = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private func at(_ seconds: Int64) -> NIODeadline { Self.opened + .seconds(seconds) }
    private func patience() -> Patience {
        Patience(
            Patience.Limits(passport: .seconds(5), request: .seconds(10), answers: .seconds(10)), opened: Self.opened)
    }

    @Test func `slow is who takes nothing while it sends nothing`() {
        var patience = patience()
        func check(_ second: Int64, taken: Int = 0, untaken: Bool = true, isUnread: Bool = false) -> Patience.Missed? {
            patience.check(
                at: at(second), strangerSince: nil, taken: taken, untaken: untaken, isUnread: isUnread)
        }
        for second in 1...60 as ClosedRange<Int64> {
            patience.received()  // it still writes
            #expect(check(second) == nil)
        }
        for second in 61...120 as ClosedRange<Int64> { #expect(check(second, taken: Int(second)) == nil) }
        for second in 121...180 as ClosedRange<Int64> { #expect(check(second, taken: 120, untaken: false) == nil) }
        for second in 181...240 as ClosedRange<Int64> { #expect(check(second, taken: 120, isUnread: true) == nil) }
        #expect(check(250, taken: 120) == nil)
        #expect(check(251, taken: 120) == .answers)
    }

    @Test func `half a request is waited for from the last complete one on`() {
        var patience = patience()
        func check(_ second: Int64) -> Patience.Missed? {
            patience.check(at: at(second), strangerSince: nil, taken: 0, untaken: false, isUnread: false)
        }
        for second in stride(from: 0, to: 100, by: 9) as StrideTo<Int64> {
            patience.turnEnded(performed: true, isPartial: true, at: at(second))
            #expect(check(second + 9) == nil)
        }
        // More of the same request is no progress.
        patience.turnEnded(performed: false, isPartial: true, at: at(108))
        #expect(check(109) == nil && check(110) == .request)
        patience.turnEnded(performed: true, isPartial: false, at: at(111))
        #expect(check(200) == nil)
        let missed = patience.check(at: at(206), strangerSince: at(200), taken: 0, untaken: false, isUnread: false)
        #expect(missed == .passport)
    }
}
