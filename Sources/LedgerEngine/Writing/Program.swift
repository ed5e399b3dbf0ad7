internal import CIntrinsics
package import LedgerCore

/// Several commands that are decided as one: a script, a transaction. Its writes are one piece of the journal, there
/// whole or not at all, and nothing else is decided meanwhile.
///
/// Who made it hands it over with a ``WorkItem/program(_:)`` and gets it back when the batch is complete.
package protocol Program: AnyObject, Sendable {
    /// As clients write it, for INFO and SLOWLOG.
    var name: StaticString { get }
    /// What its events say of where they came from.
    var origin: EventOrigin { get }
    /// What it is to its idempotency key and to the journal; nil: it leaves no event of its own.
    var script: [UInt8]? { get }
    /// What of all that is due must have happened before it runs.
    var dueBefore: [DueBefore] { get }
    /// Decides, on the thread that decides. What it gives is kept or taken back whole.
    func run(_ ledger: ProgramLedger) -> ProgramEnd
    /// Whether the last run was all of it; else it is handed over again.
    var isOver: Bool { get }
    /// It is not run, for it was before, under its key. On the thread that decides.
    func wasAnswered()
}

package enum ProgramEnd {
    /// What was decided stays. `value`: what it returned, for the journal.
    case keep(value: [UInt8])
    /// As if nothing had been: it failed, or has to be run again.
    case takeBack
}

/// The ledger as a program sees it, for the length of its run, on the thread that runs it. Not to be kept.
package final class ProgramLedger {
    /// The instant of every decision of it.
    package let time: Timestamp
    /// From this event on, what is decided is the program's own: nobody else has seen it.
    package let first: LSN
    /// Bytes of its events, once they are more than one step may have.
    private(set) var tooLarge: Int?
    private let writer: Writer
    private let unit: CommitUnit
    private let actor: PassportOrdinal
    private let refusal: String?
    private let start: Int
    /// E-mails, names and other texts about people that the program was told, in the clear.
    private var personalTexts: [[UInt8]] = []
    /// The events of the run, as far as anybody asked.
    private var events: [EventReference] = []

    init(_ writer: Writer, _ unit: CommitUnit, first: LSN, by actor: PassportOrdinal, _ refusal: String?) {
        (self.writer, self.unit, self.first, self.actor, self.refusal) = (writer, unit, first, actor, refusal)
        time = unit.time
        start = unit.decision.batch.byteCount
    }

    /// Has one thing decided or answered, in its turn. Refused when the program has become too large.
    package func ask(_ item: WorkItem, _ key: IdempotencyKey?, _ labels: Labels) -> WorkResult {
        guard tooLarge == nil else { return .outcome(.rejected(.invalid("this program is too large already"))) }
        let entry = WorkBatch.Entry(item: item, actor: actor, key: key, labels: labels, user: nil)
        let (result, limit) = writer.assumeIsolated { [unit, refusal] writer in
            (writer.answer(entry, counted: unit, refusal), writer.state.groupLimit)
        }
        let size = unit.decision.batch.byteCount - start
        if size > limit { tooLarge = size }
        return result
    }

    /// An event that was decided in this run.
    package func event(_ reference: EventReference) -> Event {
        Event(
            reference, in: unit.decision.batch.memory, first: unit.decision.batch.firstLSN,
            base: unit.decision.batch.baseTime)
    }

    /// The last event that was decided in this run; one before ``first``: none was.
    package var last: LSN { writer.assumeIsolated { $0.state.lastLSN } }

    /// An event by its number; nil: it is not of this run.
    package func event(at lsn: LSN) -> Event? {
        guard lsn >= first, lsn <= last else { return nil }
        let index = Int(lsn.value - first.value)
        while events.count <= index {
            let end = events.last.map { Int($0.offset + $0.length) } ?? start
            events.append(unit.decision.batch.reference(to: LSN(first.value + UInt64(events.count)), from: end))
        }
        return event(events[index])
    }

    var shard: UInt16 { withWriter { $0.state.shard } }

    /// A user's row as the program has left it; nil: there is none.
    func row(_ user: Hash128) -> UserRow? {
        guard case .user(let row) = withWriter({ [time] in $0.state.read(.user(user), at: time) }) else { return nil }
        return row
    }

    /// On the thread that runs the program, which is the writer's or one that it was lent to.
    func withWriter<T: Sendable>(_ body: (isolated Writer) -> T) -> T { writer.assumeIsolated(body) }

    /// The last event about a user; none for somebody unknown.
    package func lastEvent(of user: Hash128) -> LSN {
        writer.assumeIsolated { writer in
            writer.state.lookUp(user: user).map { writer.state.lastEvent(of: $0) } ?? .none
        }
    }
}

extension ProgramLedger: ReplyNames {
    // Users as the program has made them, before anybody else may see them.

    package func userID(_ user: UserOrdinal) -> ShortText {
        writer.assumeIsolated { $0.state.userID(user) }
    }

    package func email(_ user: UserOrdinal) -> [UInt8] {
        told(withWriter { $0.clear($0.state.email(of: user), user) })
    }

    package func clearText(_ text: PersonalText, of user: UserOrdinal) -> [UInt8]? {
        if case .clear(let bytes) = text { return told(bytes) }
        // Of who is deleted in this run, the key is there until that is durable.
        return writer.assumeIsolated { $0.state.isDeleted(user) && !text.isEmpty ? nil : $0.open(text, user) }.map(told)
    }

    private func told(_ text: [UInt8]) -> [UInt8] {
        tell(text)
        return text
    }

    /// Whether one of the texts about people that the program was told is in an answer in RESP. A short one must be a
    /// whole string of it, for many a number has an initial in it. Cost: both lengths, for each text once.
    package func hasPersonalText(_ answer: [UInt8]) -> Bool {
        let end = Array("\r\n".utf8)
        return Set(personalTexts).contains { text in
            let wanted = text.count < 4 ? end + text + end : text
            return florin_holds(answer, answer.count, wanted, wanted.count)
        }
    }

    /// The program is told a text about a person.
    package func tell(_ text: [UInt8]) {
        if !text.isEmpty { personalTexts.append(text) }
    }
}

/// Where answers find the texts about a user that events name by number.
package protocol ReplyNames {
    func userID(_ user: UserOrdinal) -> ShortText
    /// In the clear; empty: there is none.
    func email(_ user: UserOrdinal) -> [UInt8]
    /// Nil when the user's key is gone.
    func clearText(_ text: PersonalText, of user: UserOrdinal) -> [UInt8]?
}

extension Engine: ReplyNames {
    package func userID(_ user: UserOrdinal) -> ShortText { reads.userID(user) }
    package func email(_ user: UserOrdinal) -> [UInt8] { reads.email(user) }
}
