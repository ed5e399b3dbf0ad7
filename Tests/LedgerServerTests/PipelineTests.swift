import LedgerCommands
import LedgerCore
import RESP
import Testing

@testable import LedgerServer

@Suite(.timeLimit(.minutes(10))) struct PipelineTests {
    private func client() -> Client { Client(number: 1, address: "test", localAddress: "test", standing: .owner) }

    private func slot(_ kind: Pipeline.Kind, _ version: RESPVersion = .v2) -> Pipeline.Slot {
        Pipeline.Slot(command: .ping, kind: kind, version: version, ownRowsOnly: false, detail: .none)
    }

    private func output(_ client: Client) -> String { String(decoding: client.output.bytes, as: UTF8.self) }

    @Test func `answers leave in the order of the questions, whenever they come`() {
        let client = client()
        let slots = (0..<4).map { _ in client.pipeline.append(slot(.read)) }
        client.answer(slots[2]) { $0.integer(2) }
        client.answer(slots[1]) { $0.integer(1) }
        #expect(output(client) == "")
        client.answer(slots[0]) { $0.integer(0) }
        #expect(output(client) == ":0\r\n:1\r\n:2\r\n")
        // An answer at once waits behind what is still open.
        client.answer { $0.ok() }
        #expect(output(client) == ":0\r\n:1\r\n:2\r\n")
        client.answer(slots[3]) { $0.integer(3) }
        #expect(output(client) == ":0\r\n:1\r\n:2\r\n:3\r\n+OK\r\n")
        #expect(client.pipeline.isEmpty)
    }

    @Test func `an answer is written in the version that was spoken when it was asked`() {
        let client = client()
        let before = client.pipeline.append(slot(.read, .v2))
        client.version = .v3
        let after = client.pipeline.append(slot(.read, .v3))
        client.answer(after) { $0.null() }
        client.answer(before) { $0.null() }
        #expect(output(client) == "$-1\r\n_\r\n")
    }

    @Test func `a read of the journal waits for writes, a write for reads of the journal`() {
        let client = client()
        #expect(!client.pipeline.mustWait(.history) && !client.pipeline.mustWait(.write))
        let write = client.pipeline.append(slot(.write))
        #expect(client.pipeline.mustWait(.history) && client.pipeline.mustWait(.exclusive))
        #expect(!client.pipeline.mustWait(.write) && !client.pipeline.mustWait(.read))
        client.answer(write) { $0.ok() }
        #expect(!client.pipeline.mustWait(.history))
        let history = client.pipeline.append(slot(.history))
        #expect(client.pipeline.mustWait(.write) && !client.pipeline.mustWait(.history))
        client.answer(history) { $0.ok() }
        let exclusive = client.pipeline.append(slot(.exclusive))
        #expect(
            client.pipeline.mustWait(.write) && client.pipeline.mustWait(.history) && client.pipeline.mustWait(.read))
        client.answer(exclusive) { $0.ok() }
        #expect(client.pipeline.writes == 0 && client.pipeline.histories == 0)
    }

    @Test(arguments: [Pipeline.Kind.gate, .exclusive, .program])
    func `behind a command that may end the passport, or comes to the writer later, everything waits`(
        kind: Pipeline.Kind
    ) {
        let client = client()
        let gate = client.pipeline.append(slot(kind))
        for kind in [Pipeline.Kind.read, .write, .history, .exclusive, .gate] {
            #expect(client.pipeline.mustWait(kind), "\(kind)")
        }
        client.answer(gate) { $0.ok() }
        #expect(!client.pipeline.mustWait(.read) && !client.pipeline.mustWait(.history))
        #expect(client.pipeline.writes == 0)
    }

    @Test func `a program begins behind writes and other programs, and behind nothing else`() {
        let client = client()
        let (write, program) = (client.pipeline.append(slot(.write)), client.pipeline.append(slot(.program)))
        #expect(!client.pipeline.mustWait(.program))
        let gate = client.pipeline.append(slot(.gate))
        #expect(client.pipeline.mustWait(.program))
        client.answer(gate) { $0.ok() }
        #expect(!client.pipeline.mustWait(.program) && client.pipeline.isAnswered(gate))
        client.answer(write) { $0.ok() }
        #expect(client.pipeline.mustWait(.read) && !client.pipeline.isAnswered(program))
        client.answer(program) { $0.ok() }
        #expect(!client.pipeline.mustWait(.read) && client.pipeline.isAnswered(program))
        let history = client.pipeline.append(slot(.history))
        #expect(client.pipeline.mustWait(.program))
        client.answer(history) { $0.ok() }
        #expect(!client.pipeline.mustWait(.program) && client.pipeline.writes == 0)
    }

    @Test func `answers that wait for their turn count as much as those that wait for the socket`() {
        let client = client()
        let first = client.pipeline.append(slot(.read))
        let text = [UInt8](repeating: 0x78, count: 293)
        for number in 1...3 {
            client.answer { $0.bulk(text) }
            #expect(client.owed == number * 301)
        }
        client.takesOutput = false
        client.answer(first) { $0.bulk(text) }
        #expect(client.owed == 4 * 301 + 16 && client.output.bytes.isEmpty && client.pipeline.isEmpty)
        client.wasClosed()
        #expect(client.owed == 0)
        client.answer { $0.bulk(text) }
        #expect(client.owed == 0)
    }

    @Test func `a receipt that the socket does not take waits by its number, and all behind it wait`() {
        let client = client()
        func write(_ lsn: UInt64) {
            let number = client.pipeline.append(slot(.write))
            client.answer(number, receipt: LSN(lsn)) { $0.integer(Int64(lsn)) }
        }
        write(1)
        #expect(output(client) == ":1\r\n" && client.waiting.isEmpty)
        client.takesOutput = false
        for lsn in 2...1000 as ClosedRange<UInt64> { write(lsn) }
        #expect(client.waiting.weight == 16 && client.pipeline.isEmpty && client.pipeline.writes == 0)
        client.takesOutput = true
        write(1001)
        client.answer { $0.ok() }
        #expect(output(client) == ":1\r\n" && client.waiting.weight == 16 + 16 + 5)
        #expect(client.waiting.references(5000).map(\.lsn.value) == Array(2...1001))
    }

    @Test func `a receipt that came early waits by its number too`() {
        let client = client()
        let history = client.pipeline.append(slot(.read))
        let write = client.pipeline.append(slot(.write))
        client.answer(write, receipt: LSN(7)) { $0.integer(7) }
        #expect(client.pipeline.keptBytes == 0 && client.pipeline.writes == 0)
        client.answer(history) { $0.ok() }
        #expect(output(client) == "+OK\r\n" && client.waiting.references(10).map(\.lsn.value) == [7])
        #expect(!client.isAnswered && client.pipeline.isEmpty)
    }

    @Test func `what is under way has its share until it is answered`() {
        let client = client()
        func page() -> UInt64 {
            client.pipeline.append(
                Pipeline.Slot(
                    command: .userList, kind: .read, version: .v2, ownRowsOnly: false, detail: .none, share: 100))
        }
        let slots = [page(), page(), page()]
        #expect(client.pipeline.reserved == 300)
        client.answer(slots[1]) { $0.ok() }
        #expect(client.pipeline.reserved == 200 && client.pipeline.keptBytes == 5)
        client.answer(slots[0]) { $0.ok() }
        client.answer(slots[2]) { $0.ok() }
        #expect(client.pipeline.reserved == 0 && client.pipeline.keptBytes == 0 && client.output.bytes.count == 15)
    }

    @Test func `an early answer counts as given, though it has not left`() {
        let client = client()
        let first = client.pipeline.append(slot(.read))
        let write = client.pipeline.append(slot(.write))
        client.answer(write) { $0.ok() }
        #expect(client.pipeline.writes == 0)
        client.answer(first) { $0.ok() }
        #expect(client.pipeline.writes == 0 && client.pipeline.isEmpty)
    }
}
