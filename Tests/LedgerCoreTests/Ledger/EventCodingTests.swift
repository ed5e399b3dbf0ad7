import Glibc
import LedgerCore
import LedgerTestKit
import Testing

@Suite struct EventCodingTests {
    /// Every event that a busy ledger wrote, decoded and encoded again, is the same bytes.
    @Test func `an event reads back as what was written`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.purchase("ann", "25", reference: "pi_1")
        ledger.charge(
            "ann", "12.5", key: IdempotencyKey(scope: Hash128(high: 1, low: 2), arguments: Hash128(high: 3, low: 4)))
        ledger.start("s1", "ann", .medium, heartbeat: .minutes(5))
        ledger.command(
            .storageCreate(StorageCreate(user: ledger.hash("ann"), resource: "b", kind: .bucket, megabytes: 5_000)))
        ledger.pass(.days(2), step: .hours(1))
        for journaled in ledger.journal {
            var event = try journaled.event()
            var writer = ByteWriter()
            event.code(with: &writer)
            #expect(writer.output == journaled.bytes)
        }
    }

    @Test func `a cut or lengthened event is refused, never misread`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.charge("ann", "1.25")
        for journaled in ledger.journal {
            for length in 0..<journaled.bytes.count {
                #expect(throws: StateError.self) { _ = try journaled.event(Array(journaled.bytes[..<length])) }
            }
            #expect(throws: StateError.self) { _ = try journaled.event(journaled.bytes + [0]) }
        }
    }

    @Test func `a replay that skips, repeats or alters an event stops`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.charge("ann", "1.25")
        ledger.charge("ann", "0.75")
        func replay(_ journal: [Journaled]) -> Bool {
            var machine = StateMachine()
            do {
                for event in journal { try event.replay(into: &machine) }
                return true
            } catch {
                return false
            }
        }
        #expect(replay(ledger.journal))
        var skipped = ledger.journal
        skipped.remove(at: skipped.count - 2)
        #expect(!replay(skipped))
        #expect(!replay(ledger.journal + [ledger.journal.last!]))
        // An amount changed together with nothing else: the after-image tells.
        var altered = ledger.journal
        var event = try altered[altered.count - 1].event()
        event.after.promo += Money(nanos: 1)
        var writer = ByteWriter()
        event.code(with: &writer)
        altered[altered.count - 1].bytes = writer.output
        #expect(!replay(altered))
    }

    // MARK: The page that shows one charge

    @Test func `the page about one charge shows today's bytes`() throws {
        var ledger = TestLedger()
        ledger.user("ann", .free)
        ledger.purchase("ann", "25", reference: "pi_1")
        ledger.charge("ann", "6.50")
        let journaled = ledger.journal.last!
        let page = OneChargePage.render(journaled.bytes, event: try journaled.event())
        let path = OneChargePage.path
        if getenv("FLORIN_WRITE_REFERENCE") != nil {
            let file = try #require(fopen(path, "w"))
            fputs(page, file)
            fclose(file)
        }
        let file = try #require(fopen(path, "r"), "the page is missing; run the tests with FLORIN_WRITE_REFERENCE=1")
        defer { fclose(file) }
        var text: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { text.append(UInt8(byte)) }
        #expect(
            String(decoding: text, as: UTF8.self) == page,
            "the page is out of date; run the tests with FLORIN_WRITE_REFERENCE=1")
    }
}

/// Writes the documentation page that takes one charge apart.
enum OneChargePage {
    static var path: String {
        let parts = #filePath.split(separator: "/").dropLast(4)
        return "/" + parts.joined(separator: "/") + "/Sources/LedgerCore/Documentation.docc/OneCharge.md"
    }

    static func render(_ bytes: [UInt8], event: Event) -> String {
        guard case .creditCharged(let charged) = event.body else { return "" }
        var trace = TracingReader(bytes)
        var copy = event
        try? copy.code(with: &trace)
        let names = [
            "type", "version of the type", "flags: which fields follow", "user ordinal",
            "how many events ago the user's last one was", "amount", "source", "lots from a hold",
            "free lots burned", "lot", "burned of it", "lot", "burned of it", "debt", "description (none)",
            "after: paid", "after: promo", "after: held", "after: debt", "after: available",
        ]
        var lines: [String] = []
        for (index, field) in trace.fields.enumerated() {
            let hex = bytes[field.range].map { digits($0) }.joined(separator: " ")
            let name = index < names.count ? names[index] : "?"
            var value = field.value
            let isSigned =
                name.hasPrefix("after") || ["amount", "burned of it", "debt"].contains(name)
            if isSigned, let zigzag = UInt64(value) { value = "\(Int64(zigzag >> 1) ^ -Int64(zigzag & 1))" }
            lines.append("| \(field.range.lowerBound) | `\(hex)` | \(name) | \(value) |")
        }
        return """
            # One charge in bytes

            A user with 5.00 of sign-up credit and 25.00 bought is charged \(charged.amount) for `\(charged.source)`. This is the event, \
            \(bytes.count) bytes; a test writes this page anew and compares.

            | offset | bytes | field | value |
            | --- | --- | --- | --- |
            \(lines.joined(separator: "\n"))

            Numbers are varints, signed ones zigzag first; amounts are nano-USD. Before it in the batch stands its length in four bytes; \
            its number and time follow from its place there. \
            In the books it means: users:promo and users:paid fall, revenue:\(charged.source) rises by the same amount, and the sum stays zero.

            """
    }

    private static func digits(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16)
        return text.count == 1 ? "0" + text : text
    }
}

/// Reads like ``ByteReader`` and notes where each field lay.
private struct TracingReader: Coder {
    typealias Failure = StateError
    var version: UInt8 = 0
    let bytes: [UInt8]
    var position = 0
    var fields: [(range: Range<Int>, value: String)] = []

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private mutating func read(_ body: (inout ByteReader) throws(StateError) -> String) throws(StateError) {
        let start = position
        var failure: StateError?
        bytes[start...].withUnsafeBytes { buffer in
            var reader = ByteReader(buffer)
            do throws(StateError) {
                let value = try body(&reader)
                position = start + reader.position
                fields.append((start..<position, value))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    mutating func unsigned(_ value: inout UInt64) throws(StateError) {
        var result: UInt64 = 0
        try read { (r) throws(StateError) in
            try r.unsigned(&result)
            return "\(result)"
        }
        value = result
    }
    mutating func fixed(_ value: inout UInt64) throws(StateError) {
        var result: UInt64 = 0
        try read { (r) throws(StateError) in
            try r.fixed(&result)
            return "\(result)"
        }
        value = result
    }
    mutating func bytes(_ value: inout [UInt8]) throws(StateError) {
        var result: [UInt8] = []
        try read { (r) throws(StateError) in
            try r.bytes(&result)
            return "\(result.count) bytes"
        }
        value = result
    }
    mutating func text(_ value: inout ShortText) throws(StateError) {
        var result = ShortText()
        try read { (r) throws(StateError) in
            try r.text(&result)
            return "“\(result)”"
        }
        value = result
    }
    mutating func fail(_ reason: StaticString) throws(StateError) { throw StateError("\(reason)") }
}
