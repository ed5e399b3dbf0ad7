/// A refusal worth keeping: under an idempotency key, so that it is answered alike again; and an admission that the
/// ledger turned away, so that a back-test can see what another price or limit would have let in.
package struct Refused: EventType {
    package static let code = EventCode.refused
    package static let isAboutUser = false
    package static let blank = Refused(rejection: RecordedRejection(.exists(.user))!, admission: nil)
    package var body: EventBody { .refused(self) }

    package var rejection: RecordedRejection
    /// What was asked for, when it was a session.
    package var admission: RefusedAdmission?

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try rejection.code(with: &c)
        try c.optional(&admission, blank: .blank)
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }

    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {
        if header.key == nil { ledger.store.refusals.count(at: header.time) }
    }
}

/// A command under a new key that an earlier event had answered already (a second STOP, a session recorded before): the
/// key remembers that answer.
package struct Answered: EventType {
    package static let code = EventCode.answered
    package static let isAboutUser = false
    package static let blank = Answered(answer: .none, recorded: nil)
    package var body: EventBody { .answered(self) }

    /// The event whose receipt is the answer.
    package var answer: LSN
    /// What a RECORD asked: the earlier event answers the same arguments, others are refused with `EXISTS`.
    package var recorded: Hash128?

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.lsn(&answer)
        var present = recorded != nil
        try c.bool(&present)
        guard present else { return }
        var arguments = recorded ?? .zero
        try c.hash(&arguments)
        recorded = arguments
    }

    package func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String? { nil }
    package func apply(to ledger: inout StateMachine, _ header: EventHeader) {}
}

package struct RefusedAdmission: Hashable, Sendable {
    package var session: ShortText
    package var tier: Tier
    package var timeToLive: TimeSpan
    package var reserveFull: Bool
    package init(_ start: SessionStart) {
        session = start.session
        tier = start.tier
        timeToLive = start.timeToLive
        reserveFull = start.reserveFull
    }
}

extension RefusedAdmission: Recordable {
    static let blank = RefusedAdmission(SessionStart(user: .zero, session: ShortText(), tier: .small))

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&session)
        try c.choice(&tier)
        try c.span(&timeToLive)
        try c.bool(&reserveFull)
    }
}

extension StateMachine {
    /// So many admissions that were turned away are recorded a second; more are only counted, by the engine. Else a
    /// crowd without credit could fill the disk.
    package static let refusedAdmissionsPerSecond: UInt64 = 16

    mutating func record(_ rejection: Rejection, of request: Request, _ decision: inout Decision) {
        guard let recorded = RecordedRejection(rejection) else { return }
        var refused = Refused(rejection: recorded, admission: nil)
        var user = UserOrdinal.none
        if case .sessionStart(let start) = request.command, let ordinal = self.user(start.user), !isDeleted(ordinal) {
            refused.admission = RefusedAdmission(start)
            user = ordinal
        }
        if request.key == nil || !recorded.isRememberedByKey {
            guard refused.admission != nil, recorded.turnsAway, store.refusals.hasRoom(at: decision.now) else { return }
            decision.key = nil
        }
        commit(refused, user: user, &decision)
    }
}

/// The rejections that are journaled, and how.
package struct RecordedRejection: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        case insufficient = 0, closed = 1, exists = 2, debt = 3, limit = 4, frozen = 5, cap = 6
    }
    package var kind: Kind
    package var subject: Rejection.Subject = .user
    package var available: Money = .zero
    /// What was needed; the debt.
    package var needed: Money = .zero
    package var limit: LimitName = .sessions
    package var limitValue: Int64 = 0
    package var state: UserState = .active
    package var cap = CapReached()

    package init?(_ rejection: Rejection) {
        switch rejection {
        case .insufficient(let available, let needed):
            (kind, self.available, self.needed) = (.insufficient, available, needed)
        case .closed(let subject): (kind, self.subject) = (.closed, subject)
        case .exists(let subject): (kind, self.subject) = (.exists, subject)
        case .ruleExists: (kind, subject) = (.exists, .rule)
        case .debt(let debt): (kind, needed) = (.debt, debt)
        case .limit(let name, let value): (kind, limit, limitValue) = (.limit, name, value)
        case .frozen(let state): (kind, self.state) = (.frozen, state)
        case .cap(let reached): (kind, cap) = (.cap, reached)
        case .notFound, .notYet, .noVersionBefore, .keyReused, .passportInvalid, .ownRate, .rule, .busy, .readOnly,
            .denied,
            .invalid:
            return nil
        }
    }

    package var rejection: Rejection {
        switch kind {
        case .insufficient: .insufficient(available: available, needed: needed)
        case .closed: .closed(subject)
        case .exists: .exists(subject)
        case .debt: .debt(needed)
        case .limit: .limit(limit, limitValue)
        case .frozen: .frozen(state)
        case .cap: .cap(cap)
        }
    }

    /// Whether an idempotency key answers with it again (SPEC 9): what later credit or a changed limit would let in is
    /// asked anew.
    package var isRememberedByKey: Bool {
        switch kind {
        case .insufficient, .closed, .exists, .cap: true
        case .debt, .limit, .frozen: false
        }
    }

    /// Whether it says that an admission was turned away for want of credit or by a limit.
    package var turnsAway: Bool {
        switch kind {
        case .insufficient, .debt, .limit, .frozen, .cap: true
        case .closed, .exists: false
        }
    }
}

extension RecordedRejection: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.choice(&kind)
        switch kind {
        case .insufficient:
            try c.money(&available)
            try c.money(&needed)
        case .closed, .exists: try c.choice(&subject)
        case .debt: try c.money(&needed)
        case .limit:
            try c.choice(&limit)
            try c.signed(&limitValue)
        case .frozen: try c.choice(&state)
        case .cap: try cap.code(with: &c)
        }
    }
}
