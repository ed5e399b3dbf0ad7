import LedgerCore
import LedgerTestKit

/// A ledger as one would write it on paper: what came in, what was charged, what was used, in dictionaries.
struct PaperBooks {
    /// A stretch of time under one price.
    private struct Stretch {
        var user: UserOrdinal
        var from: Timestamp
        var tariff: Tariff
        /// Where the tariff's clock starts.
        var clock: Timestamp
        var megabytes: Int64
    }
    private var net: [UserOrdinal: Int128] = [:]
    private var accounts: [String: Int128] = [:]
    private var usage: [BirthID: (stretch: Stretch, sums: [Int32: Int128], posted: Int128)] = [:]
    private var position = 0
    private var faults: [String] = []
    private(set) var closed = 0
    private(set) var deleted = 0
    private(set) var refunds = 0
    private var unpaid: Set<UserOrdinal> = []
    private var isStorage: Set<BirthID> = []
    private var most = Money("25")!
    private(set) var shares = 0
    private(set) var returned = 0
    /// Whose account was deleted: nothing comes after it.
    private(set) var gone: Set<UserOrdinal> = []

    /// Of what an id was born with labels; and what was charged by the value of one label, and without it.
    private var labels: [BirthID: Labels] = [:]
    private(set) var spentByTeam: [ShortText?: Int128] = [:]
    private(set) var spent = Int128(0)
    private(set) var spentWithPassports = Int128(0)
    private(set) var metered = 0
    private(set) var allowances = PaperAllowances()
    private var months: [String: Int64] = [:]

    // Refunds: what was charged and how, what of it came back, what is owed, and what purchases repaid of debts.
    private var charges: [LSN: Facts.Charge] = [:]
    private var kinds: [LotID: LotKind] = [:]
    private var scopes: [LotID: CreditScope] = [:]
    private var refunded: [LSN: Int64] = [:]
    private var owed: [UserOrdinal: Int64] = [:]
    private var repaidByPurchases: [UserOrdinal: Int64] = [:]

    // Spaces: who made them and what goes to whom, and what the next event must therefore be.
    private struct Due {
        var user: UserOrdinal
        /// Above zero: earned; below: returned.
        var amount: Int64
        var linked: LSN
    }
    private var users: [ShortText: UserOrdinal] = [:]
    private var states: [UserOrdinal: UserState] = [:]
    private var spaces: [ShortText: (creator: UserOrdinal, share: Int64)] = [:]
    private var earned: [LSN: (creator: UserOrdinal, amount: Int64)] = [:]
    private var due: Due?

    /// The rate at each instant, summed stretch by stretch between the steps.
    private func area(_ stretch: Stretch, to end: Timestamp) -> Int128 {
        var sum = Int128(0)
        var at = stretch.from
        while at < end {
            let elapsed = at - stretch.clock
            let rate = stretch.tariff.steps.last { $0.from <= elapsed }?.rate ?? stretch.tariff.rate
            let next = stretch.tariff.steps.first { $0.from > elapsed }.map { min(end, stretch.clock + $0.from) } ?? end
            sum += Int128(rate) * Int128((next - at).nanoseconds)
            at = next
        }
        return sum
    }

    mutating func read(_ ledger: borrowing TestLedger) throws {
        while position < ledger.journal.count {
            let event = try ledger.journal[position].event()
            position += 1
            count(event)
        }
    }

    private mutating func credit(_ event: Event, _ amount: Money, from account: String) {
        net[event.user, default: 0] += Int128(amount.nanos)
        accounts[account, default: 0] -= Int128(amount.nanos)
    }

    private mutating func count(_ event: Event) {
        checkDue(event)
        if gone.contains(event.user) { faults.append("event \(event.lsn.value) is about somebody who was deleted") }
        checkLabels(event)
        if let charge = event.facts.charge {
            let (amount, payment, source) = (charge.amount, charge.settlement, charge.source)
            if payment.total != amount {
                faults.append("event \(event.lsn.value) charges \(amount) and takes \(payment.total)")
            }
            charges[event.lsn] = charge
            owed[event.user, default: 0] += payment.debt.nanos
            if amount.isNegative { faults.append("event \(event.lsn.value) charges less than nothing") }
            net[event.user, default: 0] -= Int128(amount.nanos)
            accounts["revenue:\(source)", default: 0] += Int128(amount.nanos)
        }
        for lot in event.facts.born { (kinds[lot.id], scopes[lot.id]) = (lot.kind, lot.scope) }
        if let charge = event.facts.charge {
            for part in charge.settlement.held.all + charge.settlement.free.all
            where !(scopes[part.lot] ?? .everything).pays(for: .source(charge.source)) {
                faults.append("event \(event.lsn.value): \(part.lot.value) does not pay for \(charge.source)")
            }
        }
        var broken = Money.zero
        switch event.body {
        case .userCreated(let e):
            users[e.id] = event.user
            credit(event, e.bonus, from: "promo_cost")
            allowances.note(type: e.type, of: event.user, at: event.asOf)
        case .userChanged(let e):
            if e.field == .state { states[event.user] = e.state }
            if e.field == .type { allowances.note(type: e.type, of: event.user, at: event.asOf) }
        case .allowanceChanged(let e): allowances.note(e.terms, of: event.user, at: event.asOf)
        case .typeAllowanceSet(let e): allowances.note(e.terms, of: e.type, at: event.asOf)
        case .allowanceGranted(let e):
            credit(event, e.amount, from: "promo_cost")
            if let fault = allowances.give(e, event) { faults.append("event \(event.lsn.value): \(fault)") }
        case .spaceAdded(let e): spaces[e.entry.id] = users[e.creator].map { ($0, Int64(e.entry.share)) }
        case .spacePurchased(let e): share(event, e)
        case .usageRecorded(let e):
            guard case .usage(let meter, _, let quantity, let before) = e.pricing.query else { break }
            metered += 1
            let month = "\(event.user.value) \(meter) \(Month(containing: event.effectiveFrom).index)"
            if months[month, default: 0] != before { faults.append("event \(event.lsn.value) has another month") }
            months[month, default: 0] += quantity.count
        case .shareEarned(let e):
            shares += 1
            credit(event, e.amount, from: "author_share")
        case .shareReturned(let e):
            returned += 1
            credit(event, -e.amount, from: "author_share")
            owed[event.user, default: 0] += e.settlement.debt.nanos
            if e.settlement.total != e.amount { faults.append("event \(event.lsn.value) returns another amount") }
        case .creditPurchased(let e):
            credit(event, e.amount, from: "cash:\(e.method)")
            owed[event.user, default: 0] -= e.repaid.nanos
            repaidByPurchases[event.user, default: 0] += e.repaid.nanos
        case .creditGranted(let e):
            credit(
                event, e.amount,
                from: e.lot.kind == .bonus ? "bonus_cost" : e.lot.kind == .promo ? "promo_cost" : "compensation_cost")
        case .creditAdjusted(let e):
            credit(event, e.amount, from: "adjustments")
            owed[event.user, default: 0] += e.settlement.debt.nanos - e.repaid.nanos
        case .creditRefunded(let e):
            credit(event, e.amount, from: "refunds")
            for part in e.parts where part.lot.expires <= event.time { broken += part.amount }
            let parts = e.parts.reduce(Money.zero) { $0 + $1.amount }
            if parts + e.forgiven != e.amount { faults.append("refund \(event.lsn.value) loses money") }
            refund(event, e)
        case .creditSent(let e): credit(event, -e.amount, from: "transfers")
        case .creditReceived(let e):
            credit(event, e.amount, from: "transfers")
            if e.parts.reduce(Money.zero, { $0 + $1.amount }) != e.amount {
                faults.append("transfer \(event.lsn.value) loses money")
            }
        case .lotExpired(let e):
            broken = e.amount
            if e.amount > .zero, allowances.whole.contains(e.lot) {
                faults.append("event \(event.lsn.value): \(e.amount) expires that should have gone on")
            }
        case .userDeleted(let e):
            broken = e.bought + e.other
            gone.insert(event.user)
            allowances.forget(event.user)
        case .holdCaptured(let e): broken = e.broken
        case .holdReleased(let e): broken = e.broken
        case .sessionStarted(let e):
            usage[event.id(shard: 0)] = (
                Stretch(
                    user: event.user, from: event.time, tariff: e.pricing.tariff, clock: event.time, megabytes: 1),
                [0: 0], 0
            )
        case .sessionPosted(let e):
            use(e.session, e.usage, through: e.usage.through, month: 0)
            if let next = e.next { usage[e.session]?.stretch.tariff = next.pricing.tariff }
        case .sessionClosed(let e):
            broken = e.broken
            use(e.session, e.usage, through: e.usage.through, month: 0)
            guard let used = usage.removeValue(forKey: e.session) else { break }
            closed += 1
            let total = Rational.halfEven(used.sums[0]!, over: 3_600_000_000_000)!
            if total != e.total || Int128(total.nanos) != used.posted {
                faults.append(
                    "session \(e.external): paper says \(total), the ledger \(e.total), posted \(used.posted)")
            }
        case .storageCreated(let e):
            usage[event.id(shard: 0)] = (
                Stretch(
                    user: event.user, from: event.time, tariff: e.pricing.tariff, clock: event.time,
                    megabytes: e.megabytes), [:], 0
            )
            isStorage.insert(event.id(shard: 0))
        case .storagePosted(let e): post(e)
        case .storageResized(let e):
            post(e.posted)
            usage[e.posted.resource]?.stretch = Stretch(
                user: event.user, from: e.posted.usage.through, tariff: e.pricing.tariff, clock: e.posted.usage.through,
                megabytes: e.megabytes)
        case .storageDeleted(let e):
            post(e.posted)
            guard let used = usage.removeValue(forKey: e.posted.resource) else { break }
            deleted += 1
            var total = Int128(0)
            for (month, sum) in used.sums {
                total += Int128(
                    Rational.halfEven(sum, over: Int128(Month(index: month).length.nanoseconds) * 1_000)!.nanos)
            }
            if total != Int128(e.total.nanos) || total != used.posted {
                faults.append(
                    "resource \(e.posted.external): paper says \(total), the ledger \(e.total.nanos), posted \(used.posted)"
                )
            }
        case .storageDeleteDue(let e):
            unpaid.insert(event.user)
            if e.owed > most {
                faults.append("event \(event.lsn.value): storage owes \(e.owed), at most \(most) was allowed")
            }
        case .storageResumed:
            unpaid.remove(event.user)
            for (id, used) in usage where used.stretch.user == event.user && isStorage.contains(id) {
                usage[id]?.stretch.from = event.asOf
            }
        case .limitsSet(let e): if e.limit == .storageDebt { most = max(most, Money(nanos: e.value)) }
        default: break
        }
        net[event.user, default: 0] -= Int128(broken.nanos)
        accounts["breakage", default: 0] += Int128(broken.nanos)
        if event.user != .none {
            let after = event.after
            let owned =
                Int128(after.paid.nanos) + Int128(after.promo.nanos) + Int128(after.held.nanos)
                - Int128(after.debt.nanos)
            if owned != net[event.user, default: 0] {
                faults.append(
                    "event \(event.lsn.value): paper says \(net[event.user, default: 0]), the account \(owned)")
            }
        }
    }

    /// What belongs to a session, a hold or a resource has its labels, whoever made it happen.
    private mutating func checkLabels(_ event: Event) {
        var owner: BirthID?
        switch event.body {
        case .sessionStarted, .holdPlaced, .storageCreated: labels[event.id(shard: 0)] = event.labels
        case .sessionPosted(let e): owner = e.session
        case .sessionClosed(let e): owner = e.session
        case .holdCaptured(let e): owner = e.hold
        case .holdReleased(let e): owner = e.hold
        case .storagePosted(let e): owner = e.resource
        case .storageResized(let e): owner = e.posted.resource
        case .storageDeleted(let e): owner = e.posted.resource
        default: break
        }
        if let owner, event.labels != labels[owner] {
            faults.append("event \(event.lsn.value) has labels \(event.labels), on paper \(labels[owner] as Any)")
        }
        guard let charge = event.facts.charge else { return }
        spent += Int128(charge.amount.nanos)
        if event.actor != .none { spentWithPassports += Int128(charge.amount.nanos) }
        spentByTeam[event.labels["team"], default: 0] += Int128(charge.amount.nanos)
    }

    /// What was paid last comes back first: the debt, as far as it is owed still, and what repaid it; then each lot.
    private mutating func refund(_ event: Event, _ e: CreditRefunded) {
        refunds += 1
        guard let charge = charges[e.charge.lsn] else { return faults.append("a refund of no charge") }
        let from = refunded[e.charge.lsn, default: 0]
        let to = from + e.amount.nanos
        refunded[e.charge.lsn] = to
        if to > charge.amount.nanos { faults.append("refund \(event.lsn.value) gives back more than was charged") }
        // Each source of the charge is a stretch of its amount; what is refunded is a stretch of it too.
        var expected: [(kind: LotKind, lot: LotID, amount: Int64)] = []
        var start = Int64(0)
        func overlap(_ length: Int64) -> Int64 {
            defer { start += length }
            return max(min(to, start + length) - max(from, start), 0)
        }
        let debt = overlap(charge.settlement.debt.nanos)
        let forgiven = min(debt, owed[event.user, default: 0])
        let bought = min(debt - forgiven, repaidByPurchases[event.user, default: 0])
        owed[event.user, default: 0] -= forgiven
        repaidByPurchases[event.user, default: 0] -= bought
        let payment = charge.settlement
        for part in (payment.held.all + payment.free.all).reversed() {
            let amount = overlap(part.amount.nanos)
            if amount > 0 { expected.append((kinds[part.lot] ?? .opening, part.lot, amount)) }
        }
        if bought > 0 { expected.append((.paid, .none, bought)) }
        if debt > forgiven + bought { expected.append((.adjustment, .none, debt - forgiven - bought)) }
        let isRight =
            e.forgiven.nanos == forgiven && e.asBought.nanos == bought && e.parts.count == expected.count
            && zip(e.parts, expected).allSatisfy {
                $0.lot.kind == $1.kind && $0.lot.id == $1.lot && $0.amount.nanos == $1.amount
            }
        if let part = earned[e.charge.lsn] {
            let amount =
                Self.part(part.amount, to, charge.amount.nanos) - Self.part(part.amount, from, charge.amount.nanos)
            if amount > 0 { due = Due(user: part.creator, amount: -amount, linked: event.lsn) }
        }
        if !isRight { faults.append("refund \(event.lsn.value) returns \(e.parts), on paper \(expected)") }
    }

    /// `amount` × `a` ÷ `b`, half to even.
    private static func part(_ amount: Int64, _ a: Int64, _ b: Int64) -> Int64 {
        let (twice, whole) = (2 * Int128(amount) * Int128(a) + Int128(b), 2 * Int128(b))
        let rounded = twice / whole
        return Int64(twice % whole == 0 && rounded % 2 != 0 ? rounded - 1 : rounded)
    }

    /// What the creator of a space earns with a purchase: nothing with an own one, nor of credit that nobody bought.
    private mutating func share(_ event: Event, _ e: SpacePurchased) {
        guard let (creator, share) = spaces[e.space], creator != event.user,
            ![.banned, .closed].contains(states[creator] ?? .active)
        else { return }
        let bought = (e.settlement.held.all + e.settlement.free.all).reduce(Int64(0)) {
            $0 + (kinds[$1.lot] == .paid ? $1.amount.nanos : 0)
        }
        let amount = Self.part(bought, share, 10_000)
        guard amount > 0 else { return }
        earned[event.lsn] = (creator, amount)
        due = Due(user: creator, amount: amount, linked: event.lsn)
    }

    private mutating func checkDue(_ event: Event) {
        var moved: Due?
        if case .shareEarned(let e) = event.body {
            moved = Due(user: event.user, amount: e.amount.nanos, linked: event.linked)
        }
        if case .shareReturned(let e) = event.body {
            moved = Due(user: event.user, amount: -e.amount.nanos, linked: event.linked)
        }
        let isRight = due?.user == moved?.user && due?.amount == moved?.amount && due?.linked == moved?.linked
        if !isRight { faults.append("event \(event.lsn.value): on paper \(String(describing: due)) is shared") }
        due = nil
    }

    private mutating func use(_ id: BirthID, _ charged: MeteredUsage, through end: Timestamp, month: Int32) {
        guard var used = usage[id] else { return faults.append("usage of something that does not run") }
        if charged.from != used.stretch.from { faults.append("usage leaves a gap at \(charged.from)") }
        // Storage that is due to be deleted accrues nothing.
        let isStopped = unpaid.contains(used.stretch.user) && isStorage.contains(id)
        used.sums[month, default: 0] += isStopped ? 0 : area(used.stretch, to: end) * Int128(used.stretch.megabytes)
        used.stretch.from = end
        used.posted += Int128(charged.amount.nanos)
        usage[id] = used
    }

    private mutating func post(_ e: StoragePosted) {
        let month = Month(containing: e.usage.from)
        if e.usage.through > month.end { faults.append("a posting crosses the end of a month") }
        use(e.resource, e.usage, through: e.usage.through, month: month.index)
        if e.isCapped {
            // Beyond its ceiling of debt nothing accrued.
            if e.usage.numerator > usage[e.resource]!.sums[month.index]! { faults.append("a ceiling adds to usage") }
            usage[e.resource]!.sums[month.index] = e.usage.numerator
        }
        if let pricing = e.repriced {
            usage[e.resource]?.stretch.tariff = pricing.tariff
            usage[e.resource]?.stretch.clock = e.usage.through
        }
    }

    func disagreements(_ ledger: borrowing TestLedger) -> [String] {
        var found = faults
        for (user, debt) in owed where !ledger.machine.owes(user, debt) {
            found.append("user \(user.value) owes \(debt) on paper, the account says something else")
        }
        found += allowances.missing(at: ledger.now)
        guard case .books(let rows) = ledger.machine.read(.books, at: ledger.now) else { return ["no books"] }
        for row in rows where !row.account.hasPrefix("users:") && row.balance != accounts[row.account, default: 0] {
            found.append("\(row.account): paper says \(accounts[row.account, default: 0]), the ledger \(row.balance)")
        }
        return found
    }
}

extension StateMachine {
    fileprivate func owes(_ user: UserOrdinal, _ debt: Int64) -> Bool {
        userRow(user, at: .distantPast).account.debt.nanos == debt
    }
}

extension LotAmounts {
    var all: [LotAmount] { (0..<count).map { self[$0] } }
}
