/// For who decides a recorded journal anew: what was asked stands in most events, but not in those that only remember
/// an answer.
extension StateMachine {
    /// Records a refusal, or that a key got an answer of before, as it was recorded once: nothing moves by it. Other
    /// kinds of event are passed over.
    package mutating func recordAgain(_ event: Event, at now: Timestamp, into decision: inout Decision) {
        let request = Request(
            actor: event.actor, key: event.key, labels: event.labels, origin: event.origin,
            command: .clockAccept(ClockAccept()))
        decision.begin(request, price: .none, at: instant(now))
        if case .refused(let it) = event.body { commit(it, user: event.user, &decision) }
        if case .answered(let it) = event.body { commit(it, &decision) }
        decision.batch.endGroup()
    }
}
