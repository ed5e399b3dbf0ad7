@testable import LedgerCore
@testable import LedgerCommands
@testable import LedgerReplies
import LedgerTestKit

/// One event of each kind that a receipt is made of. All happen at 2026-11-23T09:30:00.25Z as LSN 300 (`…_Jyi`).
enum Samples {
    static let time = Timestamp("2026-11-23T09:30:00.25Z")!
    static let ada = ReceiptNames(
        user: "ada", email: Array("ada@example.com".utf8), passport: Array("laptop".utf8))

    static func event(_ body: EventBody, available: String = "7.5", debt: String = "0") -> Event {
        var after = AccountImage()
        after.available = Money(usd: available)
        after.debt = Money(usd: debt)
        var header = EventHeader(lsn: LSN(300), time: time)
        (header.user, header.actor, header.previous) = (UserOrdinal(5), PassportOrdinal(3), LSN(200))
        return Event(header: header, after: after, body: body)
    }

    static let pricing = Pricing(
        query: .sessionRuntime(type: .pro, tier: .small, secondsThisMonth: 0),
        priced: Priced(answer: .tariff(Tariff(rate: 25_000_000, listRate: 50_000_000)), rule: identity))
    static let identity = RuleIdentity(digest: Digest256([UInt8](repeating: 0xab, count: 32)))
    static let start = Timestamp("2026-11-23T08:30:00Z")!
    static let usage = MeteredUsage(
        amount: Money(usd: "0.01"), from: start, through: Timestamp("2026-11-23T09:30:00Z")!, numerator: 1,
        denominator: 1, postedBefore: Money(usd: "0.015"), pricing: pricing)
    static let settlement: Settlement = {
        var settlement = Settlement()
        settlement.debt = Money(usd: "0.25")
        return settlement
    }()
    static let lot = LotOrigin(
        id: BirthID(value: 300), kind: .promo, priority: 20, effective: time, expires: .never, fundedBy: "promo_cost")

    static let charge = event(
        .creditCharged(
            CreditCharged(amount: Money(usd: "0.0375"), source: "api", settlement: settlement, description: [])),
        debt: "0.25")
    static let purchase = event(
        .creditPurchased(
            CreditPurchased(
                amount: Money(usd: "25"), method: "stripe", reference: "pi_3", repaid: Money(usd: "1"),
                bonus: Money(usd: "2.5"), bonusPricing: nil)), available: "24")
    static let start1 = event(
        .sessionStarted(
            SessionStarted(
                session: "job-1", tier: .small, type: .pro, pricing: pricing, ttlEnd: time + .hours(24),
                reserveFull: false,
                heartbeat: .zero, held: Money(usd: "0.004166667"), pins: LotAmounts(), leaseUntil: time + .minutes(10),
                emptyAt: .never, admitted: .none)))
    static let closed = SessionClosed(
        session: BirthID(value: 62), external: "job-1", tier: .small, type: .pro, reason: .stopped, started: start,
        usage: usage,
        total: Money(usd: "0.025"), charges: [LSN(250)], settlement: settlement, released: Money(usd: "0.004"),
        broken: .zero,
        note: [])
    static let stop = event(.sessionClosed(closed))
    static let retiered = event(
        .sessionRetiered(
            SessionRetiered(
                session: BirthID(value: 62), external: "job", type: .pro, tier: .large, rate: 50_000_000,
                listRate: 100_000_000, posted: LSN(251), amount: Money(usd: "0.02"), status: .active,
                leaseUntil: Timestamp("2026-01-01T00:20:00Z")!, deadline: .never)))
    static let record = event(
        .sessionRecorded(
            SessionRecorded(
                session: "nasa:17", tier: .small, type: .pro, usage: usage, settlement: settlement, arguments: .zero)))
    static let posted = StoragePosted(
        resource: BirthID(value: 63), external: "data", kind: .bucket, megabytes: 10_500, usage: usage,
        settlement: settlement, isCapped: false, repriced: nil)
    static let passport = event(
        .passportCreated(
            PassportCreated(
                id: PassportID(value: 62), digest: .zero, lastFour: 0x3161_3242, name: [1, 2, 3],
                permissions: [.read, .write],
                scope: .own, expires: .never, rate: 0, requiresKeys: false, caps: Caps(),
                replaces: PassportID(value: 0), replacedExpires: .never)))

    /// Each write with the event that its receipt is made of.
    static let receipts: [(CommandID, Event)] = [
        (.creditCharge, charge), (.creditPurchase, purchase), (.sessionStart, start1), (.sessionAdmit, start1),
        (.sessionStop, stop), (.sessionRetier, retiered), (.sessionCancel, stop), (.sessionRecord, record),
        (.passportCreate, passport),
        (.passportRotate, passport),
        (
            .userCreate,
            event(
                .userCreated(
                    UserCreated(
                        id: "ada", emailHash: .zero, personHash: .zero, email: [1], name: [], type: .free,
                        bonus: Money(usd: "5")))
            )
        ),
        (
            .userSet,
            event(
                .userChanged(
                    UserChanged(
                        field: .type, name: [], type: .pro, state: .active, email: [], emailHash: .zero)))
        ),
        (.passportSet, event(.passportChanged(PassportChanged(passport: PassportID(value: 62), caps: Caps())))),
        (.userDelete, event(.userDeleted(UserDeleted(bought: Money(usd: "10"), other: Money(usd: "2.5"))))),
        (.passportRevoke, event(.passportRevoked(PassportRevoked(passport: PassportID(value: 62))))),
        (.creditGrant, event(.creditGranted(CreditGranted(amount: Money(usd: "5"), lot: lot, reason: [1])))),
        (
            .creditAdjust,
            event(
                .creditAdjusted(
                    CreditAdjusted(
                        amount: Money(usd: "-1.5"), reason: [1], reference: ShortText(), repaid: .zero,
                        settlement: settlement
                    )))
        ),
        (
            .creditRefund,
            event(
                .creditRefunded(
                    CreditRefunded(
                        charge: BirthID(value: 62), source: "api", amount: Money(usd: "1"),
                        forgiven: Money(usd: "0.25"), asBought: .zero, parts: [], total: nil, reason: [1])))
        ),
        (
            .creditTransfer,
            event(
                .creditSent(
                    CreditSent(to: "bob", amount: Money(usd: "5"), parts: LotAmounts(), reason: [1])))
        ),
        (
            .holdPlace,
            event(
                .holdPlaced(
                    HoldPlaced(
                        amount: Money(usd: "2.5"), expires: time + .minutes(10), source: "hold", pins: LotAmounts())))
        ),
        (
            .holdCapture,
            event(
                .holdCaptured(
                    HoldCaptured(
                        hold: BirthID(value: 62), amount: Money(usd: "1.2"), source: "hold", settlement: settlement,
                        final: true, released: Money(usd: "1.3"), broken: .zero)))
        ),
        (
            .holdVoid,
            event(
                .holdReleased(
                    HoldReleased(
                        hold: BirthID(value: 62), reason: .voided, released: Money(usd: "2.5"),
                        broken: Money(usd: "0.5"))
                ))
        ),
        (
            .sessionHeartbeat,
            event(
                .sessionHeard(
                    SessionHeard(
                        session: BirthID(value: 62), status: .active, leaseUntil: time + .minutes(10), deadline: .never)
                ))
        ),
        (
            .storageCreate,
            event(.storageCreated(StorageCreated(resource: "data", kind: .bucket, megabytes: 10_500, pricing: pricing)))
        ),
        (.storageResize, event(.storageResized(StorageResized(posted: posted, megabytes: 20_000, pricing: pricing)))),
        (.storageDelete, event(.storageDeleted(StorageDeleted(posted: posted, total: Money(usd: "3"))))),
        (
            .spaceAdd,
            event(
                .spaceAdded(
                    SpaceAdded(
                        entry: SpaceEntry(
                            id: "ml", name: "ML", description: [], category: "ml", gigabytes: 50,
                            cost: Money(usd: "5"), isPublic: true, share: 1250), creator: "bob")))
        ),
        (.spaceGrant, event(.spaceGranted(SpaceGranted(space: "ml")))),
        (.spaceRevoke, event(.spaceRevoked(SpaceRevoked(space: "ml")))),
        (
            .spacePurchase,
            event(
                .spacePurchased(
                    SpacePurchased(
                        space: "ml", workspace: "ws-1", instance: "mine", gigabytes: 50, amount: Money(usd: "5"),
                        pricing: pricing, settlement: settlement,
                        share: SpaceShare(creator: UserOrdinal(6), amount: Money(usd: "0.5")))))
        ),
        (.meterAdd, event(.meterAdded(MeterAdded(name: "calls", unit: "calls", description: [1], scale: 3)))),
        (
            .usageRecord,
            event(
                .usageRecorded(
                    UsageRecorded(
                        id: "r-1", unit: "calls",
                        pricing: Pricing(
                            query: .usage(
                                meter: "calls", type: .pro, quantity: MeterQuantity(count: 2_500, scale: 3),
                                thisMonth: 7),
                            priced: Priced(answer: .amount(Money(usd: "0.75")), rule: identity)),
                        settlement: settlement, arguments: .zero)))
        ),
        (.ruleLoad, event(.ruleLoaded(RuleLoaded(name: .storage, identity: identity, version: 2, source: [1])))),
        (
            .ruleActivate,
            event(
                .ruleActivated(
                    RuleActivated(
                        name: .storage, identity: identity, version: 2, book: PriceBook(), rollback: false,
                        scheduled: .none)))
        ),
        (
            .ruleRollback,
            event(
                .ruleActivated(
                    RuleActivated(
                        name: .storage, identity: identity, version: 1, book: PriceBook(), rollback: true,
                        scheduled: .none)))
        ),
        (
            .allowanceSet,
            event(
                .allowanceChanged(
                    AllowanceChanged(
                        terms: AllowanceTerms(
                            amount: Money(usd: "5"), period: .month, rollover: Money(usd: "1"),
                            scope: CreditScope("api")!),
                        granted: Money(usd: "5"), next: time)))
        ),
        (
            .allowanceSet,
            event(
                .typeAllowanceSet(
                    TypeAllowanceSet(type: .free, terms: AllowanceTerms(amount: Money(usd: "5"), period: .day))))
        ),
        (.allowanceRemove, event(.allowanceChanged(AllowanceChanged(terms: .none, granted: .zero, next: .never)))),
        (.allowanceRemove, event(.typeAllowanceSet(TypeAllowanceSet(type: .free, terms: .none)))),
        (.limitSet, event(.limitsSet(LimitSet(type: .free, limit: .tiers, value: 3)))),
        (.clockAccept, event(.clockAccepted(ClockAccepted()))),
    ]
}
