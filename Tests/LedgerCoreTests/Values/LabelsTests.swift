import LedgerCore
import Testing

@Suite struct LabelsTests {
    private func labels(_ text: String) throws -> Labels {
        try Array(text.utf8).withUnsafeBytes { try Labels(parsing: $0) }
    }

    private func flaw(_ text: String) -> Labels.Flaw? {
        do {
            _ = try labels(text)
            return nil
        } catch {
            return error as? Labels.Flaw
        }
    }

    @Test func `labels are a set: their order says nothing`() throws {
        let it = try labels("team=ml,job=render/81,a.b_c:d-e=Z9")
        #expect(try it == labels("a.b_c:d-e=Z9,job=render/81,team=ml"))
        #expect(it.text == Array("a.b_c:d-e=Z9,job=render/81,team=ml".utf8))
        #expect(it["team"] == "ml" && it["job"] == "render/81" && it["Team"] == nil && it["tea"] == nil)
        #expect(it.all.map(\.key) == ["a.b_c:d-e", "job", "team"])
        // By key, whatever the values are.
        #expect(try labels("a-b=1,a=2,ab=0").all.map(\.key) == ["a", "a-b", "ab"])
        #expect(Labels.none.isEmpty && Labels.none.text == [] && Labels.none.all.isEmpty && Labels.none["a"] == nil)
    }

    @Test func `as many and as long as they may be, and no more`() throws {
        let word = String(repeating: "w", count: Labels.longest)
        #expect(try labels("\(word)=\(word)")[ShortText(word)!] == ShortText(word))
        let most = (1...Labels.most).map { "k\($0)=\(word)" }.joined(separator: ",")
        #expect(try labels(most).all.count == 8)
        #expect(flaw(most + ",k9=v") == .tooMany)
        for text in ["\(word)w=v", "k=\(word)w"] { #expect(flaw(text) == .malformed, "\(text)") }
        #expect(flaw("k=1,j=2,k=1") == .twice("k"))
        #expect(try labels("k=1,K=1").all.count == 2)
    }

    @Test(arguments: [
        "", "k", "=", "k=", "=v", ",", "k=v,", ",k=v", "k=v,,j=w", "k=v=w", "k==v", "k =v", "k=v w", "k=v\n", "k=ä",
        "ä=v",
        "k=a@b.example", "k=v;j=w", "k=\"v\"", "k=v\u{0}", "k=v, j=w", "k=(none)", "k=*", "k=a+b",
    ])
    func `what is no label is refused`(text: String) { #expect(flaw(text) == .malformed) }

    @Test func `a filter asks for a key, or for a key with its value`() throws {
        func admits(_ filter: String, _ text: String) throws -> Bool? {
            let bytes = Array(filter.utf8)
            guard let filter = bytes.withUnsafeBytes({ LabelFilter(parsing: $0) }) else { return nil }
            return filter.admits(text.isEmpty ? .none : try labels(text))
        }
        for (filter, text, expected) in [
            ("team", "team=ml", true), ("team", "a=team,team=x", true), ("team", "teams=ml", false),
            ("team", "a=team", false), ("tea", "team=ml", false), ("team", "", false),
            ("team=ml", "team=ml", true), ("team=ml", "a=1,team=ml,z=2", true), ("team=ml", "team=mlx", false),
            ("team=ml", "xteam=ml", false), ("team=ml", "team=m", false), ("ml", "team=ml", false),
            ("team=ml", "", false),
        ] {
            #expect(try admits(filter, text) == expected, "\(filter) of \(text)")
        }
        for filter in ["", "=", "k=", "=v", "k=v,j=w", "k=v=w", "a b"] {
            #expect(try admits(filter, "k=v") == nil, "\(filter)")
        }
    }
}
