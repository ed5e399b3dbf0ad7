internal import LedgerCore

/// Calls, refusals and time by command: what INFO shows under commandstats. The writer's own.
struct CommandStatistics {
    private var rows = [EngineInfo.Command](
        repeating: EngineInfo.Command(name: "", calls: 0, rejected: 0, nanoseconds: 0), count: WorkItem.kinds.count)

    mutating func count(_ kind: Int, took nanoseconds: UInt64, rejected: Bool) {
        rows[kind].calls += 1
        rows[kind].nanoseconds += nanoseconds
        if rejected { rows[kind].rejected += 1 }
    }

    /// Those that were called.
    var table: [EngineInfo.Command] {
        rows.indices.filter { rows[$0].calls > 0 }.map { index in
            var row = rows[index]
            row.name = WorkItem.kinds[index]
            return row
        }
    }
}

extension WorkItem {
    /// Names by ``kind``, as clients write them.
    static let kinds = [
        "WAIT", "SESSION ADMIT", "PASSPORT VERIFY", "READ", "SESSION QUOTE", "RULE LOAD", "RULE CHECK", "RULE ACTIVATE",
        "INFO",
        "USER CREATE", "USER SET", "PASSPORT CREATE", "PASSPORT REVOKE", "PASSPORT ROTATE", "CREDIT PURCHASE",
        "CREDIT GRANT",
        "CREDIT CHARGE", "CREDIT ADJUST", "CREDIT REFUND", "HOLD PLACE", "HOLD CAPTURE", "HOLD VOID", "SESSION START",
        "SESSION HEARTBEAT", "SESSION STOP", "SESSION CANCEL", "SESSION RECORD", "STORAGE CREATE", "STORAGE RESIZE",
        "STORAGE DELETE", "SPACE ADD", "SPACE PURCHASE", "RULE ROLLBACK", "LIMIT SET", "CLOCK ACCEPT", "ENGINE START",
    ]

    var kind: Int {
        switch self {
        case .barrier: 0
        case .admit: 1
        case .verify: 2
        case .query, .storageSizes: 3
        case .quote: 4
        case .ruleLoad: 5
        case .ruleMaterial: 6
        case .ruleActivate: 7
        case .info: 8
        case .command(let request, _):
            switch request.command {
            case .userCreate: 9
            case .userSet: 10
            case .passportCreate: 11
            case .passportRevoke: 12
            case .passportRotate: 13
            case .creditPurchase: 14
            case .creditGrant: 15
            case .creditCharge: 16
            case .creditAdjust: 17
            case .creditRefund: 18
            case .holdPlace: 19
            case .holdCapture: 20
            case .holdVoid: 21
            case .sessionStart: 22
            case .sessionHeartbeat: 23
            case .sessionStop: 24
            case .sessionCancel: 25
            case .sessionRecord: 26
            case .storageCreate: 27
            case .storageResize: 28
            case .storageDelete: 29
            case .spaceAdd: 30
            case .spacePurchase: 31
            case .ruleLoad: 5
            case .ruleActivate: 7
            case .ruleRollback: 32
            case .limitSet: 33
            case .clockAccept: 34
            case .engineStart: 35
            }
        }
    }
}
