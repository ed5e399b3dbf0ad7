import LedgerCore
import LedgerTestKit
import Logging
import Testing

@testable import LedgerEngine

/// Another world: how its time moves on, what it takes, and what became of it.
struct ForkTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func with(_ body: (TestEngine, Fork) throws -> Void) throws {
        let t = try TestEngine()
        defer { t.stop() }
        for user in ["ann", "bob"] {
            try t.accept(t.createUser(user))
            try t.accept(t.purchase(user, "1000.00"))
        }
        let fork = try t.engine.fork(logger: Self.logger)
        defer { fork.drop() }
        try body(t, fork)
    }

    private func accept(_ command: Command, in fork: Fork) throws {
        let result = work(fork.engine, .command(command))
        guard case .outcome(.accepted) = result else { throw Unexpected("a fork refused: \(result)") }
    }

    @Test func `sums are exact where no amount could be that large`() throws {
        try with { t, fork in
            for user in ["ann", "bob"] {
                // Of one account that is as much as there can be.
                let amount = Money("3900000000")!
                let adjust = CreditAdjust(user: t.hash(user), amount: amount, reason: .clear(Array("test".utf8)))
                for _ in 0..<4 {
                    try accept(.creditAdjust(adjust), in: fork)
                    try accept(t.charge(user, "3900000000.00"), in: fork)
                }
            }
            let found = try fork.difference(count: 10)
            #expect("\(found.spent)" == "31200000000.00")
            #expect(found.users.map { "\($0.spent)" } == ["15600000000.00", "15600000000.00"])
        }
    }

    @Test func `it knows what it has grown by`() throws {
        try with { t, fork in
            #expect(fork.grown == 0)
            try accept(t.charge("ann", "1"), in: fork)
            let one = fork.grown
            #expect(one >= Fork.bytesPerEvent)
            for _ in 0..<200 { try accept(t.charge("ann", "1"), in: fork) }
            #expect(fork.grown >= one + 200 * Fork.bytesPerEvent)
        }
    }

    @Test func `who asks for it ends the passing of time, and what holds still is read`() throws {
        try with { t, fork in
            var asked = 0
            let reason = try fork.advance(to: fork.began + .days(1000)) {
                asked += 1
                return asked == 3 ? "that is enough" : nil
            }
            #expect(reason == "that is enough")
            let stopped = fork.now
            #expect(stopped > fork.began && stopped < fork.began + .days(1))
            guard
                case .outcome(.rejected(.readOnly("that is enough"))) = work(
                    fork.engine, .command(t.charge("ann", "1")))
            else { throw Unexpected("a fork that holds still took a charge") }
            guard case .query(.lots) = work(fork.engine, .query(.lots(user: t.hash("ann"), Page(count: 10)))) else {
                throw Unexpected("a fork that holds still was not read")
            }
            // And on again.
            fork.holdStill(nil)
            #expect(try fork.advance(to: stopped + .days(400)) == nil)
            #expect(fork.now == stopped + .days(400))
            try accept(t.charge("ann", "1"), in: fork)
        }
    }
}
