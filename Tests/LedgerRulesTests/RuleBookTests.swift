import LedgerCore
import Testing

@testable import LedgerRules

extension RuleBook {
    @discardableResult
    mutating fileprivate func activate(_ name: RuleName, _ source: String) -> RuleIdentity {
        let identity = RuleBook.identity(of: source)
        activate(name, identity) { source }
        return identity
    }
}

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
        let old = book.activate(.sessionRuntime, "return function() return 1 end")
        var priced = try book.price(query)
        #expect(priced == Priced(answer: .tariff(Tariff(rate: 1, listRate: 1)), rule: old))
        let new = book.activate(.sessionRuntime, "return function() return 2 end")
        priced = try book.price(query)
        #expect(priced == Priced(answer: .tariff(Tariff(rate: 2, listRate: 2)), rule: new))
        let active = book.active(.sessionRuntime)
        #expect(active == new)
        book.deactivate(.sessionRuntime)
        do {
            _ = try book.price(query)
            Issue.record("there must be no price")
        } catch { #expect(error.kind == .missing) }
    }

    @Test func `a version that is named answers, whether it is active or not`() throws {
        var book = RuleBook()
        let old = book.activate(.sessionRuntime, "return function(t, tier) return tier == 'gpu' and 7 or 1 end")
        let new = book.activate(.sessionRuntime, "return function() return 2 end")
        let unknown = "return function() return 3 end"
        let questions = [
            PriceQuestion(query: query, rule: old), PriceQuestion(query: query, rule: new),
            PriceQuestion(query: query, rule: RuleBook.identity(of: unknown)),
            PriceQuestion(query: .sessionRuntime(type: .pro, tier: .gpu, secondsThisMonth: 0), rule: old),
        ]
        var compiled = 0
        for _ in 0..<2 {
            let answers = try book.price(questions) { identity in
                compiled += 1
                #expect(identity == RuleBook.identity(of: unknown))
                return unknown
            }
            #expect(answers.map(\.rule) == questions.map(\.rule))
            #expect(answers.map(\.answer) == [1, 2, 3, 7].map { .tariff(Tariff(rate: $0, listRate: $0)) })
        }
        #expect(compiled == 1)
        let active = book.active(.sessionRuntime)
        #expect(active == new)
        do {
            _ = try book.price(questions.reversed()) { _ in "return function() error('no') end" }
        } catch { Issue.record("what was compiled is kept: \(error.text)") }
        do {
            let failing = PriceQuestion(query: query, rule: RuleIdentity(digest: .zero))
            _ = try book.price([failing]) { _ in "return 1" }
            Issue.record("there must be no price")
        } catch { #expect(!error.text.isEmpty) }
    }

    @Test func `what was kept, or was active before, is not compiled again`() throws {
        var book = RuleBook()
        let kept = try CompiledRule(.sessionRuntime, source: "return function() return 3 end")
        book.keep(kept)
        book.activate(.sessionRuntime, kept.identity) { fatalError("it was kept") }
        var priced = try book.price(query)
        #expect(priced.answer == .tariff(Tariff(rate: 3, listRate: 3)))
        book.activate(.sessionRuntime, "return function() return 4 end")
        book.activate(.sessionRuntime, kept.identity) { fatalError("it was active before") }
        priced = try book.price(query)
        #expect(priced.answer == .tariff(Tariff(rate: 3, listRate: 3)))
    }

    @Test func `only the most recent of many versions wait for their turn`() throws {
        var book = RuleBook()
        let rules = try (0..<20).map { try CompiledRule(.storage, source: "return function() return \($0) end") }
        for rule in rules { book.keep(rule) }
        var asked = false
        book.activate(.storage, rules[0].identity) {
            asked = true
            return "return function() return 0 end"
        }
        #expect(asked)
        book.activate(.storage, rules[19].identity) { fatalError("it was kept last") }
    }

    @Test func `a source that does not compile any more is an error for every question, never a price`() throws {
        var book = RuleBook()
        book.activate(.sessionRuntime, "return function(")
        for _ in 0..<2 {
            do {
                _ = try book.price(query)
                Issue.record("there must be no price")
            } catch { #expect(error.kind == .source) }
        }
    }

    @Test func `a version that was stopped by its budget answers other questions again`() throws {
        var book = RuleBook()
        book.activate(
            .sessionRuntime,
            """
            return function(user_type)
              if user_type == "free" then while true do end end
              if user_type == "admin" then error("no") end
              return 1
            end
            """)
        for _ in 0..<3 {
            for (type, kind) in [(UserType.free, RuleError.Kind.budget), (.admin, .runtime)] {
                do {
                    _ = try book.price(.sessionRuntime(type: type, tier: .small, secondsThisMonth: 0))
                    Issue.record("it must be stopped")
                } catch { #expect(error.kind == kind) }
                let priced = try book.price(query)
                #expect(priced.answer == .tariff(Tariff(rate: 1, listRate: 1)))
            }
        }
    }

    @Test func `the same source under two names is two rules`() throws {
        var book = RuleBook()
        let source = "return function() return 4 end"
        let runtime = book.activate(.sessionRuntime, source)
        let space = book.activate(.spacePurchase, source)
        #expect(runtime == space)
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
        #expect(check.book.rows.count == [16, 8, 16][Int(source.name.code)])
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

    @Test func `a source that does not load is one finding`() {
        let check = RuleCheck(.storage, source: "return 5 +")
        #expect(check.findings.count == 1)
        #expect(check.findings[0].query == nil)
        #expect(check.book.rows.isEmpty)
    }

    @Test(arguments: [
        ("return function() while true do end end", "still running"),
        ("return function() local s = 'x' while true do s = s .. s end end", "out of memory"),
    ])
    func `a check ends with the first question that uses a budget up`(source: String, message: String) {
        let check = RuleCheck(.sessionRuntime, source: source)
        #expect(check.findings.count == 1)
        #expect(check.book.rows.isEmpty)
        #expect(check.findings[0].text.hasPrefix(#"session_runtime("free", "small", 0): session_runtime:"#))
        #expect(check.findings[0].text.contains(message))
    }

    @Test func `findings are bounded`() {
        let check = RuleCheck(.sessionRuntime, source: "return function() return nil end")
        #expect(check.findings.count == RuleCheck.maximumFindings)
        #expect(check.findings.last?.text.hasPrefix("and ") == true)
    }

    @Test func `every size of storage has a row behind those that are always there`() {
        let sizes = [0, 1, 50, 51, 5000].map {
            StorageSize(type: .pro, kind: .bucket, megabytes: $0 * 1000 + 999)
        }
        let check = RuleCheck(
            .storage, source: "return function(user_type, kind, gb) return gb < 50 and 20 or 10 end", sizes: sizes)
        #expect(check.findings == [])
        let always = RuleCheck.questions(.storage)
        #expect(check.book.rows.prefix(8).map(\.query) == always)
        // One GB is among the eight already.
        let rows = check.book.rows.dropFirst(8)
        #expect(
            rows.map(\.query)
                == [0, 50_000, 51_000, 5_000_000].map { .storage(type: .pro, kind: .bucket, megabytes: $0) })
        #expect(rows.map(\.answer) == [20, 10, 10, 10].map { .tariff(Tariff(rate: $0, listRate: $0)) })
    }

    @Test func `a thousand sizes fit, with steps as long as the book fits into an event`() {
        let sizes = (0..<1000).map { StorageSize(type: .free, kind: .filestore, megabytes: Int64(2 + $0) * 1000) }
        let flat = RuleCheck(.storage, source: "return function() return 1 end", sizes: sizes)
        #expect(flat.findings == [])
        #expect(flat.book.rows.count == 1008)
        let steps = RuleCheck(
            .storage,
            source: "return function() local t = {} for i = 1, 64 do t[i] = { i - 1, i } end return t end", sizes: sizes
        )
        #expect(
            steps.findings.map(\.text) == [
                "storage: the price book would have 64512 rows and steps, at most 8192 are allowed"
            ])
    }
}

@Suite struct CompileCostTests {
    /// Sources of 16 KiB that take longest to compile, of those that we could think of.
    private static let worst: [(name: String, source: String)] = {
        let letters = "abcdefghijklmnopqrstuvwxyABCDEFGHIJKLMNOPQRSTUVWXY_".map { String($0) }
        let names = letters + letters.flatMap { a in letters.map { a + $0 } }
        func filled(_ head: String, _ unit: String, _ tail: String) -> String {
            let room = (16 << 10) - head.utf8.count - tail.utf8.count
            return head + String(repeating: unit, count: max(0, room / unit.utf8.count)) + tail
        }
        func upvalues(_ depth: Int, _ count: Int) -> String {
            var head = ""
            let used = Array(names.filter { !["do", "if", "in", "or"].contains($0) }.prefix(count))
            for start in stride(from: 0, to: count, by: 190) {
                head += "return function()local " + used[start..<min(start + 190, count)].joined(separator: ",") + " "
            }
            head +=
                String(repeating: "return function()", count: depth) + "local y=" + used.joined(separator: "+") + " z=Z"
            let levels = depth + (count + 189) / 190
            return filled(head, "+Z", String(repeating: " end", count: levels))
        }
        func locals(_ depth: Int, _ count: Int) -> String {
            let used = names.filter { !["do", "if", "in", "or"].contains($0) }
            let head = (0..<depth).map { level in
                "return function()local "
                    + (0..<count).map { used[(level * count + $0) % used.count] }.joined(separator: ",") + " "
            }
            return filled(head.joined() + "z=Z", "+Z", String(repeating: " end", count: depth))
        }
        return [
            ("upvalues 90 250", upvalues(90, 250)), ("upvalues 30 250", upvalues(30, 250)),
            ("upvalues 10 250", upvalues(10, 250)), ("locals 28 100", locals(28, 100)),
            ("locals 20 139", locals(20, 139)), ("locals 10 190", locals(10, 190)),
            ("or", filled("return a", " or a", "")), ("and", filled("return a", " and a", "")),
            ("goto", filled("", "goto a ", "::a::")), ("elseif", filled("if a then ", "elseif a then ", "end")),
        ]
    }()

    @Test func `what takes long to compile is refused uncompiled`() {
        for (name, source) in Self.worst where !["goto", "elseif"].contains(name) {
            #expect(source.utf8.count <= RuleSandbox.maximumSource)
            let error = #expect(throws: RuleError.self) { try CompiledRule(.storage, source: source) }
            #expect(error?.text.contains("too hard to compile") == true, "\(name): \(error?.text ?? "")")
        }
    }

    @Test func `what people write is far from the limit, even when it is long`() throws {
        for source in RuleSource.defaults { #expect(steps(source.text) < 30_000) }
        let rows = (0..<320).map { "region_\($0) = { small = usd\"0.0\($0 + 1)\", large = 2 }," }
        let table = "local prices = {\n\(rows.joined(separator: "\n"))\n}\n"
        let rule = table + "return function(user_type, tier) return prices.region_0[tier] or 1 end"
        #expect(rule.utf8.count > 14_000)
        #expect(steps(rule) < CompileCost.maximum / 3)
        // Its five milliseconds are a second wall, which a loaded machine under a sanitizer may meet: not every time.
        let compiles = (0..<20).contains { _ in (try? CompiledRule(.sessionRuntime, source: rule)) != nil }
        #expect(compiles)
    }

    @Test(arguments: [
        ("a", 1), ("a b", 1 + 2), ("a.b.c", 1 + 2 + 3), ("-- a b\na", 1), ("--[[ a\n b ]] a", 1),
        ("--[==[ a ]] ]=] b ]==] a", 1), ("--[=x a\nb", 1), ("'a b' c", 1), (#""a\"b" c"#, 1), ("[[a]b]] c", 1),
        ("'a\\\r\nb' c", 1), ("0x1F 1e5 3.5 a", 1), ("local a", 1), ("function() a end b", 2 * 1 + 2),
        ("function() do a end end b", 2 * 1 + 2), ("if a then b end c", 3 + 1 + 2 + 3),
        ("repeat function() a end until b", 2 * 1 + 3 + 2), ("a or a or a", 1 + 3 + 2 + 6 + 3),
        ("for i = 1, 2 do end", 3 + 1), ("'unfinished a b", 0), ("--[[ unfinished a", 0), ("[==[ ]=] a", 0),
    ])
    func `steps are counted as Lua reads`(source: String, expected: Int) {
        #expect(steps(source) == expected)
    }

    private func steps(_ source: String) -> Int {
        var source = source
        return source.withUTF8 { CompileCost($0).steps }
    }
}

@Suite struct ExplanationTests {
    let source = RuleSource.defaults[0].text

    @Test func `a price is reproduced`() throws {
        var book = RuleBook()
        book.activate(.sessionRuntime, source)
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
