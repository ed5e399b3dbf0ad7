import LedgerClient
import RESP
import Testing

@testable import LedgerServer

/// Labels from the wire to the disk and back.
@Suite(.timeLimit(.minutes(10))) struct LabelTests {
    private func texts(_ value: RESPValue?) -> [String: String] {
        guard case .map(let pairs)? = value?.plain else { return [:] }
        return Dictionary(uniqueKeysWithValues: pairs.map { ($0.key.string ?? "", $0.value.string ?? "") })
    }

    @Test func `labels are shown wherever what has them is`() async throws {
        try await Serving.with { _ in
        } _: { serving in
            let client = try await serving.connect()
            func must(_ line: String) async throws -> RESPValue {
                let answer = try await client.call(words(line))
                #expect(answer.error == nil, "\(line): \(answer)")
                return answer
            }
            func row(_ line: String) async throws -> RESPValue? { try await must(line).elements?[1].elements?.first }
            _ = try await must("USER CREATE a@b.example ID u_a TYPE pro")
            _ = try await must("CREDIT PURCHASE u_a 100 card")
            let secret = try #require(try await must("PASSPORT CREATE u_a key write")["secret"]?.string)
            // As long as they may be, and in RESP3's own maps.
            let long = String(repeating: "w", count: 62)
            let most = (1...8).map { "k\($0)\(long)=v\($0)\(long)" }.joined(separator: ",")

            let charge = try await must("CREDIT CHARGE u_a 1 api LABELS team=ml,job=81 KEY c")
            let id = try #require(charge["id"]?.string)
            #expect(texts(try await row("CREDIT HISTORY u_a")?["labels"]) == ["team": "ml", "job": "81"])
            #expect(texts(try await must("EXPLAIN \(id)")["labels"]) == ["team": "ml", "job": "81"])
            _ = try await must("CREDIT REFUND \(id) REASON r")
            #expect(texts(try await row("CREDIT HISTORY u_a LABEL job=81")?["labels"]) == ["team": "ml", "job": "81"])

            let hold = try #require(try await must("HOLD PLACE u_a 2 LABELS \(most)")["id"]?.string)
            #expect(texts(try await must("HOLD GET \(hold)")["labels"]).count == 8)
            #expect(texts(try await row("HOLD LIST u_a")?["labels"]).count == 8)
            _ = try await must("HOLD CAPTURE \(hold) 1 FINAL")
            #expect(texts(try await must("HOLD GET \(hold)")["labels"]).count == 8)

            _ = try await must("SESSION START s1 u_a small LABELS \(most)")
            _ = try await must("SESSION ADMIT \(secret) s2 small LABELS team=web")
            #expect(texts(try await must("SESSION GET s1")["labels"]).count == 8)
            #expect(texts(try await row("SESSION LIST USER u_a")?["labels"]) == ["team": "web"])
            for session in ["s1", "s2"] { _ = try await must("SESSION STOP \(session)") }
            let closed = try await must("SESSION GET s1")
            #expect(texts(closed["labels"]).count == 8 && closed["status"]?.string == "closed")
            let record = "SESSION RECORD s3 u_a small FROM 2026-01-01 TO 2026-01-02 LABELS team=ml"
            _ = try await must(record)
            #expect(texts(try await must("SESSION GET s3")["labels"]) == ["team": "ml"])

            _ = try await must("STORAGE CREATE u_a r1 bucket 10 LABELS team=ops")
            #expect(texts(try await row("STORAGE LIST u_a")?["labels"]) == ["team": "ops"])
            _ = try await must("SPACE PURCHASE u_a web-dev w i LABELS team=ops")
            let summary = try await must("USER SUMMARY u_a BY label:team")
            let teams = summary["spent_by_label"]
            #expect(teams?["ops"]?["amount"]?.string == "2.00" && teams?["(none)"]?["count"] != nil)
            #expect(teams?["ml"]?["count"] == .integer(2) && teams?["web"]?["count"] == .integer(1))
            #expect(try await must("USER SUMMARY u_a")["spent_by_label"] == nil)

            // What is asked again.
            func code(_ line: String) async throws -> String? { try await client.call(words(line)).error?.code }
            #expect(try await must("CREDIT CHARGE u_a 1 api LABELS job=81,team=ml KEY c")["replayed"] == .integer(1))
            #expect(try await code("CREDIT CHARGE u_a 1 api LABELS job=82,team=ml KEY c") == "KEYREUSED")
            #expect(try await code("CREDIT CHARGE u_a 1 api KEY c") == "KEYREUSED")
            #expect(try await must(record)["replayed"] == .integer(1))
            #expect(try await code(record + "x") == "EXISTS")
            #expect(try await code("SESSION RECORD s3 u_a small FROM 2026-01-01 TO 2026-01-02") == "EXISTS")
            #expect(try await code("CREDIT PURCHASE u_a 10 card LABELS team=ml") == "ERR")
            await client.close()
        }
    }
}
