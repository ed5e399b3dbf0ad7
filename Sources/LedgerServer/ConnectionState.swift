/// Where a connection stands, and what is to be done when something happens to it: a pure state machine, without
/// socket, clock or bytes. Its owner performs the actions that its methods return.
///
/// ```
///                 received, resume                     the other side has sent all,
///            ┌──────────────────────────┐              QUIT, a broken request, a stop
///  drained ──┤ turn ─▶ drained │ stalled │ scheduled ├──────────────────▶ finishing ─▶ closing ─▶ closed
///            └──────────────────────────┘                                 all is answered
/// ```
///
/// Requests are taken in turns. A turn ends when all complete requests were performed (*drained*), when the client has
/// to wait for something under way (*stalled*), or when its share is used up (*scheduled*: it goes on in a later round,
/// when the others have had theirs). The socket is read only while the connection is drained: what else the other side
/// sends stays in the kernel.
struct ConnectionState: ~Copyable {
    enum Action: Equatable {
        case none
        /// Perform the requests that are here, then say how it ended: ``turnEnded(_:)``.
        case takeTurn
        /// Call ``roundCame()`` when the others have had their turns.
        case continueLater
        /// Read the socket: it asked to, and was not allowed then.
        case read
        /// No request comes any more: see whether all is answered (``settled(allAnswered:)``).
        case settle
        /// Close behind what was written.
        case close
    }

    /// How a turn ended.
    enum End: Equatable {
        /// All complete requests were performed.
        case drained
        /// The client has to wait; ``resume()`` goes on.
        case stalled
        case shareUsedUp
        /// What came is no request, and what follows cannot be told from it.
        case broken
    }

    private enum Phase {
        case drained
        case stalled(Reading)
        case scheduled(Reading)
        case finishing
        case closing
        case closed
    }

    /// What the socket is about while the connection is not drained.
    private enum Reading {
        case notAsked
        /// The channel wants to read, and may not yet.
        case wanted
        /// The other side has sent all it will (`nc`, `shutdown(2)`), or has gone: what it asked is still answered.
        case ended
    }

    private var phase = Phase.drained

    /// Whether further requests may be performed.
    var takesRequests: Bool {
        switch phase {
        case .drained, .stalled, .scheduled: true
        case .finishing, .closing, .closed: false
        }
    }

    /// Whether complete requests may be here that were not performed.
    var hasBacklog: Bool {
        switch phase {
        case .stalled, .scheduled: true
        case .drained, .finishing, .closing, .closed: false
        }
    }

    /// Whether nothing of it is needed any more, though work under way may still name it.
    var isClosed: Bool {
        if case .closed = phase { return true }
        return false
    }

    /// Whether no request comes any more.
    var inputHasEnded: Bool {
        switch phase {
        case .stalled(.ended), .scheduled(.ended), .finishing, .closing, .closed: true
        case .drained, .stalled, .scheduled: false
        }
    }

    // MARK: What happens

    /// Bytes came.
    mutating func received() -> Action {
        switch phase {
        case .drained, .stalled: .takeTurn
        // Its round comes.
        case .scheduled: .none
        case .finishing, .closing, .closed: .none
        }
    }

    /// The channel wants to read.
    mutating func wantsRead() -> Action {
        switch phase {
        case .drained: return .read
        case .stalled(.notAsked), .stalled(.wanted): phase = .stalled(.wanted)
        case .scheduled(.notAsked), .scheduled(.wanted): phase = .scheduled(.wanted)
        case .stalled(.ended), .scheduled(.ended): break
        // The end of the other side is seen by reading; what it says is not listened to.
        case .finishing, .closing: return .read
        case .closed: break
        }
        return .none
    }

    /// The other side has sent all it will.
    mutating func inputEnded() -> Action {
        switch phase {
        case .drained:
            phase = .finishing
            return .settle
        case .stalled: phase = .stalled(.ended)
        case .scheduled: phase = .scheduled(.ended)
        case .finishing, .closing, .closed: break
        }
        return .none
    }

    /// What the client waited for may have come.
    mutating func resume() -> Action {
        switch phase {
        case .stalled: .takeTurn
        case .drained, .scheduled, .finishing, .closing, .closed: .none
        }
    }

    /// The round for which ``Action/continueLater`` asked.
    mutating func roundCame() -> Action {
        guard case .scheduled(let reading) = phase else { return .none }
        phase = .stalled(reading)
        return .takeTurn
    }

    /// The turn that ``Action/takeTurn`` asked for is over.
    mutating func turnEnded(_ end: End) -> Action {
        let reading: Reading
        switch phase {
        case .drained: reading = .notAsked
        case .stalled(let before), .scheduled(let before): reading = before
        // QUIT, or too many wrong passports, in the middle of the turn.
        case .finishing: return .settle
        case .closing, .closed: return .none
        }
        switch end {
        case .stalled: phase = .stalled(reading)
        case .shareUsedUp:
            phase = .scheduled(reading)
            return .continueLater
        case .broken:
            phase = .finishing
            return .settle
        case .drained:
            phase = .drained
            switch reading {
            case .notAsked: break
            case .wanted: return .read
            case .ended: return inputEnded()
            }
        }
        return .none
    }

    /// Takes no further request; closes when all is answered.
    mutating func finish() {
        switch phase {
        case .drained, .stalled, .scheduled: phase = .finishing
        case .finishing, .closing, .closed: break
        }
    }

    /// What was ready has been handed on. `allAnswered`: nothing is under way and nothing waits.
    mutating func settled(allAnswered: Bool) -> Action {
        guard case .finishing = phase, allAnswered else { return .none }
        phase = .closing
        return .close
    }

    mutating func close() { phase = .closed }
}
