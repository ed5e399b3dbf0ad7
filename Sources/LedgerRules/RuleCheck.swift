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
    /// The answers for user type × tier, × kind of storage, × space of the catalogue, or × some purchases.
    package let book: PriceBook

    package var passes: Bool { findings.isEmpty }
    package static let maximumFindings = 20

    /// Runs the whole check; never throws. Costs some dozens of calls, each within the sandbox's budget.
    package init(
        _ name: RuleName, source: String, catalogue: [DefaultCatalogue.Space] = DefaultCatalogue.spaces,
        sandbox: RuleSandbox = .rule
    ) {
        self.name = name
        identity = RuleBook.identity(of: source)
        let book = Self.questions(name, catalogue: catalogue)
        let samples = book + Self.furtherQuestions(name)

        var first = Interrogation(name, source: source, sandbox: sandbox)
        let answers = samples.map { first.ask($0) }
        var findings = first.findings
        if findings.isEmpty {
            // A rule that remembers its calls answers differently in another order.
            var second = Interrogation(name, source: source, sandbox: sandbox)
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
        if findings.count > Self.maximumFindings {
            let more = findings.count - Self.maximumFindings + 1
            findings = findings.prefix(Self.maximumFindings - 1) + [Finding(query: nil, text: "and \(more) more")]
        }
        self.findings = findings
        self.book = PriceBook(
            rows: zip(book, answers).compactMap { query, answer in
                answer.map { PriceBook.Row(query: query, answer: $0) }
            })
    }

    /// The rows of the price book, in a fixed order.
    package static func questions(_ name: RuleName, catalogue: [DefaultCatalogue.Space] = DefaultCatalogue.spaces)
        -> [PriceQuery]
    {
        UserType.allCases.flatMap { type -> [PriceQuery] in
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
            }
        }
    }

    /// Other usage in this month, other sizes: their answers are checked, not kept.
    private static func furtherQuestions(_ name: RuleName) -> [PriceQuery] {
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
            }
        }
    }
}

/// Asks one Lua state after the other (a spent one is replaced) and collects what went wrong.
private struct Interrogation {
    let name: RuleName
    let source: String
    let sandbox: RuleSandbox
    var findings: [RuleCheck.Finding] = []
    private var vm: RuleVM?
    private var isHopeless = false

    init(_ name: RuleName, source: String, sandbox: RuleSandbox) {
        self.name = name
        self.source = source
        self.sandbox = sandbox
        load()
    }

    private mutating func load() {
        do throws(RuleError) {
            vm = try RuleVM(name, source: source, sandbox: sandbox)
        } catch {
            vm = nil
            isHopeless = true
            findings.append(RuleCheck.Finding(query: nil, text: error.text))
        }
    }

    mutating func ask(_ query: PriceQuery) -> PriceAnswer? {
        if vm == nil, !isHopeless { load() }
        guard let vm else { return nil }
        do throws(RuleError) {
            return try vm.evaluate(query)
        } catch {
            let text = error.kind == .result ? error.text : "\(query.call): \(error.text)"
            findings.append(RuleCheck.Finding(query: query, text: text))
            if vm.isSpent { self.vm = nil }
            return nil
        }
    }
}

extension PriceAnswer? {
    var described: String { map(\.described) ?? "nothing" }
}

extension PriceAnswer {
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
