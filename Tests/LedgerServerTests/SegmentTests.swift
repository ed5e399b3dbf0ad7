import LedgerClient
import LedgerCore
import LedgerEngine
import RESP
import Testing

@testable import LedgerServer

/// SESSION RETIER and USER SET TYPE, through the port and with real rules.
struct SegmentTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    @Test func `what runs is priced by the version that priced it before, though another is active`() async throws {
        let clock = ManualClock(Timestamp("2026-11-23T12:30:00Z")!)
        try await Serving.with { _ in
        } engine: {
            $0.clock = clock
        } _: { serving in
            let client = try await serving.connect()
            for line in [
                "USER CREATE ada@example.com ID u_ada", "CREDIT PURCHASE u_ada 100 card",
                "SESSION START job u_ada small", "STORAGE CREATE u_ada data bucket 9",
                "RULE LOAD session_runtime \"return function(t, tier) return 1000000000 end\"",
                "RULE ACTIVATE session_runtime 2",
            ] { try await ask(client, line).mustBeAnswer() }
            clock.advance(by: .hours(1))
            let retiered = try await ask(client, "SESSION RETIER job medium KEY once")
            let shown = [retiered["tier"], retiered["rate"], retiered["list_rate"], retiered["amount"]].map {
                $0?.string
            }
            #expect(shown == ["medium", "0.075", "0.075", "0.05"])
            #expect(retiered["status"]?.string == "active" && retiered["deadline"] == .null)
            let again = try await ask(client, "SESSION RETIER job medium KEY once")
            #expect(again["replayed"] == .integer(1) && again["charge"] == retiered["charge"])
            let other = try await ask(client, "SESSION RETIER job small KEY once")
            #expect(other.error?.code == "KEYREUSED")
            let refused = try await ask(client, "SESSION RETIER job gpu")
            #expect(refused.error?.text.hasSuffix("limit tiers is small,medium") == true)
            let charge = try #require(retiered["charge"]?.string)
            let explained = try await ask(client, "EXPLAIN \(charge)")
            #expect(explained["agrees"] == .integer(1) && explained["amount"]?.string == "0.05")

            clock.advance(by: .hours(1))
            let set = try await ask(client, "USER SET u_ada TYPE pro")
            #expect(set["available"] == (try await ask(client, "CREDIT BALANCE u_ada"))["available"])
            let session = try await ask(client, "SESSION GET job")
            #expect(session["type"]?.string == "pro" && session["rate"]?.string == "0.0375")
            try await ask(client, "SESSION RETIER job gpu").mustBeAnswer()
            clock.advance(by: .hours(1))
            let back = try await ask(client, "USER SET u_ada TYPE free")
            #expect(back.error?.code == "LIMIT")
            let stopped = try await ask(client, "SESSION STOP job")
            #expect(stopped["amount"]?.string == "0.25" && stopped["segments"] == .integer(4))
            let proofs = try await (stopped["charges"]?.elements ?? []).asyncMap { charge in
                try await ask(client, "EXPLAIN \(charge.string ?? "")")["agrees"]
            }
            #expect(proofs == Array(repeating: .integer(1), count: 4))
            let summary = try await ask(client, "USER SUMMARY u_ada")
            #expect(summary["sessions_by_tier"]?["gpu"]?["amount"]?.string == "0.125")
            #expect(summary["sessions_by_tier"]?["small"]?["amount"]?.string == "0.05")
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<T>(_ transform: (Element) async throws -> T) async throws -> [T] {
        var results: [T] = []
        for element in self { results.append(try await transform(element)) }
        return results
    }
}
