import LedgerTestKit
import RESP
import Testing

@testable import LedgerCore
@testable import LedgerCommands
@testable import LedgerReplies

/// An edge that is not RESP: it keeps what it is given, frame by frame.
private struct Tree: AnswerWriter {
    private enum Token {
        case value(RESPValue)
        case list(Int)
        case map(Int)
    }
    private var tokens: [Token] = []
    var pairs = 0
    /// Keys of amounts.
    private(set) var amounts: Set<String> = []

    mutating func openMap() -> Int {
        tokens.append(.map(-1))
        return tokens.count - 1
    }
    mutating func closeMap(from start: Int, pairs: Int) { tokens[start] = .map(pairs) }
    mutating func array(_ count: Int) { tokens.append(.list(count)) }
    mutating func fields(roomFor ids: Int, _ body: (inout Tree) -> Void) { map(body) }

    mutating func null() { tokens.append(.value(.null)) }
    mutating func integer(_ value: Int64) { tokens.append(.value(.integer(value))) }
    mutating func bulk(_ value: UnsafeRawBufferPointer) { tokens.append(.value(.bulk(Array(value)))) }
    mutating func error(_ text: String) { tokens.append(.value(.error(RESPError(parsing: text)))) }
    mutating func money(_ value: Money) {
        if case .value(let key) = tokens.last, let name = key.string { amounts.insert(name) }
        bulk("\(value)")
    }
    mutating func instant(_ value: Timestamp) { bulk("\(value)") }
    mutating func id(_ value: BirthID, as kind: BirthKind) { bulk(value.text(as: kind)) }
    mutating func id(_ value: PassportID) { bulk { value.append(to: &$0) } }
    mutating func thin(_ value: Int64, digits: Int) { bulk { $0.append(thin: value, digits: digits) } }
    private mutating func bulk(_ write: (inout [UInt8]) -> Void) {
        var text: [UInt8] = []
        write(&text)
        tokens.append(.value(.bulk(text)))
    }

    var value: RESPValue {
        var position = 0
        return next(&position)
    }

    private func next(_ position: inout Int) -> RESPValue {
        let token = tokens[position]
        position += 1
        switch token {
        case .value(let value): return value
        case .list(let count): return .array((0..<count).map { _ in next(&position) })
        case .map(let count):
            return .map((0..<count).map { _ in RESPPair(next(&position), next(&position)) })
        }
    }
}

@Suite struct AnswerWriterTests {
    private func tree(_ body: (inout Tree) -> Void) -> RESPValue {
        var writer = Tree()
        body(&writer)
        return writer.value
    }

    @Test func `every receipt says the same through any writer`() {
        for (id, event) in Samples.receipts {
            for replayed in [false, true] {
                let found = tree { encoder.receipt(of: event, replayed: replayed, names: Samples.ada, to: &$0) }
                let wire = value { encoder.receipt(event, replayed: replayed, names: Samples.ada, to: &$0) }
                #expect(found == wire && wire.pairs != nil, "\(id)")
            }
        }
    }

    @Test func `every field that holds an amount is known as one, to scripts`() {
        var amounts: Set<String> = []
        for (_, event) in Samples.receipts {
            var writer = Tree()
            encoder.receipt(of: event, replayed: false, names: Samples.ada, to: &writer)
            amounts.formUnion(writer.amounts)
        }
        let lots = QueryResult.lots(
            [LotRow(origin: Samples.lot, remaining: Money(usd: "2"), pinned: .zero, order: 1)], next: 7)
        var writer = Tree()
        encoder.result(lots, open: { _, _ in nil }, to: &writer)
        amounts.formUnion(writer.amounts)
        #expect(amounts.count > 10)
        #expect(amounts.subtracting(CommandTable.moneyFields) == [])
    }

    @Test func `rows, pages and refusals too`() {
        let lots = QueryResult.lots(
            [LotRow(origin: Samples.lot, remaining: Money(usd: "2"), pinned: .zero, order: 1)], next: 7)
        let limits = QueryResult.limits([])
        for result in [lots, limits, .rejected(.notFound(.user)), .rejected(.debt(Money(usd: "1.5")))] {
            let found = tree { encoder.result(result, open: { _, _ in nil }, to: &$0) }
            #expect(found == value { encoder.result(result, open: { _, _ in nil }, to: &$0) })
        }
        let since = Samples.time
        #expect(
            tree { encoder.remembered(.keyReused, since: since, to: &$0) }
                == value { encoder.remembered(.keyReused, since: since, to: &$0) })
    }
}
