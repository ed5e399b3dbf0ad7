/// What somebody may have meant by a command that is none. The server knows its own commands' names and says which is
/// near; here is what it cannot know: the prompt's own commands, and people who begin with the verb.
package enum Suggestion {
    package static func sentence(for words: [String], in catalogue: CommandCatalogue) -> String? {
        guard let first = words.first?.lowercased(), first.count <= 64 else { return nil }
        let limit = first.count <= 4 ? 1 : 2
        func nearest(_ names: [(word: String, title: String)]) -> [String] {
            let near = names.map { ($0.title, distance(Array(first), Array($0.word.lowercased()))) }
            let best = near.map(\.1).min() ?? .max
            return best > limit ? [] : near.filter { $0.1 == best }.prefix(3).map(\.0)
        }
        let verbs = catalogue.commands.filter { $0.name.count > 1 }.map { (word: $0.name[1], title: $0.title) }
        let found = nearest(LocalCommand.allCases.map { (word: $0.rawValue, title: $0.rawValue) } + verbs)
        guard let last = found.last else { return nil }
        let others = found.dropLast()
        return "did you mean " + (others.isEmpty ? "" : others.joined(separator: ", ") + " or ") + last + "?"
    }

    /// The name that differs in the fewest letters, if in few enough; not the word itself.
    package static func nearest(to word: String, among names: [String]) -> String? {
        guard (2...64).contains(word.count) else { return nil }
        let scored = Set(names).filter { $0 != word }.map { (name: $0, distance: distance(Array(word), Array($0))) }
        let best = scored.min { ($0.distance, $0.name) < ($1.distance, $1.name) }
        return best.flatMap { $0.distance <= (word.count <= 4 ? 1 : 2) ? $0.name : nil }
    }

    /// Insertions, deletions, substitutions, and neighbours in the wrong order, one each.
    static func distance(_ a: [Character], _ b: [Character]) -> Int {
        var before: [Int] = []
        var last = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var row = [i + 1] + [Int](repeating: 0, count: b.count)
            for (j, y) in b.enumerated() {
                row[j + 1] = min(last[j + 1] + 1, row[j] + 1, last[j] + (x == y ? 0 : 1))
                if i > 0, j > 0, x == b[j - 1], a[i - 1] == y { row[j + 1] = min(row[j + 1], before[j - 1] + 1) }
            }
            (before, last) = (last, row)
        }
        return last[b.count]
    }
}
