import LedgerCore
import LedgerRules
import Testing

/// Sources cut, spliced and flipped at random, from a seed: whatever they do, the answer is a valid price or an error,
/// and the process goes on.
@Suite struct MutatedRuleTests {
    private struct SplitMix64: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static let words = [
        "return", "function", "end", "local", "while", "do", "for", "in", "if", "then", "else", "goto", "nil", "...",
        "..",
        "(", ")", "{", "}", "[", "]", "=", "==", "//", "/", "%", "^", "#", "-", "~", "&", "|", "<<", ">>", "<", ",",
        ";", "::",
        "0", "1", "-1", "1e308", "0x7fffffffffffffff", "math.mininteger", "0/0", "usd\"0.05\"", "usd", "pairs",
        "ipairs",
        "select", "table.insert", "table.remove", "tostring", "error", "_ENV", "string.sub", "math.floor", "'x'",
        "<close>",
        "<const>", "repeat", "until", "break", "and", "or", "not", "true", "false", "user_type", "tier",
    ]

    @Test(arguments: [1, 2, 3, 391] as [UInt64])
    func `mutated sources end in a valid price or an error`(seed: UInt64) {
        var random = SplitMix64(state: seed)
        let corpus =
            Array(repeating: RuleSource.defaults.map { Array($0.text.utf8) }, count: 8).flatMap { $0 }
            + HostileRuleTests.attacks.map { Array("return function(a, b, c)\n\($0.body)\nend".utf8) }
        var prices = 0
        var errors = 0
        for _ in 0..<4000 {
            var source = corpus.randomElement(using: &random)!
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let at = Int.random(in: 0...source.count, using: &random)
                switch Int.random(in: 0..<5, using: &random) {
                case 0: source.insert(contentsOf: Array(" \(Self.words.randomElement(using: &random)!) ".utf8), at: at)
                case 1: source.removeSubrange(at..<min(source.count, at + Int.random(in: 0...12, using: &random)))
                case 2 where at < source.count: source[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
                case 3:
                    let other = corpus.randomElement(using: &random)!
                    let start = Int.random(in: 0...other.count, using: &random)
                    source.insert(contentsOf: other[start..<min(other.count, start + 40)], at: at)
                default: source = Array(source[..<at]) + source[min(at, source.count / 2)...]
                }
            }
            do throws(RuleError) {
                let vm = try RuleVM(.sessionRuntime, source: String(decoding: source, as: UTF8.self))
                let answer = try vm.evaluate(.sessionRuntime(type: .pro, tier: .large, secondsThisMonth: 99))
                guard case .tariff(let tariff) = answer else {
                    Issue.record("a metered rule answered \(answer)")
                    return
                }
                prices += 1
                for rate in [tariff.rate, tariff.listRate] + tariff.steps.map(\.rate) {
                    #expect((0...Tariff.maximumRate).contains(rate))
                }
                #expect(zip(tariff.steps, tariff.steps.dropFirst()).allSatisfy { $0.from < $1.from })
            } catch {
                errors += 1
                #expect(!error.text.isEmpty && error.text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F })
            }
        }
        // Both happen, or the mutations would test nothing.
        #expect(prices > 50)
        #expect(errors > 500)
    }
}
