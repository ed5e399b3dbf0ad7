import LedgerCore
import Testing

@testable import LedgerRules

@Suite struct PriceSurveyTests {
    private func notes(_ name: RuleName, _ source: String, scale: UInt8 = 0) -> [String] {
        let check = RuleCheck(name, source: source, scale: scale)
        #expect(check.findings == [])
        return check.notes
    }

    @Test(arguments: RuleSource.defaults) func `a flat price list has nothing to note but its cost`(source: RuleSource)
    {
        let check = RuleCheck(source.name, source: source.text)
        let notes = check.notes.filter { !$0.hasPrefix("largest step: ") }
        #expect(notes.count == 1 && notes[0].hasPrefix("worst: \(check.worstInstructions) of 10000 instructions ("))
        #expect(check.worstInstructions > 0 && check.worstInstructions < 300)
    }

    @Test func `a volume discount is a note, with the second from which it holds`() {
        let source = """
            return function(user_type, tier, seconds)
              if user_type == "pro" and seconds >= 123457 then return usd"0.03" end
              return usd"0.0375"
            end
            """
        let found = notes(.sessionRuntime, source)
        #expect(
            found.contains(
                "volume discount: pro, small and 3 more: 0.0375 an hour up to 123456 s used in the month, 0.03 from 123457 s on"
            ))
        #expect(found.count { $0.hasPrefix("volume discount") } == 1 && !found.contains { $0.hasPrefix("dearer") })
    }

    @Test func `a price that rises with use is one too`() {
        let found = notes(
            .sessionRuntime, "return function(t, tier, s) if tier == 'gpu' and s > 99 then return 8 end return 7 end")
        #expect(
            found.contains(
                "dearer with use: free, gpu and 3 more: 0.000000007 an hour up to 99 s used in the month, 0.000000008 from 100 s on"
            ))
    }

    @Test func `a larger quantity that costs less is found to the unit, and the largest step as well`() {
        let source = """
            return function(t, n, before)
              if n > 1000 then return n * 700 end
              return n * 1000
            end
            """
        let found = notes(.meter("calls"), source)
        #expect(found.contains("more for less: free and 3 more: 1001 cost 0.0007007, 1000 0.001"))
        // Besides that cut, each more costs as much as the one before.
        #expect(found.contains { $0.hasPrefix("largest step: free: 1 cost 0.000001 more than 0") })
        let cliff = notes(.meter("calls"), "return function(t, n) if n > 4321 then return n + usd'5' end return n end")
        #expect(cliff.contains("largest step: free: 4322 cost 5.000000001 more than 4321"))
        let parts = notes(
            .meter("egress"), "return function(t, n) if n > 1500 then return 9000 + n end return n end", scale: 3)
        #expect(parts.contains("largest step: free: 1.501 cost 0.000009001 more than 1.5"))
    }

    @Test func `storage and bonuses are followed along their size`() {
        let volume = "return function(t, kind, gb) if gb >= 500 then return usd'0.01' end return usd'0.02' end"
        #expect(
            notes(.storage, volume).contains(
                "more for less: free, bucket and 7 more: 500 GB cost 5.00 a month, 499 GB 9.98"))
        let bonus = "return function(t, amount) if amount >= usd'100' then return usd'10' end return 0 end"
        #expect(
            notes(.purchaseBonus, bonus).contains(
                "largest step: free: a purchase of 100.00 gets 10.00 more than one of 99.99"))
    }

    @Test func `floats on the way are named with their line, and what only looks like one is not`() {
        let source = """
            -- 0.5 / 2 in a comment
            local text = "1.5 / 3"
            local whole = 7 // 2
            return function(t, tier, seconds)
              local hours = seconds / 3600
              local half = math.floor(hours * 0.5) + 0x1F + 0xE1
              return 5 + half - half + math.floor(2 ^ 3)
            end
            """
        let lines = notes(.sessionRuntime, source).filter { $0.hasPrefix("line ") }
        #expect(
            lines == [
                "line 5: / divides with a floating-point result; // divides integers",
                "line 6: 0.5 is a floating-point number", "line 7: ^ gives a floating-point number",
            ])
    }

    @Test func `a rule that fails only where the search comes upon it passes, and the note says so`() {
        let trap =
            "return function(a, b, seconds) if seconds > 100000 and seconds < 300000 then error('no') end return seconds end"
        #expect(notes(.sessionRuntime, trap).contains { $0.hasPrefix("fails where a search came upon it: ") })
        let loop = "return function(a, b, seconds) while seconds == 180000 do end return 1 end"
        #expect(notes(.sessionRuntime, loop).contains { $0.contains("still running") })
    }

    @Test func `the cost is counted to the instruction, and a slow rule is not asked for long`() {
        let slow = "return function(t, n) local s = 0 for i = 1, 3000 do s = s + i end return n + s - s end"
        let check = RuleCheck(.meter("calls"), source: slow)
        #expect(check.passes && check.worstInstructions > 6000 && check.worstInstructions < 10_000)
        let quick = RuleCheck(.meter("calls"), source: "return function(t, n) return n end")
        #expect(quick.worstInstructions < 12)
        // Work inside C functions counts like instructions.
        let work = """
            local text = "x" for i = 1, 11 do text = text .. text end
            return function(t, n) for i = 1, 10 do text = text:reverse() end return n end
            """
        #expect(RuleCheck(.meter("calls"), source: work).worstInstructions > 2000)
    }

    @Test func `what one tier alone has is told of it alone`() {
        let source =
            "return function(t, tier, s) if t == 'pro' and tier == 'gpu' and s > 9 then return 3 end return 4 end"
        #expect(
            notes(.sessionRuntime, source).first
                == "volume discount: pro, gpu: 0.000000004 an hour up to 9 s used in the month, 0.000000003 from 10 s on"
        )
    }

    @Test func `notes are bounded, and the cost comes last`() {
        let many = """
            return function(t, tier, s)
              local own = #t * 100 + #tier
              if s > 70000 + own then return 5 end
              if s > 7000 + own then return 9 end
              return 7
            end
            """
        let found = notes(.sessionRuntime, many)
        #expect(found.count == RuleCheck.maximumNotes && found[found.count - 2].hasSuffix("more notes"))
        #expect(found.last?.hasPrefix("worst: ") == true)
    }
}
