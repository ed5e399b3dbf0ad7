package import LedgerCore
package import RESP

/// What the writer's tables and the published views answered.
extension ReplyEncoder {
    /// The answer to a `Query`. `closedSession` and `quote` are questions of their own, which the caller goes on to
    /// ask.
    package func result(_ result: QueryResult, open: Opener, to writer: inout some AnswerWriter) {
        switch result {
        case .rejected(let it): rejection(it, to: &writer)
        case .user(let row): user(row, open, &writer)
        case .balance(let row): balance(row, &writer)
        case .runway(let row): runway(row, &writer)
        case .users(let rows, let next): page(rows, next, &writer) { user($0, open, &$1) }
        case .passport(let row): passport(row, open, &writer)
        case .passports(let rows, let next): page(rows, next, &writer) { passport($0, open, &$1) }
        case .lots(let rows, let next): page(rows, next, &writer) { lot($0, &$1) }
        case .hold(let row): hold(row, &writer)
        case .holds(let rows, let next): page(rows, next, &writer) { hold($0, &$1) }
        case .session(let row): session(row, &writer)
        case .sessions(let rows, let next): page(rows, next, &writer) { session($0, &$1) }
        case .resources(let rows, let next): page(rows, next, &writer) { resource($0, &$1) }
        case .spaces(let rows, let next): page(rows, next, &writer) { space($0, &$1) }
        case .instances(let rows, let next): page(rows, next, &writer) { instance($0, &$1) }
        case .limits(let rows): list(rows, &writer) { limit($0, &$1) }
        case .allowances(let rows, let next): page(rows, next, &writer) { allowance($0, &$1) }
        case .meters(let rows): list(rows, &writer) { meter($0, &$1) }
        case .rules(let rows): list(rows, &writer) { rule($0, nil, &$1) }
        case .ruleSource(let row, let source): rule(row, source, &writer)
        case .priceBooks(let rows): priceBooks(rows, &writer)
        case .books(let rows): books(rows, &writer)
        case .closedSession, .quote: preconditionFailure("a question came back as an answer")
        }
    }

    /// `[cursor, [row, …]]`, as SCAN answers; cursor `0`: there is no more.
    func page<Row, W: AnswerWriter>(_ rows: [Row], _ next: UInt64, _ writer: inout W, _ row: (Row, inout W) -> Void) {
        writer.array(2)
        writer.bulk(String(next))
        list(rows, &writer, row)
    }

    func list<Row, W: AnswerWriter>(_ rows: [Row], _ writer: inout W, _ row: (Row, inout W) -> Void) {
        writer.array(rows.count)
        for it in rows { row(it, &writer) }
    }

    /// `CREDIT BALANCE` from a published view that says it exactly at `now`, the instant of the read.
    package func balance(of view: AccountView, user: ShortText, at now: Timestamp, to writer: inout some AnswerWriter) {
        var account = AccountImage()
        (account.paid, account.promo, account.held, account.debt) = (view.paid, view.promo, view.held, view.debt)
        account.available = view.available
        balance(user, view.type, view.state, account, nil, max(now, view.asOf), &writer)
    }

    /// `CREDIT BALANCE` from the writer's tables.
    private func balance(_ row: BalanceRow, _ writer: inout some AnswerWriter) {
        let user = row.user
        balance(user.id, user.type, user.state, user.account, row.availableFor, row.time, &writer)
    }

    private func balance(
        _ user: ShortText, _ type: UserType, _ state: UserState, _ account: AccountImage, _ availableFor: Money?,
        _ time: Timestamp, _ writer: inout some AnswerWriter
    ) {
        writer.fields { writer in
            writer.pair("user", user)
            writer.pair("type", type.text)
            writer.pair("state", state.text)
            writer.pair("available", account.available)
            if let availableFor { writer.pair("available_for", availableFor) }
            writer.pair("paid", account.paid)
            writer.pair("promo", account.promo)
            writer.pair("held", account.held)
            writer.pair("debt", account.debt)
            writer.pair("time", time)
        }
    }

    /// `RUNWAY`.
    private func runway(_ row: RunwayRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("user", row.userID)
            writer.pair("time", row.time)
            writer.pair("burn_rate", MoneySum(nanos: Int128(row.sessionRate) + Int128(row.storageRate)))
            writer.pair("sessions", integer: Int64(row.sessions))
            writer.pair("session_rate", rate: row.sessionRate)
            writer.pair("storage_gb", gigabytes: row.megabytes)
            writer.pair("storage_rate", rate: row.storageRate)
            writer.pair("available", row.available)
            writer.pair("scoped", row.scoped)
            writer.pair("debt", row.debt)
            writer.pair("first_expiry", row.firstExpiry)
            writer.pair("expiring", row.expiring)
            writer.pair("empty_at", row.emptyAt)
            writer.key("seconds_left")
            if row.emptyAt == .never {
                writer.null()
            } else {
                writer.thin((row.emptyAt - row.time).nanoseconds, digits: 9)
            }
        }
    }

    // MARK: Rows

    private func user(_ row: UserRow, _ open: Opener, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("user", row.id)
            writer.pair("email", row.email.isEmpty ? nil : open(row.email, row.ordinal))
            writer.pair("name", row.name.isEmpty ? nil : open(row.name, row.ordinal))
            writer.pair("type", row.type.text)
            writer.pair("state", row.state.text)
            writer.pair("created", row.created)
            writer.pair("available", row.account.available)
            writer.pair("paid", row.account.paid)
            writer.pair("promo", row.account.promo)
            writer.pair("held", row.account.held)
            writer.pair("debt", row.account.debt)
            writer.pair("sessions", integer: Int64(row.sessions))
        }
    }

    private func passport(_ row: PassportRow, _ open: Opener, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("passport", row.id)
            writer.pair("user", row.userID)
            writer.pair("name", row.name.isEmpty ? nil : open(row.name, row.user))
            writer.pair("permissions", row.permissions)
            writer.pair("scope", row.scope.text)
            writer.pair("created", row.created)
            writer.pair("expires", row.expires)
            writer.pair("revoked", flag: row.revoked)
            writer.pair("rate", rateLimit: row.rate)
            writer.pair("cap_day", cap: row.caps.day)
            writer.pair("spent_day", row.spentDay)
            writer.pair("cap_month", cap: row.caps.month)
            writer.pair("spent_month", row.spentMonth)
            writer.pair("keys", row.requiresKeys ? "required" : "optional")
            writer.pair("last_four", lastFour: row.lastFour)
            writer.pair("last_used", row.lastUsed)
        }
    }

    private func lot(_ row: LotRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("lot", id: row.origin.id, as: .lot)
            writer.pair("kind", row.origin.kind.text)
            writer.pair("remaining", row.remaining)
            writer.pair("pinned", row.pinned)
            writer.pair("source", row.origin.fundedBy)
            writer.pair("parent", id: row.origin.parent, as: .lot)
            writer.pair("scope", row.origin.scope.text)
            writer.pair("priority", integer: Int64(row.origin.priority))
            writer.pair("effective", row.origin.effective)
            writer.pair("expires", row.origin.expires)
            writer.pair("order", integer: Int64(row.order))
        }
    }

    /// A hold that is open. `original` is in the event that placed it, which the tables don't keep: null without it.
    private func hold(_ row: HoldRow, original: Money? = nil, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("hold", id: row.id, as: .hold)
            writer.pair("user", row.userID)
            writer.pair("status", "open")
            writer.pair("amount", row.amount)
            writer.pair("source", row.source)
            writer.pair("placed", row.placed)
            writer.pair("expires", row.expires)
            // A capture that leaves something open takes it from the hold alone, and gives nothing free.
            writer.pair("captured", original.map { $0 - row.amount })
            writer.pair("released", nil as Money?)
            writer.pair("expired", nil as Money?)
            writer.pair("closed", .never)
            writer.pair("original", original)
            writer.pair("remaining", row.amount)
            writer.pair("labels", row.labels)
        }
    }

    /// `HOLD GET` of an open hold, with the event that placed it.
    package func openHold(_ row: HoldRow, placed event: Event, to writer: inout some AnswerWriter) {
        guard case .holdPlaced(let placed) = event.body else { return rejection(.notFound(.hold), to: &writer) }
        hold(row, original: placed.amount, &writer)
    }

    private func session(_ row: SessionRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("session", row.session)
            writer.pair("id", id: row.id, as: .session)
            writer.pair("user", row.userID)
            writer.pair("type", row.type.text)
            writer.pair("tier", row.tier.text)
            writer.pair("status", row.status.text)
            writer.pair("started", row.started)
            writer.pair("rate", rate: row.rate)
            writer.pair("held", row.held)
            writer.pair("lease_until", row.leaseUntil)
            writer.pair("empty_at", row.emptyAt)
            writer.pair("deadline", row.deadline)
            writer.pair("ttl_end", row.ttlEnd)
            writer.key("heartbeat")
            if row.heartbeat == .zero { writer.null() } else { writer.thin(row.heartbeat.nanoseconds, digits: 9) }
            writer.pair("last_heard", row.lastHeard)
            writer.pair("seconds", seconds: row.elapsed)
            writer.pair("amount", row.amount)
            writer.pair("labels", row.labels)
        }
    }

    private func resource(_ row: ResourceRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("resource", row.resource)
            writer.pair("id", id: row.id, as: .resource)
            writer.pair("kind", row.kind.text)
            writer.pair("gb", gigabytes: row.megabytes)
            writer.pair("created", row.created)
            writer.pair("rate", rate: row.rate)
            writer.pair("accrued", row.accrued)
            writer.pair("posted", row.posted)
            writer.pair("status", row.standing.status.text)
            writer.pair("unpaid_since", row.standing.unpaidSince)
            writer.pair("delete_due", row.standing.deleteDue)
            writer.pair("labels", row.labels)
        }
    }

    private func space(_ row: SpaceRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("space", row.space.id)
            writer.pair("name", row.space.name)
            writer.pair("description", row.space.description.isEmpty ? nil : row.space.description)
            writer.pair("category", row.space.category)
            writer.pair("gb", integer: row.space.gigabytes)
            writer.pair("cost", row.space.cost)
            writer.pair("public", flag: row.space.isPublic)
            writer.pair("creator", row.creator)
            writer.pair("share", percent: row.space.share)
            writer.pair("created", row.created)
        }
    }

    private func instance(_ row: InstanceRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("id", id: row.id, as: .space)
            writer.pair("space", row.space)
            writer.pair("workspace", row.workspace)
            writer.pair("instance", row.instance)
            writer.pair("gb", integer: row.gigabytes)
            writer.pair("purchased", row.purchased)
            writer.pair("charge", id: row.id, as: .charge)
            writer.pair("amount", row.amount)
        }
    }

    private func limit(_ row: LimitRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("type", row.user.isEmpty ? row.type.text : "user:\(row.user)")
            writer.pair("limit", row.limit.text)
            writer.pair("value", row.limit.show(row.value))
            writer.pair("overdraft", row.overdraft)
            writer.pair("downtime_per_hour", row.downtimePerHour)
            writer.pair("spent", row.spent)
            writer.pair("resets", row.resets)
        }
    }

    private func allowance(_ row: AllowanceRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            if row.user.isEmpty { writer.pair("who", "type:\(row.type.text)") } else { writer.pair("who", row.user) }
            allowance(row.terms, &writer)
            writer.pair("next", row.next)
        }
    }

    private func meter(_ row: MeterRow, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("meter", row.name)
            writer.pair("unit", row.unit)
            writer.pair("scale", integer: Int64(row.scale))
            writer.pair("description", row.description.isEmpty ? nil : row.description)
            writer.key("version")
            if let version = row.version { writer.integer(Int64(version)) } else { writer.null() }
            writer.pair("created", row.created)
        }
    }

    private func rule(_ row: RuleRow, _ source: [UInt8]?, _ writer: inout some AnswerWriter) {
        writer.map { writer in
            writer.pair("rule", row.name.text)
            writer.pair("version", integer: Int64(row.version))
            writer.pair("sha256", row.identity)
            writer.pair("loaded", row.loaded)
            writer.pair("active", flag: row.active)
            writer.pair("activation", row.activation)
            if let source { writer.pair("source", source) }
        }
    }

    /// Account → balance; liabilities and revenue positive.
    private func books(_ rows: [BookRow], _ writer: inout some AnswerWriter) {
        writer.map { writer in
            for row in rows {
                writer.key(row.account)
                writer.bulk("\(MoneySum(nanos: row.balance))")
            }
        }
    }
}
