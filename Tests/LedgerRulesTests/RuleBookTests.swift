import LedgerCore
import LedgerRules
import Testing

private let query = PriceQuery.sessionRuntime(type: .pro, tier: .medium, secondsThisMonth: 0)

@Suite struct RuleBookTests {
    @Test func `identity is SHA-256 of source and interface version`() {
        // printf 'abc\001\000\000\000' | sha256sum
        #expect(
            RuleBook.identity(of: "abc").digest.hex
                == "bbae2a4e19bc4aaeb37c49398fc50d4b41a01298443f3208bc4cc3399a9de850")
        #expect(RuleBook.identity(of: "abc") != RuleBook.identity(of: "abc "))
    }

    @Test func `without a rule there is no price, and no bonus`() throws {
        var book = RuleBook()
        do {
            _ = try book.price(query)
            Issue.record("there must be no price")
        } catch {
            #expect(error.kind == .missing)
            #expect(error.text.contains("RULE LOAD session_runtime"))
            #expect(error.text.contains("RULE ACTIVATE session_runtime"))
        }
        let bonus = try book.price(.purchaseBonus(type: .pro, amount: Money("100")!))
        #expect(bonus == Priced(answer: .amount(.zero), rule: .none))
    }

    @Test func `the active version answers`() throws {
        var book = RuleBook()
        let old = try book.load(.sessionRuntime, source: "return function() return 1 end")
        let new = try book.load(.sessionRuntime, source: "return function() return 2 end")
        book.activate(.sessionRuntime, old)
        var priced = try book.price(query)
        #expect(priced == Priced(answer: .tariff(Tariff(rate: 1, listRate: 1)), rule: old))
        book.activate(.sessionRuntime, new)
        priced = try book.price(query)
        #expect(priced == Priced(answer: .tariff(Tariff(rate: 2, listRate: 2)), rule: new))
        let active = book.active(.sessionRuntime)
        #expect(active == new)
        book.activate(.sessionRuntime, nil)
        do {
            _ = try book.price(query)
            Issue.record("there must be no price")
        } catch { #expect(error.kind == .missing) }
    }

    @Test func `a source that does not load is not kept`() throws {
        var book = RuleBook()
        let source = "return function("
        do {
            try book.load(.sessionRuntime, source: source)
            Issue.record("it must not load")
        } catch { #expect(error.kind == .source) }
        let kept = book.source(of: .sessionRuntime, RuleBook.identity(of: source))
        #expect(kept == nil)
    }

    @Test func `a kept source compiles when it is first asked`() throws {
        var book = RuleBook()
        let identity = book.keep(.sessionRuntime, source: "return function() return 3 end")
        book.activate(.sessionRuntime, identity)
        let priced = try book.price(query)
        #expect(priced.answer == .tariff(Tariff(rate: 3, listRate: 3)))
    }

    @Test func `a version that was stopped by its budget answers other questions again`() throws {
        var book = RuleBook()
        let source = """
            local calls = 0
            return function(user_type)
              calls = calls + 1
              if user_type == "free" then while true do end end
              return calls
            end
            """
        book.activate(.sessionRuntime, try book.load(.sessionRuntime, source: source))
        var priced = try book.price(query)
        priced = try book.price(query)
        #expect(priced.answer == .tariff(Tariff(rate: 2, listRate: 2)))
        do {
            _ = try book.price(.sessionRuntime(type: .free, tier: .small, secondsThisMonth: 0))
            Issue.record("it must be stopped")
        } catch { #expect(error.kind == .budget) }
        // The state was thrown away with what it remembered.
        priced = try book.price(query)
        #expect(priced.answer == .tariff(Tariff(rate: 1, listRate: 1)))
    }

    @Test func `the same source under two names is two rules`() throws {
        var book = RuleBook()
        let source = "return function() return 4 end"
        let runtime = try book.load(.sessionRuntime, source: source)
        let space = try book.load(.spacePurchase, source: source)
        #expect(runtime == space)
        book.activate(.sessionRuntime, runtime)
        book.activate(.spacePurchase, space)
        let tariff = try book.price(query)
        let amount = try book.price(.spacePurchase(type: .free, space: "x", listPrice: .zero, gigabytes: 1))
        #expect(tariff.answer == .tariff(Tariff(rate: 4, listRate: 4)))
        #expect(amount.answer == .amount(Money(nanos: 4)))
    }
}

@Suite struct DefaultRulesTests {
    @Test(arguments: RuleSource.defaults)
    func `the built-in copy is the file, byte for byte`(source: RuleSource) throws {
        #expect(try contents("Scripts/rules/\(source.name.text).lua") == source.text)
    }

    @Test func `a directory of rules is read`() throws {
        #expect(try RuleSource.read(directory: "\(projectRoot)/Scripts/rules") == RuleSource.defaults)
        let error = #expect(throws: RuleError.self) { try RuleSource.read(directory: "\(projectRoot)/Sources") }
        #expect(error?.text.contains("none of session_runtime.lua") == true)
    }

    @Test func `session prices are those of the price list`() throws {
        let vm = try RuleVM(.sessionRuntime, source: RuleSource.defaults[0].text)
        let list: [[String]] = [
            ["0.05", "0.075", "0.10", "0.25"], ["0.025", "0.0375", "0.05", "0.125"], ["0.01", "0.015", "0.02", "0.05"],
            ["0.00", "0.00", "0.00", "0.00"],
        ]
        for (type, row) in zip(UserType.allCases, list) {
            for (tier, (rate, listRate)) in zip(Tier.allCases, zip(row, list[0])) {
                #expect(
                    try vm.evaluate(.sessionRuntime(type: type, tier: tier, secondsThisMonth: 0))
                        == .tariff(Tariff(rate: Money(rate)!.nanos, listRate: Money(listRate)!.nanos)))
            }
        }
    }

    @Test func `storage and spaces cost what the price list says`() throws {
        let storage = try RuleVM(.storage, source: RuleSource.defaults[1].text)
        #expect(
            try storage.evaluate(.storage(type: .free, kind: .bucket, megabytes: 1000))
                == .tariff(Tariff(rate: 20_000_000, listRate: 20_000_000)))
        #expect(
            try storage.evaluate(.storage(type: .admin, kind: .filestore, megabytes: 1))
                == .tariff(Tariff(rate: 170_000_000, listRate: 170_000_000)))
        let spaces = try RuleVM(.spacePurchase, source: RuleSource.defaults[2].text)
        for (space, price) in zip(DefaultCatalogue.spaces, ["5.00", "3.00", "2.00", "4.00"]) {
            #expect(
                try spaces.evaluate(
                    .spacePurchase(type: .pro, space: space.id, listPrice: space.cost, gigabytes: space.gigabytes))
                    == .amount(Money(price)!))
        }
        #expect(DefaultCatalogue.spaces.map(\.gigabytes) == [50, 30, 20, 40])
    }
}

@Suite struct RuleCheckTests {
    @Test(arguments: RuleSource.defaults)
    func `the default rules pass`(source: RuleSource) {
        let check = RuleCheck(source.name, source: source.text)
        #expect(check.findings == [])
        #expect(check.book.rows.count == [16, 8, 16][Int(source.name.rawValue)])
        #expect(check.book.rows.map(\.query) == RuleCheck.questions(source.name))
        #expect(check.identity == RuleBook.identity(of: source.text))
    }

    @Test func `a hole in the table is found, with its arguments`() {
        let check = RuleCheck(
            .sessionRuntime,
            source: """
                local per_hour = { free = { small = 1, medium = 1, large = 1, gpu = 1 }, pro = { small = 1, medium = 1, large = 1 } }
                return function(user_type, tier) return (per_hour[user_type] or per_hour.free)[tier] end
                """)
        #expect(!check.passes)
        #expect(
            check.findings.first?.text
                == #"session_runtime("pro", "gpu", 0) returned nothing as rate; prices are integers in nano-USD, as usd"0.05" gives"#
        )
        #expect(check.book.rows.count == 15)
    }

    @Test func `a price that is wrong only after a hundred hours is found`() {
        let check = RuleCheck(
            .sessionRuntime, source: "return function(a, b, seconds) return seconds < 360000 and 5 or 0.5 end")
        #expect(check.findings.contains { $0.text.contains("360000") && $0.text.contains("float 0.5") })
        #expect(check.book.rows.count == 16)
    }

    @Test func `a rule that remembers is found`() {
        let check = RuleCheck(.purchaseBonus, source: "local n = 0 return function() n = n + 1 return n end")
        #expect(!check.passes)
        #expect(check.findings[0].text.contains("it depends on more than its arguments"))
    }

    @Test func `a source that does not load is one finding`() {
        let check = RuleCheck(.storage, source: "return 5 +")
        #expect(check.findings.count == 1)
        #expect(check.findings[0].query == nil)
        #expect(check.book.rows.isEmpty)
    }

    @Test func `endless loops end, and findings are bounded`() {
        let check = RuleCheck(.sessionRuntime, source: "return function() while true do end end")
        #expect(check.findings.count == RuleCheck.maximumFindings)
        #expect(check.findings.last?.text.hasPrefix("and ") == true)
        #expect(
            check.findings[0].text.hasPrefix(#"session_runtime("free", "small", 0): session_runtime:1: still running"#))
    }
}

@Suite struct ExplanationTests {
    let source = RuleSource.defaults[0].text

    @Test func `a price is reproduced`() throws {
        var book = RuleBook()
        book.activate(.sessionRuntime, try book.load(.sessionRuntime, source: source))
        let priced = try book.price(query)
        let explanation = Explanation(query, priced: priced, source: source)
        #expect(explanation.outcome == .reproduced)
        #expect(explanation.agrees)
        #expect(
            explanation.sentence == #"session_runtime("pro", "medium", 0) = 0.0375 (list 0.075) per hour, reproduced"#)
        #expect(query.inputs.map(\.name) == ["user_type", "tier", "seconds_this_month"])
    }

    @Test func `a forged answer is seen`() {
        let forged = Priced(answer: .tariff(Tariff(rate: 1, listRate: 1)), rule: RuleBook.identity(of: source))
        let explanation = Explanation(query, priced: forged, source: source)
        #expect(explanation.outcome == .differs(.tariff(Tariff(rate: 37_500_000, listRate: 75_000_000))))
        #expect(!explanation.agrees)
    }

    @Test func `another source is seen`() {
        let priced = Priced(answer: .tariff(.free), rule: RuleBook.identity(of: "something else"))
        #expect(
            Explanation(query, priced: priced, source: source).outcome == .otherSource(RuleBook.identity(of: source)))
    }

    @Test func `a rule that fails now is said to fail`() {
        let broken = "return function() error('no') end"
        let priced = Priced(answer: .tariff(.free), rule: RuleBook.identity(of: broken))
        guard case .failed(let error) = Explanation(query, priced: priced, source: broken).outcome else {
            Issue.record("it must fail")
            return
        }
        #expect(error.text == "session_runtime:1: no")
    }

    @Test func `no rule needs no proof`() {
        let explanation = Explanation(
            .purchaseBonus(type: .free, amount: .dollar), priced: Priced(answer: .amount(.zero), rule: .none),
            source: nil)
        #expect(explanation.outcome == .noRule)
        #expect(explanation.agrees)
    }
}
