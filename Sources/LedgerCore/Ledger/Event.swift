/// What the ledger decided: the only thing that is recorded, and the only input of `apply`. An event carries its price,
/// its time and its ids, so replaying it needs no rule, no clock and no randomness.
///
/// Every event touches the rows of one user at most (and sums in the books). A command that moves several things gives
/// a group of events that lie in one batch; the first that answers carries all that the command's receipt says.
///
/// This value is for who looks at single events (history, EXPLAIN, tests). Deciding writes events straight into a
/// batch, replaying and receipts read them from there by their own type (``EventType``).
package struct Event: Sendable {
    package var header: EventHeader
    /// The user's account after it: `apply` must arrive at the same numbers.
    package var after: AccountImage
    package var body: EventBody

    // The header's fields. (A key path for each would be looked up at run time, for every receipt.)
    package var lsn: LSN { header.lsn }
    package var time: Timestamp { header.time }
    package var asOf: Timestamp { header.asOf }
    package var user: UserOrdinal { header.user }
    package var actor: PassportOrdinal { header.actor }
    package var group: LSN { header.group }
    package var isLastOfGroup: Bool { header.isLastOfGroup }
    package var previous: LSN { header.previous }
    package var effectiveFrom: Timestamp { header.effectiveFrom }
    package var effectiveTo: Timestamp { header.effectiveTo }
    package var key: IdempotencyKey? { header.key }
    package var linked: LSN { header.linked }
    package var origin: EventOrigin { header.origin }
    package var labels: Labels { header.labels }

    /// The id of what this event created.
    package func id(shard: UInt16) -> BirthID { header.id(shard: shard) }

    /// What it means, for everybody who does not decide.
    package var facts: Facts {
        var reader = FactsOfEvent(header: header)
        return body.visit(&reader)
    }
}

private struct FactsOfEvent: EventVisitor {
    let header: EventHeader
    mutating func visit<E: EventType>(_ event: borrowing E) -> Facts { event.facts(header) }
}

/// A user's account in numbers.
package struct AccountImage: Hashable, Sendable {
    package var paid = Money.zero
    package var promo = Money.zero
    package var held = Money.zero
    package var debt = Money.zero
    /// What could be spent at the instant of the decision: unexpired lots less holds less usage accrued but not posted.
    package var available = Money.zero
    package init() {}
}

extension AccountImage: Recordable {
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.money(&paid)
        try c.money(&promo)
        try c.money(&held)
        try c.money(&debt)
        try c.money(&available)
    }
}

/// One kind of event: its code for all time, its fields and their bytes for each version, what stands in its way at
/// replay, what it does, and what it means to everybody else.
package protocol EventType: Recordable, Sendable {
    static var code: EventCode { get }
    /// The version of its fields that is written today.
    static var version: UInt8 { get }
    /// For a decoder to fill.
    static var blank: Self { get }
    /// Whether it changes rows of a user.
    static var isAboutUser: Bool { get }
    /// Lists its fields in order. `c.version` is the version that is being read or written.
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure)
    /// Why `apply` could not do it in this state, as the rest of a sentence that begins with the event; nil when
    /// nothing stands in its way. Asked at replay only: who decides has looked before.
    func objection(in ledger: borrowing StateMachine, _ header: EventHeader) -> String?
    /// Changes the state. Trusts the event, which was decided just now or has passed `objection`.
    func apply(to ledger: inout StateMachine, _ header: EventHeader)
    func facts(_ header: EventHeader) -> Facts
    /// Whether a rule may have priced something in it: ``priced`` is asked of no other.
    static var isPriced: Bool { get }
    /// What a rule priced in it, to be asked again.
    var priced: PricedPart? { get }
    var body: EventBody { get }
}

extension EventType {
    package static var version: UInt8 { 0 }
    package static var isAboutUser: Bool { true }
    package func facts(_ header: EventHeader) -> Facts { Facts() }
    package static var isPriced: Bool { false }
    package var priced: PricedPart? { nil }
}

/// Something to be done with an event of whatever type.
package protocol EventVisitor {
    associatedtype Result
    associatedtype Failure: Error
    mutating func visit<E: EventType>(_ event: borrowing E) throws(Failure) -> Result
}

/// Something to be done with a type of event.
package protocol EventTypeVisitor {
    associatedtype Result
    associatedtype Failure: Error
    mutating func visit<E: EventType>(_ type: E.Type) throws(Failure) -> Result
}

extension Event {
    /// Reads one journaled event, whose number and time its batch says. Every byte must belong to it.
    package init(decoding bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError) {
        var parts = try EventParts(bytes, lsn: lsn, time: time)
        self = try parts.code.visit(&parts)
    }
}

/// An event whose header was read and whose body was not yet.
struct EventParts: EventTypeVisitor {
    let header: EventHeader
    let code: EventCode
    private var reader: ByteReader

    init(_ bytes: UnsafeRawBufferPointer, lsn: LSN, time: Timestamp) throws(StateError) {
        reader = ByteReader(bytes)
        let version: UInt8
        (header, code, version) = try EventHeader.read(&reader, lsn: lsn, time: time)
        reader.version = version
    }

    /// The rest of it. Every byte must belong to it.
    mutating func read<E: EventType>(_ type: E.Type) throws(StateError) -> (body: E, after: AccountImage) {
        guard reader.version <= E.version else {
            throw StateError("event \(header.lsn.value) has a version that this program does not know")
        }
        var body = E.blank
        try body.code(with: &reader)
        var image = AccountImage()
        if header.user != .none { try image.code(with: &reader) }
        guard reader.isAtEnd else { throw StateError("event \(header.lsn.value) has bytes that nothing reads") }
        return (body, image)
    }

    mutating func visit<E: EventType>(_ type: E.Type) throws(StateError) -> Event {
        let (body, after) = try read(type)
        return Event(header: header, after: after, body: body.body)
    }
}

// MARK: - The whole of it in bytes

extension Event {
    /// Reads or writes the whole event, field by field: for who changes events or takes their bytes apart. (Deciding
    /// writes them, and replaying reads them, by their own type.)
    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        var coding = CodingBody(coder: c)
        (coding.code, coding.version) = body.identity
        try header.code(coding.code, &coding.version, with: &coding.coder)
        coding.coder.version = coding.version
        body = try body.visit(&coding)
        if header.user != .none { try after.code(with: &coding.coder) }
        c = coding.coder
    }
}

private struct CodingBody<C: Coder>: EventVisitor {
    var coder: C
    var code = EventCode.clockAccepted
    var version: UInt8 = 0

    init(coder: C) { self.coder = coder }

    mutating func visit<E: EventType>(_ event: borrowing E) throws(C.Failure) -> EventBody {
        var event = copy event
        try event.code(with: &coder)
        return event.body
    }
}

private struct IdentityOfEvent: EventVisitor {
    mutating func visit<E: EventType>(_ event: borrowing E) -> (EventCode, UInt8) { (E.code, E.version) }
}

extension EventBody {
    /// Its type, and the version that is written today.
    fileprivate var identity: (EventCode, UInt8) {
        var visitor = IdentityOfEvent()
        return visit(&visitor)
    }

    package var code: EventCode { identity.0 }
}
