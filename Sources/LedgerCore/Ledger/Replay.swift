/// Replay: the way back from a journal to the state.
///
/// `apply` trusts the event, for `decide` has just made it. A journal's event comes from a disk, or from another
/// machine: checksums say that it is as it was written, not that it was written by a ledger in this state. So what
/// `apply` could not do (a row that is not there, more than a lot has, a sum beyond 64 bits) is refused before, with a
/// sentence instead of a trap; whatever else is wrong shows in the after-image and in the books.
extension StateMachine {
    /// Replays one journaled event: reads, checks, applies, and compares it with its own after-image. Its number must
    /// be the next one. After an error the state may hold a part of the event: discard it.
    package mutating func replay(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError) {
        guard lsn == lastLSN.next else { throw StateError("event \(lsn.value) follows event \(lastLSN.value)") }
        let parts = try EventParts(bytes, lsn: lsn, time: time)
        try withUnsafeMutablePointer(to: &self) { (ledger) throws(StateError) in
            var replaying = Replaying(ledger: ledger, parts: parts)
            try parts.code.visit(&replaying)
        }
    }

    private struct Replaying: EventTypeVisitor {
        /// Valid, and the only access, for the length of the call that made it.
        let ledger: UnsafeMutablePointer<StateMachine>
        var parts: EventParts

        mutating func visit<E: EventType>(_ type: E.Type) throws(StateError) {
            let (event, after) = try parts.read(type)
            try ledger.pointee.replay(event, parts.header, after)
        }
    }

    private mutating func replay<E: EventType>(
        _ event: E, _ header: EventHeader, _ after: AccountImage
    ) throws(StateError) {
        if let objection = objection(to: header, E.self) ?? event.objection(in: self, header) {
            throw StateError("event \(header.lsn.value) \(objection)")
        }
        apply(event, header)
        guard store.books.sum == 0 else {
            throw StateError("event \(header.lsn.value) leaves \(store.books.sum) over in the books")
        }
        guard header.user != .none else { return }
        let image = image(header.user, at: header.decided)
        // Ledgers of before say what was left at the instant of each event.
        guard image == after || self.image(header.user, at: header.asOf) == after else {
            throw StateError("event \(header.lsn.value) left the account at \(image), the journal says \(after)")
        }
    }

    /// What every event must keep, as the rest of a sentence; nil when nothing stands in the way.
    private func objection<E: EventType>(to header: EventHeader, _ type: E.Type) -> String? {
        guard header.time > lastTime else { return "is not later than the one before it" }
        guard header.time >= .earliest, header.time < .latest, header.asOf >= .earliest, header.asOf <= header.time
        else { return "is of no time that a ledger records" }
        guard header.lsn.value <= BirthID.mostLSN else { return "has a number beyond 46 bits" }
        guard !header.group.isNone, header.group <= header.lsn else { return "is of a group that begins behind it" }
        guard isKnown(header.actor) else { return "names a passport that is not there" }
        guard header.key?.scope != .zero else { return "has a key that is none" }
        if E.code == .userCreated {
            guard header.user.value == UInt32(store.accounts.count) else { return "creates a user out of order" }
        } else if header.user != .none {
            guard header.user.value < UInt32(store.accounts.count) else { return "is about an unknown user" }
            guard !isDeleted(header.user) else { return "is about a user who was deleted" }
            guard header.previous == store.accounts[header.user].lastEvent else {
                return "does not follow its user's last event"
            }
        } else if E.isAboutUser {
            return "is about nobody"
        }
        return nil
    }

    func isKnown(_ passport: PassportOrdinal) -> Bool {
        passport == .none || passport.value < UInt32(store.passports.count)
    }
}
