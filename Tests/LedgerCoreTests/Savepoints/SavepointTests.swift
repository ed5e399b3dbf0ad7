import Glibc
import LedgerTestKit
import Testing

@testable import LedgerCore

/// What was decided under a savepoint and taken back was never decided.
@Suite struct SavepointTests {
    @Test(arguments: 1...4)
    func `every command of random months is decided, taken back to the last bit, and decided the same again`(seed: Int)
        throws
    {
        var random = SeededGenerator(seed: UInt64(seed) &+ 11_000)
        var ledger = TestLedger()
        var wishes = Wishes()
        var read = 0
        Wishes.prepare(&ledger)
        for step in 0..<200 {
            if Int.random(in: 0..<3, using: &random) == 0 {
                ledger.wait(.seconds(Int64.random(in: 1...(step % 40 == 7 ? 200_000 : 4_000), using: &random)))
            }
            if step % 9 == 0 {
                let isSame = timersTwice(&ledger)
                #expect(isSame, "seed \(seed), step \(step): timers")
            }
            // Events never share an instant: many at once move the ledger's on, and more may be due then.
            var events = -1
            while events < ledger.journal.count {
                events = ledger.journal.count
                ledger.settle()
            }
            ledger.price = Prices.price(of: ledger.machine)
            let (command, key) = wishes.next(ledger, using: &random)
            let before = ledger.journal.count
            let bytes = decideAndTakeBack(
                &ledger, Request(actor: .none, key: key, command: command), "seed \(seed), step \(step)")
            let outcome = ledger.command(command, key: key)
            let again = ledger.journal[before...].map(\.bytes)
            #expect(again == bytes, "seed \(seed), step \(step): \(command.name)")
            if let event = outcome.event { wishes.note(event) }
            wishes.note(lotsOf: ledger)
            try wishes.note(ledger, from: &read)
        }
        #expect(ledger.problems() == [], "seed \(seed)")
    }

    /// Returns the bytes of the events. Two savepoints are open, one in the other; the outer one takes back what the
    /// inner one let stand.
    private func decideAndTakeBack(_ ledger: inout TestLedger, _ request: Request, _ name: String) -> [[UInt8]] {
        var decision = Decision()
        let before = WholeState(ledger.machine)
        let price = ledger.prices(ledger.machine.prepare(request, at: ledger.now))
        let outer = ledger.machine.openSavepoint(decision)
        _ = ledger.machine.decide(request, price: price, at: ledger.now, into: &decision)
        let bytes = Journaled.events(of: decision.batch).map(\.bytes)
        let after = WholeState(ledger.machine)
        let inner = ledger.machine.openSavepoint(decision)
        // Something else on top, and back to the inner one.
        let more = Request(
            actor: .none, command: .limitSet(LimitSet(type: .free, limit: .sessions, value: Int64(bytes.count))))
        _ = ledger.machine.decide(more, price: .none, at: ledger.now, into: &decision)
        _ = ledger.machine.decide(request, price: price, at: ledger.now, into: &decision)
        ledger.machine.rollBack(to: inner, &decision)
        ledger.machine.closeSavepoint()
        let backToInner = WholeState(ledger.machine) == after
        #expect(backToInner && Journaled.events(of: decision.batch).map(\.bytes) == bytes, "\(name): inner")
        ledger.machine.rollBack(to: outer, &decision)
        let backToOuter = WholeState(ledger.machine) == before
        #expect(backToOuter && decision.batch.isEmpty && decision.batch.touchedUsers.isEmpty, "\(name): outer")
        // The savepoint is still open: a second try, taken back as well.
        _ = ledger.machine.decide(request, price: price, at: ledger.now, into: &decision)
        #expect(Journaled.events(of: decision.batch).map(\.bytes) == bytes, "\(name): again")
        ledger.machine.rollBack(to: outer, &decision)
        ledger.machine.closeSavepoint()
        return bytes
    }

    private func timersTwice(_ ledger: inout TestLedger) -> Bool {
        var decision = Decision()
        let before = WholeState(ledger.machine)
        let savepoint = ledger.machine.openSavepoint(decision)
        var fired: [[UInt8]] = []
        for _ in 1...2 {
            _ = ledger.machine.fireTimers(at: ledger.now, limit: 40, into: &decision)
            let bytes = Journaled.events(of: decision.batch).map(\.bytes)
            if fired.isEmpty { fired = bytes }
            guard fired == bytes else { return false }
            ledger.machine.rollBack(to: savepoint, &decision)
            guard WholeState(ledger.machine) == before else { return false }
        }
        ledger.machine.closeSavepoint()
        return true
    }

    /// A table that is forgotten in one of these lists would keep what was taken back, or would not be looked at.
    @Test func `every table is taken back, and looked at by these tests`() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        let store = try text(of: root + "/Sources/LedgerCore/Ledger/Store.swift")
        let body = store.split(separator: "struct Store: ~Copyable {")[1].split(separator: "\n}")[0]
        let names = body.split(separator: "\n").compactMap { line -> String? in
            guard line.hasPrefix("    var ") || line.hasPrefix("    @Saved var ") else { return nil }
            let words = line.split { !$0.isLetter && !$0.isNumber }
            return words.firstIndex(of: "var").map { String(words[$0 + 1]) }
        }
        #expect(names.count >= 26)
        let digest = try text(of: root + "/Tests/LedgerCoreTests/Savepoints/WholeState.swift")
        for name in names {
            let isVisited = store.contains("visitor.visit(&\(name))") || store.contains("visitor.visit(&_\(name))")
            #expect(isVisited, "\(name) is not taken back")
            #expect(digest.contains("machine.store.\(name)"), "\(name) is not looked at")
        }
    }

    private func text(of path: String) throws -> String {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        while case let byte = fgetc(file), byte != EOF { bytes.append(UInt8(byte)) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
