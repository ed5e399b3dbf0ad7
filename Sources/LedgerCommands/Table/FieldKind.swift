internal import LedgerCore

/// What an argument must look like.
package enum FieldKind: UInt8, CaseIterable, Sendable {
    // names
    case user, session, resource, space, instance, reference, label, word, wordList, category, key
    case labels, labelFilter, grouping
    // personal and free text
    case email, person, personName, text
    // money and amounts
    case amount, signedAmount, cents, price, cap, percent, quantity, scale, gigabytes, gigabytesWhole, hours, count
    case cursor, rate, version, lsn
    // time
    case time, lifetime, heartbeat, overlap, timeout
    // ids
    case secret, passport, hold, chargeOrSession, entry
    // words of a closed list
    case limitSubject, userOrType, userType, userState, tier, storageKind, grantKind, period, permissions, permission,
        scope, keyPolicy,
        status, reserve,
        yesNo
    case ruleName, limitName, limitValue, priceGrouping, versionOrOff
    // bytes
    case source, bytes
    // the rest of the line
    case words
    case flag
}

extension FieldKind {
    /// All that is known of a kind, in one place.
    struct Row {
        /// What the argument must be, as errors and the reference say it.
        let expected: String
        let meaning: Meaning
        /// As `COMMAND DOCS` calls it. What is not a number is a string there, also decimals, which must stay text.
        let documentedType: String
        /// The words that may stand here, for completion; empty where anything goes.
        let choices: [String]

        init(_ expected: String, means meaning: Meaning = .bytes, type: String = "string", choices: [String] = []) {
            self.expected = expected
            self.meaning = meaning
            documentedType = type
            self.choices = choices
        }

        /// One word of a list, in whatever case.
        static func choice(_ words: [String]) -> Row {
            let list = words.dropLast().joined(separator: ", ")
            let expected = words.count > 1 ? "one of \(list) or \(words[words.count - 1])" : words.joined()
            return Row(expected, means: .word, choices: words)
        }
    }

    /// When two texts say the same: what the hash of a command's arguments is made of.
    enum Meaning: UInt8 {
        /// Where their bytes are the same.
        case bytes
        /// In whatever case.
        case word
        /// In whatever case where it is a rule of the ledger's own; `meter:` and a name.
        case ruleName
        case decimal, cap, integer, time, span, permissions, flag
        /// In whatever case where it is a type of user; `user:` and an id.
        case limitSubject
        /// In whatever case where it is `type:` and a type of user.
        case userOrType
        /// In whatever order.
        case labels
        /// A value whose kind depends on the limit that it is for.
        case limit
    }

    var row: Row {
        switch self {
        case .user: Row("a user id: 1 to 64 printable bytes")
        case .session: Row("a session id: 1 to 64 printable bytes")
        case .resource: Row("a resource name: 1 to 64 printable bytes")
        case .space: Row("a space id: 1 to 64 letters, digits, '.', '_', ':' or '-'")
        case .instance: Row("a name: 1 to 64 printable bytes")
        case .reference: Row("a reference: 1 to 64 printable bytes")
        case .label: Row("a name: 1 to 64 printable bytes")
        case .word: Row("a word: 1 to 64 letters, digits, '.', '_', ':' or '-'")
        case .wordList: Row("words with commas between, at most 64 bytes in all")
        case .category: Row("a word: 1 to 64 letters, digits, '.', '_', ':' or '-'")
        case .labels:
            Row(
                "1 to 8 labels k=v with commas between, no key twice; keys and values are 1 to 64 letters, digits, '.', '_', ':', '/' or '-'",
                means: .labels)
        case .labelFilter: Row("a label k=v, or a label's key")
        case .grouping: Row("label: and a label's key (like label:team)")
        case .key: Row("a key: 1 to 255 bytes")
        case .email: Row("an e-mail address")
        case .person: Row("a word of 1 to 255 bytes")
        case .personName: Row("text of at most 1024 bytes in UTF-8")
        case .text: Row("text of 1 to 1024 bytes in UTF-8")
        case .amount: Row("a decimal amount above 0 (like 25 or 0.0375), at most 9 fraction digits", means: .decimal)
        case .signedAmount:
            Row("a decimal amount other than 0 (like 25 or -0.0375), at most 9 fraction digits", means: .decimal)
        case .cents: Row("a decimal amount above 0 in whole cents (like 25 or 25.50)", means: .decimal)
        case .price: Row("a decimal amount of 0 or more (like 5 or 0.0375), at most 9 fraction digits", means: .decimal)
        case .cap:
            Row("a decimal amount of 0 or more (like 25 or 0.0375), at most 9 fraction digits, or none", means: .cap)
        case .percent:
            Row("a percentage from 0 to 100 with at most 2 fraction digits (like 30 or 12.5)", means: .decimal)
        case .quantity:
            Row(
                "a decimal number of 0 or more (like 3 or 0.25), at most 9223372036 and 9 fraction digits",
                means: .decimal)
        case .scale: Row("a whole number from 0 to 9", means: .integer, type: "integer")
        case .gigabytes:
            Row("a decimal number of GB above 0 with at most 3 fraction digits (like 10 or 0.5)", means: .decimal)
        case .gigabytesWhole: Row("a whole number of GB, 1 to 1000000000", means: .integer, type: "integer")
        case .hours:
            Row(
                "a decimal number of hours from 0 to 1000000 (like 2 or 1.5), at most 9 fraction digits",
                means: .decimal)
        case .count: Row("a whole number, 1 to 10000", means: .integer, type: "integer")
        case .cursor: Row("the cursor that the page before gave, or 0", means: .integer, type: "integer")
        case .rate: Row("a whole number of requests per hour, 1 to 4294967295", means: .integer, type: "integer")
        case .version: Row("a version number, 1 or more", means: .integer, type: "integer")
        case .lsn: Row("the number of an event, 0 or more", means: .integer, type: "integer")
        case .time:
            Row(
                "a time: RFC 3339 (like 2026-11-23T09:30:00Z or 2026-11-23) or unix seconds (like 1795426200)",
                means: .time)
        case .lifetime: Row("a duration from 1s to 30d (like 90s, 10m, 1.5h, 30d)", means: .span)
        case .heartbeat: Row("a duration from 1s to 30d (like 30s or 5m)", means: .span)
        case .overlap: Row("a duration from 0s to 30d (like 0s, 1h, 7d)", means: .span)
        case .timeout: Row("a duration (like 500ms or 5s), or whole milliseconds; 0 waits as long as it takes")
        case .secret: Row("a passport's secret (fl_…)")
        case .passport: Row("a passport id: 10 letters or digits")
        case .hold: Row("a hold id (h_…)")
        case .chargeOrSession:
            Row("a charge id (c_…), or a session id of 1 to 64 letters, digits, . _ - : @ for all its charges")
        case .entry: Row("the id of a charge (c_…) or of another entry (e_…)")
        case .limitSubject:
            Row(
                "one of \(UserType.allCases.map(\.text).joined(separator: ", ")), or user: and a user id",
                means: .limitSubject,
                choices: UserType.allCases.map(\.text))
        case .userOrType:
            Row(
                "a user id of 1 to 64 printable bytes, or type: and one of \(UserType.allCases.map(\.text).joined(separator: ", "))",
                means: .userOrType, choices: UserType.allCases.map { "type:\($0.text)" })
        case .period: .choice(CalendarPeriod.allCases.map(\.text))
        case .userType: .choice(UserType.allCases.map(\.text))
        case .userState: .choice(UserState.settable.map(\.text))
        case .tier: .choice(Tier.allCases.map(\.text))
        case .storageKind: .choice(StorageKind.allCases.map(\.text))
        case .grantKind: .choice(["promo", "compensation"])
        case .permissions:
            Row(
                "a list of read, write, billing, monitor, admin, with commas between", means: .permissions,
                choices: Permissions.names.map(\.1))
        case .permission: .choice(Permissions.names.map(\.1))
        case .scope: .choice(Scope.allCases.map(\.text))
        case .keyPolicy: .choice(["required", "optional"])
        case .status: .choice(["active", "exhausting"])
        case .reserve: .choice(["lease", "full"])
        case .yesNo: .choice(["yes", "no"])
        case .ruleName:
            Row(
                "one of \(RuleName.builtIn.map(\.text).joined(separator: ", ")), or \(RuleName.meterPrefix) and a meter's name",
                means: .ruleName, choices: RuleName.builtIn.map(\.text))
        case .limitName: .choice(LimitName.allCases.map(\.text))
        case .versionOrOff: Row("a version number, 1 or more, or off", means: .word, choices: ["off"])
        case .priceGrouping: .choice(PriceGrouping.allCases.map(\.text))
        case .limitValue: Row("a value of the limit's kind, or none", means: .limit)
        case .source: Row("Lua of 1 to 16384 bytes in UTF-8")
        case .bytes: Row("any bytes")
        case .words: Row("")
        case .flag: Row("", means: .flag, type: "pure-token")
        }
    }

    package var expected: String { row.expected }
    package var choices: [String] { row.choices }
    package var documentedType: String { row.documentedType }
}
