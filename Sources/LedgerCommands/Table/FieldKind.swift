internal import LedgerCore

/// What an argument must look like.
package enum FieldKind: UInt8, CaseIterable, Sendable {
    // names
    case user, session, resource, space, instance, reference, label, word, wordList, category, key
    // personal and free text
    case email, person, personName, text
    // money and amounts
    case amount, signedAmount, cents, price, gigabytes, gigabytesWhole, hours, count, cursor, rate, version, lsn
    // time
    case time, lifetime, heartbeat, overlap, timeout
    // ids
    case secret, passport, hold, chargeOrSession, entry
    // words of a closed list
    case userType, userState, tier, storageKind, grantKind, permissions, permission, scope, keyPolicy, status, reserve,
        yesNo
    case ruleName, limitName, limitValue
    // bytes
    case source, bytes
    // the rest of the line
    case words
    case flag
}

extension FieldKind {
    /// What the argument must be, as errors and the reference say it.
    package var expected: String {
        switch self {
        case .user: "a user id: 1 to 64 printable bytes"
        case .session: "a session id: 1 to 64 printable bytes"
        case .resource: "a resource name: 1 to 64 printable bytes"
        case .space: "a space id: 1 to 64 letters, digits, '.', '_', ':' or '-'"
        case .instance: "a name: 1 to 64 printable bytes"
        case .reference: "a reference: 1 to 64 printable bytes"
        case .label: "a name: 1 to 64 printable bytes"
        case .word: "a word: 1 to 64 letters, digits, '.', '_', ':' or '-'"
        case .wordList: "words with commas between, at most 64 bytes in all"
        case .category: "a word: 1 to 64 letters, digits, '.', '_', ':' or '-'"
        case .key: "a key: 1 to 255 bytes"
        case .email: "an e-mail address"
        case .person: "a word of 1 to 255 bytes"
        case .personName: "text of at most 1024 bytes in UTF-8"
        case .text: "text of 1 to 1024 bytes in UTF-8"
        case .amount: "a decimal amount above 0 (like 25 or 0.0375), at most 9 fraction digits"
        case .signedAmount: "a decimal amount other than 0 (like 25 or -0.0375), at most 9 fraction digits"
        case .cents: "a decimal amount above 0 in whole cents (like 25 or 25.50)"
        case .price: "a decimal amount of 0 or more (like 5 or 0.0375), at most 9 fraction digits"
        case .gigabytes: "a decimal number of GB above 0 with at most 3 fraction digits (like 10 or 0.5)"
        case .gigabytesWhole: "a whole number of GB, 1 to 1000000000"
        case .hours: "a decimal number of hours from 0 to 1000000 (like 2 or 1.5), at most 9 fraction digits"
        case .count: "a whole number, 1 to 10000"
        case .cursor: "the cursor that the page before gave, or 0"
        case .rate: "a whole number of requests per hour, 1 to 4294967295"
        case .version: "a version number, 1 or more"
        case .lsn: "the number of an event, 0 or more"
        case .time: "a time: RFC 3339 (like 2026-11-23T09:30:00Z or 2026-11-23) or unix seconds (like 1795426200)"
        case .lifetime: "a duration from 1s to 30d (like 90s, 10m, 1.5h, 30d)"
        case .heartbeat: "a duration from 1s to 30d (like 30s or 5m)"
        case .overlap: "a duration from 0s to 30d (like 0s, 1h, 7d)"
        case .timeout: "a duration (like 500ms or 5s), or whole milliseconds; 0 waits as long as it takes"
        case .secret: "a passport's secret (fl_…)"
        case .passport: "a passport id: 10 letters or digits"
        case .hold: "a hold id (h_…)"
        case .chargeOrSession:
            "a charge id (c_…), or a session id of 1 to 64 letters, digits, . _ - : @ for all its charges"
        case .entry: "the id of a charge (c_…) or of another entry (e_…)"
        case .userType: FieldKind.oneOf(UserType.allCases.map(\.text))
        case .userState: FieldKind.oneOf(UserState.allCases.map(\.text))
        case .tier: FieldKind.oneOf(Tier.allCases.map(\.text))
        case .storageKind: FieldKind.oneOf(StorageKind.allCases.map(\.text))
        case .grantKind: FieldKind.oneOf(["promo", "compensation"])
        case .permissions: "a list of read, write, billing, monitor, admin, with commas between"
        case .permission: FieldKind.oneOf(Permissions.names.map(\.1))
        case .scope: FieldKind.oneOf(Scope.allCases.map(\.text))
        case .keyPolicy: FieldKind.oneOf(["required", "optional"])
        case .status: FieldKind.oneOf(["active", "exhausting"])
        case .reserve: FieldKind.oneOf(["lease", "full"])
        case .yesNo: FieldKind.oneOf(["yes", "no"])
        case .ruleName: FieldKind.oneOf(RuleName.allCases.map(\.text))
        case .limitName: FieldKind.oneOf(LimitName.allCases.map(\.text))
        case .limitValue: "a value of the limit's kind, or none"
        case .source: "Lua of 1 to 16384 bytes in UTF-8"
        case .bytes: "any bytes"
        case .words, .flag: ""
        }
    }

    /// The words that may stand here, for completion; empty where anything goes.
    package var choices: [String] {
        switch self {
        case .userType: UserType.allCases.map(\.text)
        case .userState: UserState.allCases.map(\.text)
        case .tier: Tier.allCases.map(\.text)
        case .storageKind: StorageKind.allCases.map(\.text)
        case .grantKind: ["promo", "compensation"]
        case .permissions, .permission: Permissions.names.map(\.1)
        case .scope: Scope.allCases.map(\.text)
        case .keyPolicy: ["required", "optional"]
        case .status: ["active", "exhausting"]
        case .reserve: ["lease", "full"]
        case .yesNo: ["yes", "no"]
        case .ruleName: RuleName.allCases.map(\.text)
        case .limitName: LimitName.allCases.map(\.text)
        case .user, .session, .resource, .space, .instance, .reference, .label, .word, .wordList, .category, .key,
            .email,
            .person, .personName, .text, .amount, .signedAmount, .cents, .price, .gigabytes, .gigabytesWhole, .hours,
            .count,
            .cursor, .rate, .version, .lsn, .time, .lifetime, .heartbeat, .overlap, .timeout, .secret, .passport,
            .hold, .chargeOrSession, .entry, .limitValue, .source, .bytes, .words, .flag:
            []
        }
    }

    /// `COMMAND DOCS` knows few types; what is not a number is a string there, also decimals, which must stay text.
    package var documentedType: String {
        switch self {
        case .count, .cursor, .rate, .version, .lsn, .gigabytesWhole: "integer"
        case .flag: "pure-token"
        case .user, .session, .resource, .space, .instance, .reference, .label, .word, .wordList, .category, .key,
            .email,
            .person, .personName, .text, .amount, .signedAmount, .cents, .price, .gigabytes, .hours, .time, .lifetime,
            .heartbeat, .overlap, .timeout, .secret, .passport, .hold, .chargeOrSession, .entry,
            .userType, .userState, .tier,
            .storageKind, .grantKind, .permissions, .permission, .scope, .keyPolicy, .status, .reserve, .yesNo,
            .ruleName,
            .limitName, .limitValue, .source, .bytes, .words:
            "string"
        }
    }

    private static func oneOf(_ words: [String]) -> String {
        guard words.count > 1 else { return words.joined() }
        return "one of " + words.dropLast().joined(separator: ", ") + " or " + words[words.count - 1]
    }
}
