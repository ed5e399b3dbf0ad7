/// What every event says of itself, whatever happened.
///
///     code ‖ version ‖ flags ‖ [user ‖ since its previous event] ‖ [actor] ‖ [as of] ‖ [effective from ‖ to]
///          ‖ [linked] ‖ [key scope ‖ key arguments] ‖ [since the group began] ‖ [origin] ‖ [labels] ‖ body
///          ‖ [after-image]
///
/// Number and time are not written: they follow from the batch (its first number and its time, one more and a
/// nanosecond later each). Instants are written as distances from the event's time, events as distances from its
/// number: small numbers, few bytes.
///
/// Codes are never used again. A version's fields never change: a new field is a new version of its event type.
package struct EventHeader: Hashable, Sendable {
    /// Its number; +1 each.
    package var lsn: LSN
    /// Recorded time: strictly increasing. Serves order, age of keys and audit.
    package var time: Timestamp
    /// The instant as of which it was decided: a timer's due instant, however late it fired; else the recorded time.
    package var asOf: Timestamp
    /// Whose rows it touches, or `.none`.
    package var user: UserOrdinal
    /// Which passport asked, or `.none` for the engine itself.
    package var actor: PassportOrdinal
    /// The first event of its group.
    package var group: LSN
    /// The group ends with it.
    package var isLastOfGroup: Bool
    /// The user's event before this one: the thread on which a history hangs.
    package var previous: LSN
    /// When it counts, [from, to). The instant of the decision when nothing else was said.
    package var effectiveFrom: Timestamp
    package var effectiveTo: Timestamp
    /// The idempotency key that asked for it.
    package var key: IdempotencyKey?
    /// What it corrects, refunds or belongs to.
    package var linked: LSN
    package var origin: EventOrigin
    /// Those of the request; of what follows from it later, those of the session, hold or resource that it belongs to.
    package var labels: Labels

    package init(lsn: LSN, time: Timestamp) {
        self.lsn = lsn
        self.time = time
        asOf = time
        user = .none
        actor = .none
        group = lsn
        isLastOfGroup = false
        previous = .none
        effectiveFrom = time
        effectiveTo = time
        key = nil
        linked = .none
        origin = .command
        labels = .none
    }

    /// The instant of the whole group's decision, as of which its events say what is available: they lie a nanosecond
    /// apart.
    var decided: Timestamp {
        asOf == time ? time - TimeSpan(nanoseconds: Int64(lsn.value - group.value)) : asOf
    }

    /// The id of what this event created.
    package func id(shard: UInt16, index: UInt8 = 0) -> BirthID { BirthID(shard: shard, lsn: lsn, index: index) }
}

/// Who made the ledger decide. Raw values are journaled.
package enum EventOrigin: UInt8, CaseIterable, Sendable {
    case command = 0
    /// An instant that had come.
    case timer = 1
    /// A command of a script.
    case script = 2
    /// A command of a transaction.
    case transaction = 3
    /// An instant that had come, ahead of what was due to others before: its user was asked about.
    case timerAhead = 4

    package var isTimer: Bool {
        switch self {
        case .timer, .timerAhead: true
        case .command, .script, .transaction: false
        }
    }
}

/// Which of the header's optional fields follow. Raw bits are journaled. A program that does not know a bit of the
/// lower sixteen cannot read the event; fields of the bits above carry their length and may be skipped.
struct EventFlags: OptionSet {
    var rawValue: UInt32
    static let lastOfGroup = EventFlags(rawValue: 1)
    static let user = EventFlags(rawValue: 1 << 1)
    static let actor = EventFlags(rawValue: 1 << 2)
    static let asOf = EventFlags(rawValue: 1 << 3)
    static let effective = EventFlags(rawValue: 1 << 4)
    static let linked = EventFlags(rawValue: 1 << 5)
    static let key = EventFlags(rawValue: 1 << 6)
    static let group = EventFlags(rawValue: 1 << 7)
    static let origin = EventFlags(rawValue: 1 << 8)
    static let labels = EventFlags(rawValue: 1 << 16)

    static let known: UInt32 = 0x101FF
    static let critical: UInt32 = 0xFFFF
}

extension EventHeader {
    private var flags: EventFlags {
        var flags: EventFlags = isLastOfGroup ? .lastOfGroup : []
        if user != .none { flags.insert(.user) }
        if actor != .none { flags.insert(.actor) }
        if asOf != time { flags.insert(.asOf) }
        if effectiveFrom != asOf || effectiveTo != asOf { flags.insert(.effective) }
        if !linked.isNone { flags.insert(.linked) }
        if key != nil { flags.insert(.key) }
        if group != lsn { flags.insert(.group) }
        if origin != .command { flags.insert(.origin) }
        if !labels.isEmpty { flags.insert(.labels) }
        return flags
    }

    mutating func write<C: Coder>(_ code: EventCode, version: UInt8, to c: inout C) where C.Failure == Never {
        var (code, version, flags) = (code, version, flags)
        c.choice(&code)
        c.small(&version)
        c.small(&flags.rawValue)
        self.code(with: &c, flags)
    }

    /// As a part of a whole event: the type is known, the flags say what is there.
    mutating func code<C: Coder>(_ code: EventCode, _ version: inout UInt8, with c: inout C) throws(C.Failure) {
        var (code, flags) = (code, flags)
        let known = code
        try c.choice(&code)
        guard code == known else { return try c.fail("an event of another type") }
        try c.small(&version)
        try c.small(&flags.rawValue)
        guard flags.rawValue & ~EventFlags.known == 0 else { return try c.fail("fields that are not known") }
        isLastOfGroup = flags.contains(.lastOfGroup)
        if !flags.contains(.user) { (user, previous) = (.none, .none) }
        if !flags.contains(.actor) { actor = .none }
        if !flags.contains(.linked) { linked = .none }
        if !flags.contains(.key) { key = nil }
        if !flags.contains(.origin) { origin = .command }
        if !flags.contains(.labels) { labels = .none }
        try self.code(with: &c, flags)
    }

    /// Reads what stands before the body.
    static func read(
        _ reader: inout ByteReader, lsn: LSN, time: Timestamp
    ) throws(StateError) -> (header: EventHeader, code: EventCode, version: UInt8) {
        let (code, version, flags) = try start(&reader)
        guard flags.rawValue & EventFlags.critical & ~EventFlags.known == 0 else {
            throw StateError("event \(lsn.value) has fields that this program does not know")
        }
        var header = EventHeader(lsn: lsn, time: time)
        header.isLastOfGroup = flags.contains(.lastOfGroup)
        try header.code(with: &reader, flags)
        for bit in 16..<32 where flags.rawValue & ~EventFlags.known & 1 << UInt32(bit) != 0 {
            var skipped: [UInt8] = []
            try reader.bytes(&skipped)
        }
        return (header, code, version)
    }

    /// Whom an event is about, and no more of it; none, where that cannot be read.
    package static func user(of event: UnsafeRawBufferPointer) -> UserOrdinal {
        var reader = ByteReader(event)
        var user = UserOrdinal.none
        do throws(StateError) {
            if try start(&reader).flags.contains(.user) { try reader.user(&user) }
            return user
        } catch {
            return .none
        }
    }

    /// What kind of event it is, and no more of it; nil, where that cannot be read.
    package static func code(of event: UnsafeRawBufferPointer) -> EventCode? {
        event.first.flatMap(EventCode.init(rawValue:))
    }

    private static func start(
        _ reader: inout ByteReader
    ) throws(StateError) -> (code: EventCode, version: UInt8, flags: EventFlags) {
        var code = EventCode.clockAccepted
        var version: UInt8 = 0
        var flags = EventFlags()
        try reader.choice(&code)
        try reader.small(&version)
        try reader.small(&flags.rawValue)
        return (code, version, flags)
    }

    private mutating func code<C: Coder>(with c: inout C, _ flags: EventFlags) throws(C.Failure) {
        if flags.contains(.user) {
            try c.user(&user)
            try distance(&previous, &c)
        }
        if flags.contains(.actor) { try c.passport(&actor) }
        if flags.contains(.asOf) { try distance(&asOf, from: time, &c) } else { asOf = time }
        if flags.contains(.effective) {
            try distance(&effectiveFrom, from: time, &c)
            try distance(&effectiveTo, from: time, &c)
        } else {
            (effectiveFrom, effectiveTo) = (asOf, asOf)
        }
        if flags.contains(.linked) { try distance(&linked, &c) }
        if flags.contains(.key) {
            var used = key ?? IdempotencyKey(scope: .zero, arguments: 0)
            try c.hash(&used.scope)
            try c.fixed(&used.arguments)
            key = used
        }
        if flags.contains(.group) { try distance(&group, &c) } else { group = lsn }
        if flags.contains(.origin) { try c.choice(&origin) }
        if flags.contains(.labels) { try c.labels(&labels) }
    }

    /// An earlier event; 0 is none.
    private func distance<C: Coder>(_ other: inout LSN, _ c: inout C) throws(C.Failure) {
        var back = other.isNone ? 0 : lsn.value &- other.value
        try c.unsigned(&back)
        other = back == 0 ? .none : LSN(lsn.value &- back)
    }

    private func distance<C: Coder>(_ other: inout Timestamp, from time: Timestamp, _ c: inout C) throws(C.Failure) {
        var difference = other.nanoseconds &- time.nanoseconds
        try c.signed(&difference)
        other = Timestamp(nanoseconds: time.nanoseconds &+ difference)
    }
}
