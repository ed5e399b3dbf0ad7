internal import NIOCore
internal import Synchronization

/// The programs of one connection that are under way. Several of them may be on their way to the ledger, to be made
/// durable by one sync; each is decided when those before it are over, and comes back undecided if its turn has not
/// come. Where one has to read the journal, those behind it go one by one, and more at once again as they need nothing.
///
/// Belongs to the connection's event loop; its ``order`` is shared with the thread that decides.
struct ProgramQueue {
    let order: ProgramOrder
    private var underWay = CircularBuffer<Entry>()
    private var numbers: UInt64 = 0
    /// How many may be away at once. Few at first: how large their answers are is known behind the first.
    private var window = 8
    private var answersAreLarge = false
    /// Whether some are not handed over before the client has read.
    var isHeldBack = false

    private static let most = 128
    /// Bytes. Larger answers are made one by one.
    private static let largeAnswer = 64 << 10

    private struct Entry {
        let program: ServerProgram
        let slot: UInt64
        var place = Place.here
    }

    enum Place {
        /// Handed over.
        case away
        /// Something is being read for it. Those behind it wait.
        case reads
        /// To be handed over, for the first time or again.
        case here
    }

    /// `allowance`: nanoseconds that one connection's programs may take in one go.
    init(allowance: UInt64) { order = ProgramOrder(allowance: allowance) }

    /// Adds one that is to be handed over.
    mutating func append(_ program: ServerProgram, slot: UInt64) {
        program.turn = ServerProgram.Turn(order: order, number: numbers)
        numbers += 1
        underWay.append(Entry(program: program, slot: slot))
    }

    mutating func move(_ slot: UInt64, to place: Place) {
        guard let index = underWay.firstIndex(where: { $0.slot == slot }) else { return }
        underWay[index].place = place
        switch place {
        case .reads: window = 1
        case .away, .here: break
        }
    }

    /// Says of one how long its answer is.
    mutating func note(answerBytes: Int) { answersAreLarge = answerBytes > Self.largeAnswer }

    /// Forgets those that have been answered, and takes out what is to be handed over now, in order.
    mutating func takeReady(_ isAnswered: (UInt64) -> Bool) -> [(program: ServerProgram, slot: UInt64)] {
        while let first = underWay.first, isAnswered(first.slot) {
            first.program.wasAnswered()
            underWay.removeFirst()
            window = answersAreLarge ? 1 : min(window * 2, Self.most)
        }
        // It came back though it was the next one: the others of the ledger have had their turn.
        if case .here? = underWay.first?.place { order.beginAnew() }
        var ready: [(program: ServerProgram, slot: UInt64)] = []
        var (index, away) = (underWay.startIndex, 0)
        while index != underWay.endIndex, away < window {
            defer { (index, away) = (underWay.index(after: index), away + 1) }
            switch underWay[index].place {
            case .away: break
            case .reads: return ready
            case .here:
                underWay[index].place = .away
                ready.append((underWay[index].program, underWay[index].slot))
            }
        }
        return ready
    }
}

/// Whose turn it is among the programs of one connection.
final class ProgramOrder: Sendable {
    private let next = Atomic<UInt64>(0)
    private let spent = Atomic<UInt64>(0)
    private let allowance: UInt64

    init(allowance: UInt64) { self.allowance = allowance }

    func isTurn(of number: UInt64) -> Bool {
        next.load(ordering: .acquiring) == number && spent.load(ordering: .relaxed) < allowance
    }

    func spend(_ nanoseconds: UInt64) { spent.add(nanoseconds, ordering: .relaxed) }

    func beginAnew() { spent.store(0, ordering: .relaxed) }

    /// It is over, if it was its turn.
    func advance(past number: UInt64) {
        _ = next.compareExchange(expected: number, desired: number + 1, ordering: .acquiringAndReleasing)
    }
}
