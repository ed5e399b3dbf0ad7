/// A read that the writer answers from its tables (at most 1,000 rows a page), in its place among the writes.
/// Lists come newest first; `cursor` 0 starts at the newest, the result's `next` continues, 0 when there is no more.
package enum Query: Sendable {
    case user(Hash128)
    /// `for`: how much there is for charges of this source.
    case balance(user: Hash128, for: ShortText? = nil)
    /// How long credit lasts.
    case runway(user: Hash128)
    case users(Page)
    case find(UserSearch, Page)
    case passport(PassportID)
    case passports(user: Hash128, Page)
    case lots(user: Hash128, Page)
    case hold(HoldID)
    case holds(user: Hash128, Page)
    case session(Hash128)
    /// Open sessions, of one user and in one status where given.
    case sessions(user: Hash128?, status: SessionStatus?, Page)
    case resources(user: Hash128, Page)
    /// As far as the catalogue is shown to a user; nil: all of it.
    case spaces(Page, for: Subject? = nil)
    /// What a user owns, in one workspace where given.
    case instances(user: Hash128, workspace: ShortText?, Page)
    case limits(UserOrType?)
    /// What types and users are allowed; of a user, what counts for it.
    case allowances(UserOrType?, Page)
    case meters
    case rules
    /// The source of a version, or of the active version when none is named.
    case ruleSource(RuleName, version: UInt32?)
    /// As far as they are shown to a user; nil: all of them.
    case priceBooks(for: Subject? = nil)
    case books
    /// What is needed to quote: the engine asks the rule and finishes with ``SessionQuote``.
    case quote(user: Hash128, tier: Tier)
    /// Likewise for what a meter would count.
    case usageQuote(user: Hash128, meter: ShortText, billionths: Int64)
}

extension Query {
    /// The page that it asks for, where it asks for one.
    package var page: Page? {
        switch self {
        case .users(let page), .find(_, let page), .passports(_, let page), .lots(_, let page), .holds(_, let page),
            .sessions(_, _, let page), .resources(_, let page), .spaces(let page, _),
            .instances(_, _, let page), .allowances(_, let page):
            page
        case .user, .balance, .runway, .passport, .hold, .session, .limits, .meters, .rules, .ruleSource, .priceBooks,
            .books,
            .quote,
            .usageQuote:
            nil
        }
    }
}

extension Query {
    /// What of all that is due must have happened before it is answered. Lists of many users, what passports have spent
    /// for whomever, and which version of a rule is active wait for everything.
    package var dueBefore: DueBefore {
        switch self {
        case .user(let user), .balance(let user, _), .runway(let user), .lots(let user, _), .holds(let user, _),
            .sessions(let user?, _, _), .resources(let user, _), .instances(let user, _, _), .quote(let user, _),
            .usageQuote(let user, _, _), .allowances(.user(let user)?, _):
            .own(.user(user))
        case .hold(let id): .own(.hold(id))
        case .session(let name): .own(.session(name))
        case .users, .find, .passport, .passports, .sessions(nil, _, _), .spaces, .limits, .allowances, .meters, .rules,
            .ruleSource, .priceBooks, .books:
            .everything
        }
    }
}

/// Whose limits, whose allowance.
package enum UserOrType: Hashable, Sendable {
    case type(UserType)
    case user(Hash128)
}

/// Users who have this address, or whose id begins so; what is nil finds nobody.
package struct UserSearch: Hashable, Sendable {
    package var email: Hash128?
    package var beginning: ShortText?
    package init(email: Hash128?, beginning: ShortText?) {
        self.email = email
        self.beginning = beginning
    }
}

package struct Page: Hashable, Sendable {
    package var count: Int
    package var cursor: UInt64
    package init(count: Int = 100, cursor: UInt64 = 0) {
        self.count = count
        self.cursor = cursor
    }
}

package enum QueryResult: Sendable {
    case rejected(Rejection)
    case user(UserRow)
    case balance(BalanceRow)
    case runway(RunwayRow)
    case users([UserRow], next: UInt64)
    case passport(PassportRow)
    case passports([PassportRow], next: UInt64)
    case lots([LotRow], next: UInt64)
    case hold(HoldRow)
    case holds([HoldRow], next: UInt64)
    case session(SessionRow)
    /// The session is closed or was recorded: its receipt is this event.
    case closedSession(LSN)
    case sessions([SessionRow], next: UInt64)
    case resources([ResourceRow], next: UInt64)
    case spaces([SpaceRow], next: UInt64)
    case instances([InstanceRow], next: UInt64)
    case limits([LimitRow])
    case allowances([AllowanceRow], next: UInt64)
    case meters([MeterRow])
    case rules([RuleRow])
    case ruleSource(RuleRow, source: [UInt8])
    case priceBooks([PriceBookRow])
    case books([BookRow])
    case quote(PriceQuery, user: UserRow)
}

// Which family answers what; how, and what its rows are, stands in its folder.
extension StateMachine {
    /// No page of a table has more rows, whatever was asked for: nobody waits long for somebody else's page.
    package static let longestPage = 1000
    /// No search visits more rows for a page, which may then be short before the end.
    package static let longestSearch = 10_000

    /// Answers a query from the tables as they are. Cost: the page, or the tables of one user; `.sessions` of all users
    /// visits every open session.
    package func read(_ query: Query, at now: Timestamp) -> QueryResult {
        do throws(Rejection) {
            return try answer(query, at: max(now, lastTime))
        } catch {
            return .rejected(error)
        }
    }

    private func answer(_ query: Query, at now: Timestamp) throws(Rejection) -> QueryResult {
        switch query {
        case .user(let user): return .user(userRow(try find(user), at: now))
        case .balance(let user, let source): return .balance(balance(of: try find(user), for: source, at: now))
        case .runway(let user): return .runway(runwayRow(try find(user), at: now))
        case .users(let page): return users(page.cut, at: now)
        case .find(let search, let page): return find(search, page.cut, at: now)
        case .passport(let id):
            guard let ordinal = passport(id) else { throw .notFound(.passport) }
            return .passport(passportRow(ordinal, at: now))
        case .passports(let user, let page): return passports(of: try find(user), page.cut, at: now)
        case .lots(let user, let page): return lots(of: try find(user), page.cut)
        case .hold(let id):
            guard let slot = hold(id) else {
                throw id.shard == shard && id.lsn <= lastLSN ? .closed(.hold) : .notFound(.hold)
            }
            return .hold(holdRow(slot))
        case .holds(let user, let page): return holds(of: try find(user), page.cut)
        case .session(let name):
            switch try findSession(name) {
            case .open(let slot): return .session(sessionRow(slot, at: now))
            case .closed(let lsn): return .closedSession(lsn)
            }
        case .sessions(let user, let status, let page):
            let user = try user.map { (name) throws(Rejection) in try find(name) }
            return sessions(of: user, status, page.cut, at: now)
        case .resources(let user, let page): return resources(of: try find(user), page.cut, at: now)
        case .spaces(let page, let subject): return spaces(page.cut, for: try reader(subject))
        case .instances(let user, let workspace, let page):
            return instances(of: try find(user), in: workspace, page.cut)
        case .limits(nil): return .limits(limitRows())
        case .limits(.type(let type)): return .limits(limitRows().filter { $0.type == type })
        case .limits(.user(let user)): return .limits(limitRows(of: try find(user), at: now))
        case .allowances(let subject, let page): return try allowances(of: subject, page.cut)
        case .meters: return .meters(meterRows())
        case .rules: return .rules(store.rules.map { ruleRow($0) })
        case .ruleSource(let name, let version): return try ruleSource(name, version: version)
        case .priceBooks(let subject): return .priceBooks(priceBooks(for: try reader(subject)))
        case .books: return .books(bookRows())
        case .quote(let user, let tier):
            let user = try find(user)
            return .quote(sessionQuery(user, tier, at: now, now: now), user: userRow(user, at: now))
        case .usageQuote(let user, let meter, let billionths):
            let user = try find(user)
            guard let number = self.meter(meter) else { throw .notFound(.meter) }
            guard let query = usageQuery(user, number, billionths, at: now) else {
                let row = store.meters[number]
                throw .invalid("meter \(row.name) counts \(row.unit) with at most \(row.scale) fraction digits")
            }
            return .quote(query, user: userRow(user, at: now))
        }
    }

    /// Who is to see what is not everybody's; nil: all of it is asked for.
    private func reader(_ subject: Subject?) throws(Rejection) -> UserOrdinal? {
        guard let subject else { return nil }
        guard let user = user(of: subject) else { throw .notFound(.user) }
        return user
    }

    /// A page of a list that is newest first; the cursor names the row to go on with, by a number that only falls.
    func walk<Row: Listed>(
        _ list: SlabList<Row>, _ page: Page, number: (Slot<Row>) -> UInt64,
        where isWanted: (Slot<Row>) -> Bool = { _ in true }
    ) -> (slots: [Slot<Row>], next: UInt64) {
        var slots: [Slot<Row>] = []
        for slot in list where (page.cursor == 0 || number(slot) <= page.cursor) && isWanted(slot) {
            if slots.count == page.count { return (slots, number(slot)) }
            slots.append(slot)
        }
        return (slots, 0)
    }
}

extension Page {
    /// As asked for, but not longer than a page may be.
    fileprivate var cut: Page { Page(count: min(count, StateMachine.longestPage), cursor: cursor) }
}
