internal import LedgerCore

/// Receipts of users, passports, rules and limits.
extension ReplyEncoder {
    func created(_ it: UserCreated, _ start: ReceiptStart, _ names: ReceiptNames, _ writer: inout some FieldWriter) {
        start.open(id: it.id, &writer)
        writer.pair("user", it.id)
        writer.pair("email", names.email)
        writer.pair("type", it.type.text)
        writer.pair("state", UserState.active.text)
        writer.pair("bonus", it.bonus)
        start.close(&writer)
    }

    func changed(_ it: UserChanged, _ start: ReceiptStart, _ names: ReceiptNames, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("user", start.user)
        switch it.field {
        case .name:
            writer.pair("changed", "name")
            writer.pair("value", names.name)
        case .type:
            writer.pair("changed", "type")
            writer.pair("value", it.type.text)
        case .state:
            writer.pair("changed", "state")
            writer.pair("value", it.state.text)
        case .email:
            writer.pair("changed", "email")
            writer.pair("value", names.name)
        }
        start.close(&writer)
    }

    func created(
        _ it: PassportCreated, _ start: ReceiptStart, _ names: ReceiptNames, _ secret: [UInt8]?,
        _ writer: inout some FieldWriter
    ) {
        start.open(id: it.id, &writer)
        writer.pair("passport", it.id)
        writer.pair("user", start.user)
        writer.pair("name", names.passport)
        writer.pair("permissions", it.permissions)
        writer.pair("scope", it.scope.text)
        writer.pair("expires", it.expires)
        writer.pair("rate", rateLimit: it.rate)
        writer.pair("cap_day", cap: it.caps.day)
        writer.pair("cap_month", cap: it.caps.month)
        writer.pair("keys", it.requiresKeys ? "required" : "optional")
        writer.pair("last_four", lastFour: it.lastFour)
        writer.pair("replaces", it.replaces)
        writer.pair("replaced_until", it.replaces.value == 0 ? .never : it.replacedExpires)
        if let secret { writer.pair("secret", secret) }
    }

    func changed(_ it: PassportChanged, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it.passport, &writer)
        writer.pair("passport", it.passport)
        writer.pair("user", start.user)
        writer.pair("cap_day", cap: it.caps.day)
        writer.pair("cap_month", cap: it.caps.month)
    }

    func revoked(_ it: PassportID, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(id: it, &writer)
        writer.pair("passport", it)
        writer.pair("user", start.user)
    }

    func deleted(_ it: UserDeleted, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("user", start.user)
        writer.pair("forfeited", it.bought)
        writer.pair("lapsed", it.other)
        start.close(&writer)
    }

    // MARK: Rules and limits

    func loaded(_ it: RuleLoaded, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("rule", it.name.text)
        writer.pair("version", integer: Int64(it.version))
        writer.pair("sha256", it.identity)
    }

    func scheduled(_ it: RuleScheduled, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("rule", it.name.text)
        writer.pair("version", integer: Int64(it.version))
        writer.pair("sha256", it.identity)
        writer.pair("at", it.at)
    }

    func activated(_ it: RuleActivated, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("rule", it.name.text)
        writer.pair("version", integer: Int64(it.version))
        writer.pair("sha256", it.identity)
        writer.pair("at", start.time)
    }

    func set(_ it: LimitSet, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("type", it.type.text)
        writer.pair("limit", it.limit.text)
        writer.pair("value", it.limit.show(it.value))
    }

    func set(_ it: UserLimited, _ start: ReceiptStart, _ writer: inout some FieldWriter) {
        start.open(as: .entry, &writer)
        writer.pair("type", "user:\(start.user)")
        writer.pair("limit", it.period.text)
        writer.pair("value", it.value == Limits.none ? "none" : "\(Money(nanos: it.value))")
    }
}
