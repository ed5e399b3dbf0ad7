internal import Glibc
internal import LedgerCore

/// What a rule's prices look like along one number: more seconds in the month, a larger quantity, a larger resource, a
/// larger purchase. Sampled, and where two samples differ, searched until the very step is found. What it finds is for
/// people to read: a volume discount is no mistake, a price that jumps may be one.
struct PriceSurvey {
    private(set) var notes: [String] = []
    /// The most that one question cost, and which.
    private(set) var worst: (instructions: Int, query: PriceQuery)?
    private let rule: CompiledRule
    private var vm: RuleVM?
    private let began = Self.threadTime
    private var steepest: (rise: Int64, text: String)?
    private var told: [Told] = []
    private var failures = 0
    private var isCut = false

    private static let mostFailures = 5
    /// Nanoseconds of the thread's own time that it may take, however slow the rule is.
    private static let patience = 250_000_000

    /// `questions`: whose cost counts too.
    init(_ rule: CompiledRule, _ questions: [PriceQuery], scale: UInt8) {
        self.rule = rule
        for query in questions where ask(query) == nil { break }
        for curve in PriceCurve.all(of: rule.name, scale) {
            follow(curve)
            if isCut { break }
        }
        notes = told.map(\.text) + notes
        if let steepest { notes.append(steepest.text) }
        if isCut { notes.append("the rule is slow: not all of what RULE CHECK samples was asked") }
    }

    private static var threadTime: Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }

    // MARK: - Along a curve

    private mutating func follow(_ curve: PriceCurve) {
        var last: (at: Int64, price: Int64)?
        var (hasFallen, hasRisen) = (false, false)
        for at in curve.samples {
            guard let price = price(curve, at) else {
                last = nil
                continue
            }
            defer { last = (at, price) }
            guard let last, price != last.price else { continue }
            if price < last.price, !hasFallen {
                hasFallen = true
                if let step = step(curve, last.at, at, { $0.1 < $0.0 }) { tell(curve, curve.fall(step)) }
            } else if price > last.price, !hasRisen, !curve.rises {
                hasRisen = true
                if let step = step(curve, last.at, at, { $0.1 > $0.0 }) { tell(curve, curve.rise(step)) }
            }
            if curve.rises, price > last.price { climb(curve, last, (at, price)) }
        }
    }

    /// The same of several types and tiers is told once.
    private mutating func tell(_ curve: PriceCurve, _ note: (what: String, text: String)) {
        if let index = told.firstIndex(where: { $0.what == note.what && $0.rest == note.text }) {
            told[index].others += 1
        } else {
            told.append(Told(what: note.what, who: curve.who, rest: note.text))
        }
    }

    private struct Told {
        var what: String
        var who: String
        var others = 0
        var rest: String

        var text: String { "\(what): \(who)\(others > 0 ? " and \(others) more" : ""): \(rest)" }
    }

    /// Halves the way between two samples until they are neighbours, so that the ends go on to differ as they do.
    private mutating func step(
        _ curve: PriceCurve, _ low: Int64, _ high: Int64, _ differs: ((Int64, Int64)) -> Bool
    ) -> PriceCurve.Step? {
        guard var left = price(curve, low), var right = price(curve, high) else { return nil }
        var (low, high) = (low, high)
        while high - low > curve.unit {
            let middle = low + (high - low) / curve.unit / 2 * curve.unit
            guard let price = price(curve, middle) else { return nil }
            if differs((left, price)) { (high, right) = (middle, price) } else { (low, left) = (middle, price) }
        }
        return PriceCurve.Step(from: low, to: high, before: left, after: right)
    }

    /// Halves towards the steeper half: what is left is a step at least as steep as the way between the samples.
    private mutating func climb(
        _ curve: PriceCurve, _ first: (at: Int64, price: Int64), _ last: (at: Int64, price: Int64)
    ) {
        var (low, high) = (first, last)
        while high.at - low.at > curve.unit {
            let at = low.at + (high.at - low.at) / curve.unit / 2 * curve.unit
            guard let price = price(curve, at) else { return }
            let (left, right) = (Int128(price) - Int128(low.price), Int128(high.price) - Int128(price))
            if left * Int128(high.at - at) > right * Int128(at - low.at) {
                high = (at, price)
            } else {
                low = (at, price)
            }
        }
        let rise = high.price - low.price
        guard rise > steepest?.rise ?? 0 else { return }
        let step = PriceCurve.Step(from: low.at, to: high.at, before: low.price, after: high.price)
        steepest = (rise, curve.climb(step))
    }

    /// nil: the rule has no price there, or there is no time left.
    private mutating func price(_ curve: PriceCurve, _ at: Int64) -> Int64? {
        ask(curve.query(at)).flatMap { curve.price($0, at) }
    }

    /// What the rule answers; nil: nothing, or there is no time left.
    private mutating func ask(_ query: PriceQuery) -> PriceAnswer? {
        guard !isCut else { return nil }
        guard Self.threadTime - began < Self.patience else {
            isCut = true
            return nil
        }
        do throws(RuleError) {
            let vm = if let ready = self.vm { ready } else { try RuleVM(rule, countsAll: true) }
            self.vm = vm
            let answer = try vm.evaluate(query)
            if vm.instructions > worst?.instructions ?? 0 { worst = (vm.instructions, query) }
            return answer
        } catch {
            vm = nil
            // The questions of the check itself are findings; what only a search came upon is worth knowing.
            if failures < Self.mostFailures { notes.append("fails where a search came upon it: \(error.text)") }
            failures += 1
            isCut = error.kind == .budget || error.kind == .memory
            return nil
        }
    }
}

/// Questions that differ in one number.
private struct PriceCurve {
    struct Step {
        var from: Int64
        var to: Int64
        var before: Int64
        var after: Int64
    }

    /// Whose price it is.
    var who: String
    /// Ascending.
    var samples: [Int64]
    /// The smallest step.
    var unit: Int64 = 1
    /// More of it should cost more; else nothing should change.
    var rises: Bool
    var query: (Int64) -> PriceQuery
    var price: (PriceAnswer, Int64) -> Int64?
    var fall: (Step) -> (what: String, text: String)
    var rise: (Step) -> (what: String, text: String) = { _ in ("", "") }
    var climb: (Step) -> String = { _ in "" }

    static func all(of name: RuleName, _ scale: UInt8) -> [PriceCurve] {
        UserType.allCases.flatMap { type -> [PriceCurve] in
            switch name {
            case .sessionRuntime: Tier.allCases.map { session(type, $0) }
            case .storage: StorageKind.allCases.map { storage(type, $0) }
            case .spacePurchase: []
            case .purchaseBonus: [bonus(type)]
            case .meter(let meter): [quantity(type, meter, scale), month(type, meter, scale)]
            }
        }
    }

    private static func session(_ type: UserType, _ tier: Tier) -> PriceCurve {
        func text(_ step: Step) -> String {
            """
            \(Money(nanos: step.before)) an hour up to \(step.from) s used in the month, \
            \(Money(nanos: step.after)) from \(step.to) s on
            """
        }
        return PriceCurve(
            who: "\(type.text), \(tier.text)",
            samples: [0, 1, 60, 3600] + [10, 50, 100, 200, 500, 744, 2000, 10_000, 200_000].map { $0 * 3600 },
            rises: false, query: { .sessionRuntime(type: type, tier: tier, secondsThisMonth: $0) },
            price: { answer, _ in if case .tariff(let tariff) = answer { tariff.rate } else { nil } },
            fall: { ("volume discount", text($0)) }, rise: { ("dearer with use", text($0)) })
    }

    private static func storage(_ type: UserType, _ kind: StorageKind) -> PriceCurve {
        PriceCurve(
            who: "\(type.text), \(kind.text)", samples: around(decades(9), 1000), unit: 1000, rises: true,
            query: { .storage(type: type, kind: kind, megabytes: $0) },
            price: { answer, megabytes in
                guard case .tariff(let tariff) = answer else { return nil }
                return Int64(exactly: Int128(tariff.rate) * Int128(megabytes / 1000))
            },
            fall: { step in
                (
                    "more for less",
                    """
                    \(step.to / 1000) GB cost \(Money(nanos: step.after)) a month, \
                    \(step.from / 1000) GB \(Money(nanos: step.before))
                    """
                )
            },
            climb: { step in
                """
                largest step: \(type.text), \(kind.text): \(step.to / 1000) GB cost \
                \(Money(nanos: step.after - step.before)) a month more than \(step.from / 1000) GB
                """
            })
    }

    private static func bonus(_ type: UserType) -> PriceCurve {
        PriceCurve(
            who: type.text, samples: around(decades(4).map { $0 * 100 }, Money.cent.nanos), unit: Money.cent.nanos,
            rises: true,
            query: { .purchaseBonus(type: type, amount: Money(nanos: $0)) }, price: amount,
            fall: { step in
                (
                    "less for more",
                    """
                    a purchase of \(Money(nanos: step.to)) gets \(Money(nanos: step.after)), \
                    one of \(Money(nanos: step.from)) \(Money(nanos: step.before))
                    """
                )
            },
            climb: { step in
                """
                largest step: \(type.text): a purchase of \(Money(nanos: step.to)) gets \
                \(Money(nanos: step.after - step.before)) more than one of \(Money(nanos: step.from))
                """
            })
    }

    private static func quantity(_ type: UserType, _ meter: ShortText, _ scale: UInt8) -> PriceCurve {
        func shown(_ count: Int64) -> MeterQuantity { MeterQuantity(count: count, scale: scale) }
        return PriceCurve(
            who: type.text, samples: around(counts(scale, 6), 1), rises: true,
            query: { .usage(meter: meter, type: type, quantity: shown($0), thisMonth: 0) }, price: amount,
            fall: { step in
                (
                    "more for less",
                    """
                    \(shown(step.to)) cost \(Money(nanos: step.after)), \
                    \(shown(step.from)) \(Money(nanos: step.before))
                    """
                )
            },
            climb: { step in
                """
                largest step: \(type.text): \(shown(step.to)) cost \(Money(nanos: step.after - step.before)) more than \
                \(shown(step.from))
                """
            })
    }

    private static func month(_ type: UserType, _ meter: ShortText, _ scale: UInt8) -> PriceCurve {
        let one = MeterQuantity(count: MeterQuantity.power(scale), scale: scale)
        func text(_ step: Step) -> String {
            let (from, to) = (
                MeterQuantity(count: step.from, scale: scale), MeterQuantity(count: step.to, scale: scale)
            )
            return """
                one more costs \(Money(nanos: step.before)) after \(from) in the month, \
                \(Money(nanos: step.after)) after \(to)
                """
        }
        return PriceCurve(
            who: type.text, samples: [0] + counts(scale, 9), rises: false,
            query: { .usage(meter: meter, type: type, quantity: one, thisMonth: $0) }, price: amount,
            fall: { ("volume discount", text($0)) }, rise: { ("dearer with use", text($0)) })
    }

    private static func amount(_ answer: PriceAnswer, _ at: Int64) -> Int64? {
        if case .amount(let amount) = answer { amount.nanos } else { nil }
    }

    /// 1, 2, 5, 10 … up to a power of ten.
    private static func decades(_ last: Int) -> [Int64] {
        var (all, power) = ([Int64](), Int64(1))
        for _ in 0..<last {
            all += [power, 2 * power, 5 * power]
            power *= 10
        }
        return all + [power]
    }

    /// These and their neighbours, in units: where prices change, they mostly do at round numbers.
    private static func around(_ samples: [Int64], _ unit: Int64) -> [Int64] {
        Set(samples.flatMap { [$0 - 1, $0, $0 + 1] }).sorted().map { $0 * unit }
    }

    /// The same in whole units of a meter.
    private static func counts(_ scale: UInt8, _ last: Int) -> [Int64] {
        decades(last).map { $0 * MeterQuantity.power(scale) }
    }
}
