import LedgerCore
import RESP

/// A few days in which every kind of event happens, from every command with all of its options.
enum EveryKind {
    static func happens(on ledger: Ledger) async throws {
        try await ledger.must("AUTH \(ledger.secret)")
        try await people(ledger)
        try await credit(ledger)
        try await sessions(ledger)
        try await spacesAndStorage(ledger)
        try await rulesAndMeters(ledger)
        try await allowances(ledger)
        try await scripts(ledger)
        // Time goes on, and nobody is there for a while.
        let end = Ledger.begins + .days(40)
        try await ledger.must(
            "CLOCK SET \(end)", "CLOCK SET \(end + .hours(3)) DOWN \(end + .hours(1))", "CLOCK ACCEPT")
    }

    private static func people(_ ledger: Ledger) async throws {
        try await ledger.must(
            "USER CREATE a@b.example ID ada TYPE pro NAME Ada", "USER CREATE c@b.example ID bob TYPE pro PERSON p",
            "USER CREATE d@b.example ID dan PERSON p KEY k0", "USER SET dan NAME Dan", "USER SET dan EMAIL e@b.example",
            "USER SET dan STATE suspended", "USER SET dan STATE active", "USER SET dan TYPE enterprise",
            "CREDIT PURCHASE dan 10 wire", "USER DELETE dan FORFEIT", "CREDIT PURCHASE ada 190 card REF r1 KEY k1",
            "CREDIT PURCHASE bob 90 card", "LIMIT SET user:bob cap_month 5000", "LIMIT SET pro tiers small,medium,large"
        )
        let made = try await ledger.ask(
            "PASSPORT CREATE ada laptop read,write SCOPE own EXPIRES \(Ledger.begins + .days(99)) RATE 500 CAP_DAY 50 "
                + "CAP_MONTH 500 KEYS required")
        let id = made["passport"]?.string ?? ""
        try await ledger.must("PASSPORT SET \(id) CAP_DAY 40 CAP_MONTH none", "PASSPORT ROTATE \(id) OVERLAP 90m")
        let other = try await ledger.ask("PASSPORT CREATE bob phone write")
        try await ledger.must(
            "SESSION ADMIT \(other["secret"]?.string ?? "") admitted small TTL 90s RESERVE full LABELS team=ml,job=1",
            "PASSPORT REVOKE \(other["passport"]?.string ?? "")")
    }

    private static func credit(_ ledger: Ledger) async throws {
        let now = Ledger.begins
        try await ledger.must(
            "CREDIT GRANT bob 1 KIND compensation EFFECTIVE \(now + .days(1)) EXPIRES \(now + .days(2)) REASON later",
            "CREDIT GRANT bob 1 FOR api,session_runtime REASON scoped KEY k2",
            "CREDIT ADJUST ada -1.5 REASON twice REF a1",
            "CREDIT ADJUST ada 1.5 REASON back", "CREDIT TRANSFER ada bob 5.000000001 REASON shared")
        let charge = try await ledger.ask("CREDIT CHARGE ada 2 api DESCRIPTION \"three calls\" LABELS team=ml KEY k3")
        try await ledger.must("CREDIT REFUND \(charge["id"]?.string ?? "") 0.75 REASON \"in part\"")
        // What a KEY keeps: a refusal, and an answer that was given before.
        _ = try await ledger.ask("CREDIT CHARGE ada 99999 api KEY k4")
        let hold = try await ledger.ask("HOLD PLACE ada 3 TTL 10m SOURCE job LABELS team=web")["id"]?.string ?? ""
        try await ledger.must("HOLD CAPTURE \(hold) 1", "HOLD CAPTURE \(hold) 1.5 FINAL")
        let void = try await ledger.ask("HOLD PLACE ada 3")["id"]?.string ?? ""
        try await ledger.must("HOLD VOID \(void)", "HOLD PLACE ada 1 TTL 2s")
    }

    private static func sessions(_ ledger: Ledger) async throws {
        let now = Ledger.begins + .hours(1)
        try await ledger.must(
            "CLOCK SET \(now)", "SESSION START plain ada small TTL 20h",
            "SESSION START heard ada small TTL 20h HEARTBEAT 10h KEY k5", "SESSION START never ada small",
            "SESSION CANCEL never REASON \"no node\"", "CLOCK SET \(now + .minutes(30))",
            // At another tier: one that is posted there, and one that is heard first.
            "SESSION RETIER plain large", "SESSION RETIER heard medium", "SESSION HEARTBEAT heard",
            "SESSION STOP heard",
            "SESSION STOP heard KEY k6", "CLOCK SET \(now + .days(1))", "CREDIT REFUND plain REASON \"node failed\"",
            "SESSION RECORD old ada large FROM \(now - .hours(400)) TO \(now) LABELS team=ml",
            // Past its credit, which comes back in time for one of them.
            "USER CREATE f@b.example ID poor TYPE pro", "LIMIT SET pro exhaustion_grace 20m",
            "CREDIT GRANT poor 0.01 REASON try", "SESSION START short poor large", "CLOCK SET \(now + .hours(40))")
    }

    private static func spacesAndStorage(_ ledger: Ledger) async throws {
        let now = Ledger.begins + .days(3)
        try await ledger.must(
            "CLOCK SET \(now)",
            "SPACE ADD shared COST 10 SIZE 1 NAME \"A space\" DESCRIPTION all CATEGORY ml CREATOR ada SHARE 12.34",
            "SPACE ADD hidden COST 10 SIZE 1 PUBLIC no")
        let bought = try await ledger.ask("SPACE PURCHASE bob shared w i LABELS team=ml")["charge"]?.string ?? ""
        try await ledger.must(
            "CREDIT REFUND \(bought) REASON \"not wanted\"", "SPACE GRANT hidden bob", "SPACE REVOKE hidden bob",
            "STORAGE CREATE ada files bucket 10.25 LABELS team=ml", "STORAGE RESIZE files 12.5", "STORAGE DELETE files",
            // Storage that nobody pays for, until somebody does.
            "LIMIT SET pro storage_grace 1h", "STORAGE CREATE bob disk filestore 900",
            "CREDIT CHARGE bob 500 api OVER", "CLOCK SET \(now + .days(3))", "CREDIT PURCHASE bob 1000 card")
    }

    private static func rulesAndMeters(_ ledger: Ledger) async throws {
        let now = Ledger.begins + .days(6)
        try await ledger.must(
            "CLOCK SET \(now)", "METER ADD egress UNIT GB SCALE 3 DESCRIPTION \"traffic out\"",
            "RULE LOAD meter:egress \"return function(t, n, before) return n * 333333 + before end\"",
            "RULE ACTIVATE meter:egress 1", "USAGE RECORD u1 ada egress 0.25 LABELS team=ml",
            "USAGE RECORD u2 ada egress 1.5 AT \(now - .days(9))",
            "RULE LOAD storage \"return function(t, kind, gb) return 20000003 + gb end\"",
            "RULE ACTIVATE storage 2 AT \(now + .hours(1))", "CLOCK SET \(now + .hours(2))", "RULE ROLLBACK storage")
    }

    private static func allowances(_ ledger: Ledger) async throws {
        try await ledger.must(
            "ALLOWANCE SET ada 2 EVERY week ROLLOVER 1 FOR api KEY k7", "ALLOWANCE SET type:pro 0.5 EVERY day",
            "CLOCK SET \(Ledger.begins + .days(20))", "ALLOWANCE REMOVE ada", "ALLOWANCE REMOVE type:pro")
    }

    private static func scripts(_ ledger: Ledger) async throws {
        try await ledger.must(
            "EVAL \"return ledger.charge('ada', '0.25', 'script').amount\" 1 key:s1", "MULTI",
            "CREDIT CHARGE ada 0.5 api", "EXEC")
    }
}
