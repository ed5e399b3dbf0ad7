internal import LedgerCore

// Users, passports, rules, limits and allowances.
extension Translator {
    // MARK: Users

    func create(_ it: UserCreated) -> Ask {
        var words = CommandWords("USER CREATE", SyntheticText.email(it.emailHash))
        words.add("ID", it.id)
        words.add("NAME", nonempty: SyntheticText.text(for: it.name))
        words.add("TYPE", it.type.text)
        if it.personHash != .zero { words.add("PERSON", SyntheticText.person(it.personHash)) }
        return .words(words)
    }

    func change(_ it: UserChanged, _ event: Event) -> Ask {
        var words = CommandWords("USER SET", user(event))
        switch it.field {
        case .name: words.add("NAME", SyntheticText.text(for: it.name))
        case .type: words.add("TYPE", it.type.text)
        case .state: words.add("STATE", it.state.text)
        case .email: words.add("EMAIL", SyntheticText.email(it.emailHash))
        }
        return .words(words)
    }

    func delete(_ it: UserDeleted, _ event: Event) -> Ask {
        var words = CommandWords("USER DELETE", user(event))
        if it.bought > .zero { words.add(flag: "FORFEIT") }
        return .words(words)
    }

    // MARK: Passports

    func create(_ it: PassportCreated, _ event: Event) -> Ask {
        guard it.replaces.value == 0 else {
            guard let old = passport(it.replaces) else {
                return .unknown("passportCreated, in the place of a missing one")
            }
            var words = CommandWords("PASSPORT ROTATE", old)
            words.add("OVERLAP", max(.zero, it.replacedExpires - event.time))
            return .words(words)
        }
        // Who acts also moves the clock, which only an admin may.
        let permissions = isDriven ? it.permissions.union(.admin) : it.permissions
        var words = CommandWords(
            "PASSPORT CREATE", user(event), "passport-\(passports.count)", permissions.text)
        words.add("SCOPE", isDriven ? Scope.all.text : it.scope.text)
        if it.expires != .never { words.add("EXPIRES", it.expires) }
        if it.rate > 0 { words.add("RATE", it.rate) }
        if it.caps.day != Limits.none { words.add("CAP_DAY", Self.amount(it.caps.day)) }
        if it.caps.month != Limits.none { words.add("CAP_MONTH", Self.amount(it.caps.month)) }
        if it.requiresKeys { words.add("KEYS", "required") }
        return .words(words)
    }

    func revoke(_ it: PassportRevoked) -> Ask {
        guard let id = passport(it.passport) else { return .unknown("passportRevoked, of a missing one") }
        return .words(CommandWords("PASSPORT REVOKE", id))
    }

    func change(_ it: PassportChanged) -> Ask {
        guard let id = passport(it.passport) else { return .unknown("passportChanged, of a missing one") }
        var words = CommandWords("PASSPORT SET", id)
        words.add("CAP_DAY", Self.amount(it.caps.day))
        words.add("CAP_MONTH", Self.amount(it.caps.month))
        return .words(words)
    }

    // MARK: Rules

    static func load(_ name: RuleName, _ source: [UInt8]) -> CommandWords {
        CommandWords("RULE LOAD", name.text, source)
    }

    func load(_ it: RuleLoaded) -> Ask { .words(Self.load(it.name, it.source)) }

    func schedule(_ it: RuleScheduled) -> Ask {
        guard let version = version(LoadedRule(name: it.name, identity: it.identity)) else {
            return .unknown("ruleScheduled, of a version that was not loaded")
        }
        var words = CommandWords("RULE ACTIVATE", it.name.text, version)
        words.add("AT", it.at)
        return .words(words)
    }

    func activate(_ it: RuleActivated) -> Ask {
        guard !it.rollback else { return .words(CommandWords("RULE ROLLBACK", it.name.text)) }
        guard let version = version(LoadedRule(name: it.name, identity: it.identity)) else {
            return .unknown("ruleActivated, of a version that was not loaded")
        }
        return .words(CommandWords("RULE ACTIVATE", it.name.text, version))
    }

    // MARK: Limits

    func set(_ it: LimitSet) -> Ask {
        .words(CommandWords("LIMIT SET", it.type.text, it.limit.text, Self.value(it.value, of: it.limit)))
    }

    func set(_ it: UserLimited, _ event: Event) -> Ask {
        let who = Array("user:".utf8) + user(event).bytes
        return .words(CommandWords("LIMIT SET", who, it.period.text, Self.amount(it.value)))
    }

    private static func value(_ value: Int64, of limit: LimitName) -> [UInt8] {
        switch limit {
        case .tiers:
            Tier.allCases.filter { value & 1 << Int64($0.rawValue) != 0 }.map(\.text).joined(separator: ",").bytes
        case .exhaustionGrace, .storageGrace: TimeSpan(nanoseconds: value).bytes
        case .sessions, .requestsPerHour: value == Limits.none ? "none".bytes : value.bytes
        case .storage: value == Limits.none ? "none".bytes : gigabytes(value).bytes
        case .purchaseMinimum, .purchaseMaximum, .exhaustionDebt, .storageDebt, .capDay, .capMonth: amount(value).bytes
        }
    }

    private static func amount(_ nanos: Int64) -> String {
        nanos == Limits.none ? "none" : Money(nanos: nanos).description
    }

    // MARK: Allowances

    static func allow(_ who: ShortText, _ terms: AllowanceTerms) -> CommandWords {
        guard !terms.isNone else { return CommandWords("ALLOWANCE REMOVE", who) }
        var words = CommandWords("ALLOWANCE SET", who, terms.amount)
        words.add("EVERY", terms.period.text)
        words.add("ROLLOVER", terms.rollover)
        if !terms.scope.isEverything { words.add("FOR", terms.scope.text) }
        return words
    }
}
