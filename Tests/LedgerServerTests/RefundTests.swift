import LedgerClient
import LedgerCore
import LedgerEngine
import RESP
import Testing

@testable import LedgerServer

/// What a receipt names can be refunded: CREDIT REFUND of sessions, through the port.
struct RefundTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    @Test func `STOP shows all charges of a session, and a refund gives back all of them`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T09:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            try await ask(client, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(client, "CREDIT PURCHASE u_ada 20 card").mustBeAnswer()
            let before = try await ask(client, "CREDIT BALANCE u_ada")["available"]?.string
            try await ask(client, "SESSION START job u_ada medium TTL 4d").mustBeAnswer()
            // Posted once a day, and where the tariff ends after a day; then the rest when it stops.
            for _ in 0..<10 {
                clock.advance(by: .hours(6))
                try await ask(client, "SESSION HEARTBEAT job").mustBeAnswer()
            }
            let open = try await ask(client, "CREDIT REFUND job REASON broken")
            #expect(open.error?.text == "ERR the session still runs: stop it first, or refund one of its charges")

            let stopped = try await ask(client, "SESSION STOP job")
            let charges = try #require(stopped["charges"]?.elements).compactMap(\.string)
            #expect(stopped["segments"]?.integer == Int64(charges.count))
            #expect(charges.count >= 4 && Set(charges).count == charges.count)
            #expect(charges.last == stopped["charge"]?.string)
            #expect(stopped["amount"]?.string == "2.25")
            #expect(try await ask(client, "SESSION GET job")["charges"] == stopped["charges"])
            var amounts: [Money] = []
            for charge in charges {
                let explained = try await ask(client, "EXPLAIN \(charge)")
                amounts.append(try #require(Money(explained["amount"]?.string ?? "")))
            }
            #expect(amounts.reduce(.zero, +) == Money("2.25"))

            // More than it cost; then a part, which takes the last charge first; then the rest.
            let tooMuch = try await ask(client, "CREDIT REFUND job 2.26 REASON broken").error?.text ?? "given"
            #expect(tooMuch.hasPrefix("ERR") && tooMuch.contains("2.25"), "\(tooMuch)")
            let last = try #require(amounts.last)
            let part = try await ask(client, "CREDIT REFUND job \(last) REASON broken KEY part")
            #expect(part["charge"]?.string == charges.last && part["total"]?.string == "\(last)")
            #expect(try await ask(client, "CREDIT REFUND \(charges.last!) REASON broken").error?.code == "CLOSED")
            let again = try await ask(client, "CREDIT REFUND job \(last) REASON broken KEY part")
            #expect(again["replayed"] == .integer(1) && again["id"] == part["id"])
            let rest = try await ask(client, "CREDIT REFUND job REASON broken")
            #expect(rest["total"]?.string == "\(Money("2.25")! - last)" && rest["available"]?.string == before)
            for target in ["job"] + charges {
                let closed = try await ask(client, "CREDIT REFUND \(target) REASON broken").error?.text
                #expect(closed == "CLOSED this charge was refunded in full", "\(target)")
            }
            #expect(try await ask(client, "CREDIT BALANCE u_ada")["available"]?.string == before)
            await client.close()
        }
    }

    @Test func `a session that cost nothing, and one that nobody knows, cannot be refunded`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            try await ask(client, "USER CREATE ada@example.com ID u_ada TYPE pro").mustBeAnswer()
            try await ask(client, "CREDIT PURCHASE u_ada 20 card").mustBeAnswer()
            try await ask(client, "SESSION START job u_ada medium").mustBeAnswer()
            let cancelled = try await ask(client, "SESSION CANCEL job REASON \"no node\"")
            #expect(cancelled["charges"] == .array([]) && cancelled["charge"] == .null)
            for (session, code) in [("job", "NOTFOUND"), ("nobody", "NOTFOUND")] {
                #expect(try await ask(client, "CREDIT REFUND \(session) REASON r").error?.code == code, "\(session)")
            }
            try await ask(
                client, "SESSION RECORD past u_ada medium FROM 2026-01-01T00:00:00Z TO 2026-01-01T02:00:00Z"
            ).mustBeAnswer()
            let refund = try await ask(client, "CREDIT REFUND past REASON r")
            #expect(refund["amount"]?.string == "0.075" && refund["total"]?.string == "0.075")
            await client.close()
        }
    }
}
