import LedgerTestKit
import RESP
import Testing

@testable import LedgerCore
@testable import LedgerCommands
@testable import LedgerReplies

struct TableReplyTests {
    private let account: AccountImage = {
        var account = AccountImage()
        account.paid = Money(usd: "20")
        account.promo = Money(usd: "5")
        account.held = Money(usd: "2.5")
        account.available = Money(usd: "22.499999999")
        return account
    }()

    private func row(email: PersonalText = [1, 2]) -> UserRow {
        UserRow(
            ordinal: UserOrdinal(5), id: "ada", email: email, name: [], type: .pro, state: .active,
            created: Samples.time, account: account, sessions: 2, storage: StorageStanding(), lastEvent: LSN(9))
    }

    private func encode(_ result: QueryResult, _ version: RESPVersion = .v3) -> RESPValue {
        value(version) {
            encoder.result(
                result, open: { text, user in text == [1, 2] ? Array("user\(user.value)".utf8) : nil }, to: &$0)
        }
    }

    private func keys(_ value: RESPValue?) -> [String] { (value?.pairs ?? []).map { $0.key.string ?? "?" } }

    @Test func `a user, with sealed texts opened and null where the key is gone`() {
        let it = encode(.user(row()))
        #expect(keys(it) == CommandTable.spec(.userGet).reply.fields)
        #expect(it["email"]?.string == "user5" && it["name"] == .null && it["available"]?.string == "22.499999999")
        #expect(it["held"]?.string == "2.50" && it["sessions"] == .integer(2))
        #expect(encode(.user(row(email: [9])))["email"] == .null)
    }

    @Test func `a page is a cursor and rows, as SCAN has it`() {
        for version in [RESPVersion.v2, .v3] {
            let it = encode(.users([row(), row()], next: 17), version)
            #expect(it.elements?.count == 2)
            #expect(it.elements?[0].string == "17")
            #expect(it.elements?[1].elements?.count == 2)
            #expect(it.elements?[1].elements?[1]["user"]?.string == "ada")
        }
        #expect(
            wire { encoder.result(.users([], next: 0), open: { _, _ in nil }, to: &$0) } == "*2\r\n$1\r\n0\r\n*0\r\n")
    }

    @Test func `rows have the fields that the table promises`() throws {
        let passport = PassportRow(
            ordinal: PassportOrdinal(1), id: PassportID(value: 62), user: UserOrdinal(5), userID: "ada", digest: .zero,
            lastFour: 0x3161_3242, name: PersonalText(sealed: Array("laptop".utf8)), permissions: .all, scope: .all,
            created: Samples.time,
            expires: .never, revoked: true, rate: 9, requiresKeys: false, caps: Caps())
        let hold = HoldRow(
            id: BirthID(value: 62), user: UserOrdinal(5), userID: "ada", amount: Money(usd: "1"), source: "hold",
            placed: Samples.time,
            expires: Samples.time)
        let session = SessionRow(
            id: BirthID(value: 62), session: "job-1", user: UserOrdinal(5), userID: "ada", type: .pro, tier: .gpu,
            status: .exhausting, started: Samples.time, rate: 125_000_000, held: Money(usd: "1"),
            leaseUntil: Samples.time,
            emptyAt: Samples.time, deadline: Samples.time, ttlEnd: Samples.time, heartbeat: .seconds(30),
            lastHeard: .distantPast, elapsed: TimeSpan(nanoseconds: 1_500_000_000), amount: .zero)
        let resource = ResourceRow(
            id: BirthID(value: 62), resource: "data", kind: .filestore, megabytes: 1_500, created: Samples.time,
            rate: 170_000_000, accrued: Money(usd: "0.1"), posted: .zero,
            standing: StorageStanding())
        let space = SpaceRow(
            space: SpaceEntry(
                id: "ml", name: "ML", description: Array("x".utf8), category: "ml", gigabytes: 50,
                cost: Money(usd: "5"),
                isPublic: true), creator: "ada", created: Samples.time)
        let instance = InstanceRow(
            id: BirthID(value: 300), space: "ml", workspace: "w", instance: "i", gigabytes: 5, purchased: Samples.time,
            amount: Money(usd: "5"))
        let lot = LotRow(origin: Samples.lot, remaining: Money(usd: "4"), pinned: .zero, order: 1)
        let rule = RuleRow(
            name: .storage, version: 2, identity: Samples.identity, loaded: Samples.time, active: true,
            activation: .never)
        let allowance = AllowanceRow(
            user: "ada", type: .free, terms: AllowanceTerms(amount: Money(usd: "5"), period: .day), next: Samples.time)
        let pages: [(CommandID, QueryResult)] = [
            (.passportList, .passports([passport], next: 0)), (.holdList, .holds([hold], next: 0)),
            (.sessionList, .sessions([session], next: 0)), (.storageList, .resources([resource], next: 0)),
            (.spaceList, .spaces([space], next: 0)), (.spaceOwned, .instances([instance], next: 0)),
            (.creditLots, .lots([lot], next: 0)), (.allowanceList, .allowances([allowance], next: 0)),
            (.userList, .users([row()], next: 0)), (.userFind, .users([row()], next: 0)),
        ]
        for (id, result) in pages {
            let found = encode(result).elements?[1].elements?.first
            #expect(keys(found) == CommandTable.spec(id).reply.fields, "\(id)")
        }
        #expect(keys(encode(.hold(hold))) == CommandTable.spec(.holdGet).reply.fields)
        #expect(keys(encode(.session(session))) == CommandTable.spec(.sessionGet).reply.fields)
        let meter = MeterRow(
            name: "calls", unit: "calls", scale: 3, description: [], version: nil, created: Samples.time)
        #expect(keys(encode(.meters([meter])).elements?.first) == CommandTable.spec(.meterList).reply.fields)
        #expect(keys(encode(.rules([rule])).elements?.first) == CommandTable.spec(.ruleList).reply.fields)
        #expect(keys(encode(.ruleSource(rule, source: [0x78]))) == CommandTable.spec(.ruleShow).reply.fields)
        let limit = LimitRow(
            type: .free, limit: .exhaustionGrace, value: 60_000_000_000, overdraft: Money(usd: "0.01"),
            downtimePerHour: Money(usd: "0.6"))
        let limits = encode(.limits([limit]))
        #expect(keys(limits.elements?.first) == CommandTable.spec(.limitList).reply.fields)
        #expect(limits.elements?.first?["value"]?.string == "60s")
        var runway = RunwayRow(
            userID: "ada", time: Samples.time, sessions: 2, sessionRate: 250_000_000, storageRate: 22_849_463,
            available: Money(usd: "10"), debt: .zero)
        #expect(keys(encode(.runway(runway))) == CommandTable.spec(.runway).reply.fields)
        #expect(encode(.runway(runway))["empty_at"] == .null && encode(.runway(runway))["seconds_left"] == .null)
        runway.emptyAt = Samples.time + TimeSpan(nanoseconds: 1_500_000_000)
        let left = encode(.runway(runway))
        #expect(left["seconds_left"]?.string == "1.5" && left["burn_rate"]?.string == "0.272849463")
        let it = encode(.session(session))
        #expect(it["seconds"]?.string == "1.5" && it["heartbeat"]?.string == "30" && it["last_heard"] == .null)
        #expect(it["rate"]?.string == "0.125" && it["status"]?.string == "exhausting")
        #expect(encode(.resources([resource], next: 0)).elements?[1].elements?[0]["gb"]?.string == "1.5")
    }

    @Test func `an open hold says what it was, what was taken, and what is left`() {
        let hold = HoldRow(
            id: BirthID(value: 62), user: UserOrdinal(5), userID: "ada", amount: Money(usd: "1.5"), source: "hold",
            placed: Samples.time,
            expires: Samples.time)
        let listed = encode(.hold(hold))
        #expect(listed["amount"]?.string == "1.50" && listed["remaining"]?.string == "1.50")
        #expect(listed["original"] == .null && listed["captured"] == .null)
        let placed = Samples.receipts.first { $0.0 == .holdPlace }!.1
        let it = value { encoder.openHold(hold, placed: placed, to: &$0) }
        #expect(keys(it) == CommandTable.spec(.holdGet).reply.fields)
        #expect(it["original"]?.string == "2.50" && it["captured"]?.string == "1.00")
        #expect(it["remaining"]?.string == "1.50" && it["amount"]?.string == "1.50" && it["status"]?.string == "open")
    }

    @Test func `a balance, from a view and from the tables`() {
        let view = AccountView(
            user: UserOrdinal(5), type: .pro, state: .active, paid: account.paid, promo: account.promo,
            held: account.held,
            debt: .zero, available: account.available, asOf: Samples.time, slope: 0, validUntil: .never)
        let fromView = value { encoder.balance(view, user: "ada", at: Samples.time, to: &$0) }
        let fields = CommandTable.spec(.creditBalance).reply.fields
        #expect(keys(fromView) == fields.filter { $0 != "available_for" })
        #expect(fromView == encode(.balance(BalanceRow(user: row(), time: Samples.time))))
        // The instant of the read, not of the view's last change.
        let later = Samples.time + .seconds(60)
        #expect(
            value { encoder.balance(view, user: "ada", at: later, to: &$0) }
                == encode(.balance(BalanceRow(user: row(), time: later))))
        let forSource = encode(.balance(BalanceRow(user: row(), availableFor: Money("30"), time: later)))
        #expect(keys(forSource) == fields && forSource["available_for"]?.string == "30.00")
    }

    @Test func `the price book reads by type and by what is priced`() {
        let book = PriceBook(rows: [
            PriceBook.Row(
                query: .sessionRuntime(type: .pro, tier: .small, secondsThisMonth: 0),
                answer: .tariff(Tariff(rate: 25_000_000, listRate: 50_000_000))),
            PriceBook.Row(
                query: .sessionRuntime(type: .free, tier: .gpu, secondsThisMonth: 0),
                answer: .tariff(
                    Tariff(rate: 250_000_000, listRate: 0, steps: [Tariff.Step(from: .minutes(90), rate: 200_000_000)]))
            ),
        ])
        let rule = RuleRow(
            name: .sessionRuntime, version: 1, identity: Samples.identity, loaded: Samples.time, active: true,
            activation: Samples.time)
        let it = encode(.priceBooks([PriceBookRow(rule: rule, book: book)]))["session_runtime"]
        #expect(it?["version"] == .integer(1) && it?["unit"]?.string == "USD per hour")
        #expect(it?["prices"]?["pro"]?["small"]?.string == "0.025")
        #expect(it?["prices"]?["free"]?["gpu"]?.string == "0.25, from hour 1.50 0.20")
    }

    @Test func `books beyond one account's range stay exact`() {
        let rows = [
            BookRow(account: "cash:stripe", balance: Int128(-25_500_000_000)),
            BookRow(account: "revenue:api", balance: Int128(Int64.max) * 10),
        ]
        let it = encode(.books(rows))
        #expect(it["cash:stripe"]?.string == "-25.50" && it["revenue:api"]?.string == "92233720368.54775807")
    }
}
