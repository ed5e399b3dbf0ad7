package import LedgerCore

/// What `RULE CHECK` says about a source: whether it loads, answers every question it can be asked with a price, and
/// answers the same when it is asked again, in another order, by another Lua state.
package struct RuleCheck: Sendable {
    package struct Finding: Hashable, Sendable, CustomStringConvertible {
        /// The question that was answered badly; nil: the source as a whole.
        package var query: PriceQuery?
        package var text: String
        package var description: String { text }
    }

    package let name: RuleName
    package let identity: RuleIdentity
    /// What is wrong; empty: the rule may be activated. At most ``maximumFindings``, the last one saying that there
    /// are more.
    package let findings: [Finding]
    /// What somebody may want to know before it is activated, and is no mistake: discounts, jumps, floats, its cost. At
    /// most ``maximumNotes``.
    package let notes: [String]
    /// The most instructions that one question cost; 0: it answered none.
    package let worstInstructions: Int
    /// The answers for user type × tier, × kind of storage, × space of the catalogue, × some purchases, or × some
    /// quantities; for storage also those for `sizes`.
    package let book: PriceBook
    /// What was checked, for who activates it; nil: it does not even load.
    package let compiled: CompiledRule?

    package var passes: Bool { findings.isEmpty }
    package static let maximumFindings = 20
    package static let maximumNotes = 20
    /// How many sizes of storage a check asks about.
    package static let maximumSizes = 1000
    /// Rows and steps of a price book: it is one event, and stays far below the largest.
    package static let maximumBook = 8192

    /// Runs the whole check; never throws. Costs some dozens of calls (and two for every size), each within the
    /// sandbox's budget, and for a rule that passes a survey of its prices of a quarter of a second at most: nothing
    /// for a thread that others wait for. A rule that runs out of its budget is asked nothing more.
    package init(
        _ name: RuleName, source: String, catalogue: [DefaultCatalogue.Space] = DefaultCatalogue.spaces,
        sizes: [StorageSize] = [], scale: UInt8 = 0, sandbox: RuleSandbox = .rule
    ) {
        self.name = name
        identity = RuleBook.identity(of: source)
        do throws(RuleError) {
            let rule = try CompiledRule(name, source: source, sandbox: sandbox)
            compiled = rule
            let questions = Self.questions(name, catalogue: catalogue, sizes: sizes, scale: scale)
            (findings, book) = Self.examine(rule, questions, scale)
            let survey = findings.isEmpty ? PriceSurvey(rule, questions, scale: scale) : nil
            notes = Self.notes(survey, source, sandbox)
            worstInstructions = survey?.worst?.instructions ?? 0
        } catch {
            (compiled, notes, worstInstructions) = (nil, [], 0)
            findings = [Finding(query: nil, text: error.text)]
            book = PriceBook()
        }
    }

    private static func examine(
        _ rule: CompiledRule, _ questions: [PriceQuery], _ scale: UInt8
    ) -> ([Finding], PriceBook) {
        let samples = questions + furtherQuestions(rule.name, scale)
        var first = Interrogation(rule)
        let answers = samples.map { first.ask($0) }
        var findings = first.findings
        if findings.isEmpty {
            // No call sees another one; but the order in which Lua keeps a table differs from state to state.
            var second = Interrogation(rule)
            for (query, answer) in zip(samples, answers).reversed() {
                let again = second.ask(query)
                guard again != answer else { continue }
                findings.append(
                    Finding(
                        query: query,
                        text: """
                            \(query.call) answers \(answer.described) first and \(again.described) later: \
                            it depends on more than its arguments
                            """))
            }
        }
        let book = PriceBook(
            rows: zip(questions, answers).compactMap { query, answer in
                answer.map { PriceBook.Row(query: query, answer: $0) }
            })
        let size = book.rows.reduce(0) { $0 + 1 + $1.answer.steps }
        if size > maximumBook {
            findings.append(
                Finding(
                    query: nil,
                    text: """
                        \(rule.name.text): the price book would have \(size) rows and steps, at most \(maximumBook) \
                        are allowed
                        """))
        }
        if findings.count > maximumFindings {
            let more = findings.count - maximumFindings + 1
            findings = findings.prefix(maximumFindings - 1) + [Finding(query: nil, text: "and \(more) more")]
        }
        return (findings, book)
    }

    private static func notes(_ survey: PriceSurvey?, _ source: String, _ sandbox: RuleSandbox) -> [String] {
        var source = source
        var notes = survey?.notes ?? []
        notes += source.withUTF8 { FloatFinder.places(in: $0) }.map { "line \($0.line): \($0.what)" }
        if notes.count >= maximumNotes {
            let more = notes.count - maximumNotes + 2
            notes = notes.prefix(maximumNotes - 2) + ["and \(more) more notes"]
        }
        guard let worst = survey?.worst else { return notes }
        let thousandths = worst.instructions * 1000 / max(sandbox.instructions, 1)
        let share = "\(thousandths / 10).\(thousandths % 10) %"
        return notes + [
            "worst: \(worst.instructions) of \(sandbox.instructions) instructions (\(share)), for \(worst.query.call)"
        ]
    }

    /// What a rule answers to some questions; where it fails there is no row.
    package static func prices(
        _ name: RuleName, source: String, _ questions: [PriceQuery], sandbox: RuleSandbox = .rule
    ) -> PriceBook {
        guard let rule = try? CompiledRule(name, source: source, sandbox: sandbox) else { return PriceBook() }
        var interrogation = Interrogation(rule)
        return PriceBook(
            rows: questions.compactMap { query in
                interrogation.ask(query).map { PriceBook.Row(query: query, answer: $0) }
            })
    }

    /// The rows of the price book, in a fixed order: what there always is, then the sizes that are not among it.
    package static func questions(
        _ name: RuleName, catalogue: [DefaultCatalogue.Space] = DefaultCatalogue.spaces, sizes: [StorageSize] = [],
        scale: UInt8 = 0
    ) -> [PriceQuery] {
        precondition(sizes.count <= maximumSizes, "a check asks about so many sizes")
        let always = UserType.allCases.flatMap { type -> [PriceQuery] in
            switch name {
            case .sessionRuntime:
                Tier.allCases.map { .sessionRuntime(type: type, tier: $0, secondsThisMonth: 0) }
            case .storage:
                StorageKind.allCases.map { .storage(type: type, kind: $0, megabytes: 1000) }
            case .spacePurchase:
                catalogue.map { .spacePurchase(type: type, space: $0.id, listPrice: $0.cost, gigabytes: $0.gigabytes) }
            case .purchaseBonus:
                [10, 25, 100, 1000, 10_000].map {
                    .purchaseBonus(type: type, amount: Money(nanos: $0 * Money.dollar.nanos))
                }
            case .meter(let meter):
                ([1, 100, 10_000] as [Int64]).map { units in
                    let quantity = MeterQuantity(count: units * MeterQuantity.power(scale), scale: scale)
                    return .usage(meter: meter, type: type, quantity: quantity, thisMonth: 0)
                }
            }
        }
        guard name == .storage else { return always }
        var asked = Set(always)
        let sizes = sizes.map { PriceQuery.storage(type: $0.type, kind: $0.kind, megabytes: $0.megabytes) }
        return always + sizes.filter { asked.insert($0).inserted }
    }

    /// Other usage in this month, other sizes: their answers are checked, not kept.
    private static func furtherQuestions(_ name: RuleName, _ scale: UInt8) -> [PriceQuery] {
        UserType.allCases.flatMap { type -> [PriceQuery] in
            switch name {
            case .sessionRuntime:
                Tier.allCases.flatMap { tier in
                    [1, 3600, 100 * 3600, 744 * 3600, 200_000 * 3600].map {
                        .sessionRuntime(type: type, tier: tier, secondsThisMonth: $0)
                    }
                }
            case .storage:
                StorageKind.allCases.flatMap { kind in
                    [0, 500, 100_000, 100_000_000].map { .storage(type: type, kind: kind, megabytes: $0) }
                }
            case .spacePurchase:
                [.spacePurchase(type: type, space: "free-sample", listPrice: .zero, gigabytes: 1)]
            case .purchaseBonus:
                [.purchaseBonus(type: type, amount: Money(nanos: 12_340_000_000))]
            case .meter(let meter):
                [0, 1, 7 * MeterQuantity.power(scale), 100_000 * MeterQuantity.power(scale)].flatMap { count in
                    [0, 1, 1_000, 1_000_000, 1_000_000_000].map { units in
                        .usage(
                            meter: meter, type: type, quantity: MeterQuantity(count: count, scale: scale),
                            thisMonth: units * MeterQuantity.power(scale))
                    }
                }
            }
        }
    }
}

/// Asks a rule one question after the other and collects what went wrong. A Lua state that raised an error is replaced;
/// after a budget or memory error there is no further question, for the next one would most likely cost as much.
private struct Interrogation {
    let rule: CompiledRule
    var findings: [RuleCheck.Finding] = []
    private var vm: RuleVM?
    private var isHopeless = false

    init(_ rule: CompiledRule) { self.rule = rule }

    mutating func ask(_ query: PriceQuery) -> PriceAnswer? {
        guard !isHopeless else { return nil }
        do throws(RuleError) {
            let vm: RuleVM
            if let ready = self.vm { vm = ready } else { vm = try RuleVM(rule) }
            self.vm = vm
            return try vm.evaluate(query)
        } catch {
            if vm?.isSpent != false { vm = nil }
            isHopeless = error.kind == .budget || error.kind == .memory
            let text = error.kind == .result ? error.text : "\(query.call): \(error.text)"
            findings.append(RuleCheck.Finding(query: query, text: text))
            return nil
        }
    }
}

extension PriceAnswer? {
    var described: String { map(\.described) ?? "nothing" }
}

extension PriceAnswer {
    fileprivate var steps: Int { if case .tariff(let tariff) = self { tariff.steps.count } else { 0 } }

    /// `0.05 (list 0.10)`, for people.
    package var described: String {
        switch self {
        case .amount(let amount): return "\(amount)"
        case .tariff(let tariff):
            var text = "\(Money(nanos: tariff.rate))"
            for step in tariff.steps {
                text += ", from hour \(step.from.nanoseconds / 3_600_000_000_000) \(Money(nanos: step.rate))"
            }
            return tariff.listRate == tariff.rate ? text : "\(text) (list \(Money(nanos: tariff.listRate)))"
        }
    }
}
