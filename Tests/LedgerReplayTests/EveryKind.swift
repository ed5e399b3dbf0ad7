import LedgerCore
import RESP

/// What a random month seldom comes to: one of each kind of event that it may lack.
enum EveryKind {
    static func happens(on ledger: Ledger) async throws {
        let day = Ledger.begins
        try await ledger.must(
            "AUTH \(ledger.secret)", "USER CREATE a@b.example ID ada TYPE pro",
            "USER CREATE c@b.example ID bob TYPE pro",
            "CREDIT PURCHASE ada 20 card", "CREDIT PURCHASE bob 50 card",
            // A session at another tier: one that is posted there, and one that is heard first.
            "SESSION START plain ada small TTL 20h", "SESSION START heard ada small TTL 20h HEARTBEAT 10h",
            "CLOCK SET \(day + .minutes(30))", "SESSION RETIER plain large", "SESSION RETIER heard medium",
            "SESSION HEARTBEAT heard", "SESSION STOP heard",
            // A space whose share goes back with the refund, and one that is granted.
            "SPACE ADD shared COST 10 SIZE 1 CREATOR ada SHARE 50", "SPACE ADD hidden COST 10 SIZE 1 PUBLIC no")
        let bought = try await ledger.ask("SPACE PURCHASE bob shared w i")["charge"]?.string ?? ""
        try await ledger.must(
            "CREDIT REFUND \(bought) REASON \"not wanted\"", "SPACE GRANT hidden bob", "SPACE REVOKE hidden bob",
            // Storage that nobody pays for, until somebody does.
            "LIMIT SET pro storage_grace 1h", "STORAGE CREATE bob disk filestore 900",
            "CREDIT CHARGE bob 60 api OVER", "CLOCK SET \(day + .days(3))", "CREDIT PURCHASE bob 100 card",
            "CLOCK SET \(day + .days(4)) DOWN \(day + .days(3))",
            // Credit that begins later; a session past its credit; a session that is refunded whole.
            "CREDIT GRANT bob 1 EFFECTIVE \(day + .days(5)) EXPIRES \(day + .days(6)) REASON later",
            "CREDIT REFUND plain REASON \"node failed\"", "CREDIT ADJUST ada -1000 REASON wrong",
            "CREDIT ADJUST ada 1000.01 REASON wrong", "SESSION START short ada large", "CLOCK SET \(day + .days(9))",
            "CLOCK ACCEPT")
    }
}
