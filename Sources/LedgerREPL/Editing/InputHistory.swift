/// What was entered before, oldest first: walked through with the arrow keys, searched with C-r. Pure.
package struct InputHistory: Sendable {
    package private(set) var entries: [String] = []
    /// The entry that is shown, while somebody walks.
    private var place: Int?
    /// What was being typed when the walk began: entries that begin with it are those that are met.
    private var draft = ""

    private static let kept = 1000

    package init(_ entries: [String] = []) {
        for entry in entries { add(entry) }
    }

    /// The same thing twice in a row is remembered once.
    package mutating func add(_ entry: String) {
        stopWalking()
        guard !entry.isEmpty, entries.last != entry else { return }
        entries.append(entry)
        if entries.count > Self.kept { entries.removeFirst(entries.count - Self.kept) }
    }

    /// The entry before the one shown; `current` is what is in the line. Nil: there is none.
    package mutating func older(current: String) -> String? {
        if place == nil { draft = current }
        var index = place ?? entries.count
        while index > 0 {
            index -= 1
            if entries[index].hasPrefix(draft), entries[index] != current {
                place = index
                return entries[index]
            }
        }
        return nil
    }

    /// The entry behind the one shown, and in the end what was being typed. Nil: nobody walks.
    package mutating func newer(current: String) -> String? {
        guard var index = place else { return nil }
        while index + 1 < entries.count {
            index += 1
            if entries[index].hasPrefix(draft), entries[index] != current {
                place = index
                return entries[index]
            }
        }
        place = nil
        return draft
    }

    /// The line was edited: it is a new one.
    package mutating func stopWalking() { place = nil }

    /// The latest entry before `limit` that has the text somewhere, in whatever case, and does not read as `other`.
    package func search(_ text: String, before limit: Int? = nil, other: String? = nil) -> Int? {
        let wanted = text.lowercased()
        return entries.indices.prefix(limit ?? entries.count).last {
            entries[$0] != other && (wanted.isEmpty || entries[$0].lowercased().contains(wanted))
        }
    }

    /// The earliest behind `limit`.
    package func search(_ text: String, after limit: Int, other: String? = nil) -> Int? {
        let wanted = text.lowercased()
        return entries.indices.dropFirst(limit + 1).first {
            entries[$0] != other && entries[$0].lowercased().contains(wanted)
        }
    }
}
