/// What waits, by whom it is for: owners take turns, whatever each of them has brought. A value; who shares it
/// locks it. Cost: constant, but for what one owner has waiting at once.
package struct Turns<Element> {
    private var waiting: [ObjectIdentifier: [Element]] = [:]
    private var turns: [ObjectIdentifier] = []
    private var next = 0
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// The owner must live as long as the element waits.
    package mutating func append(_ element: Element, of owner: AnyObject) {
        let owner = ObjectIdentifier(owner)
        if waiting[owner] == nil { turns.append(owner) }
        waiting[owner, default: []].append(element)
        count += 1
    }

    package mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let owner = turns[next]
        next += 1
        let element = waiting[owner]!.removeFirst()
        count -= 1
        if waiting[owner]!.isEmpty { waiting[owner] = nil } else { turns.append(owner) }
        if next > 64, next * 2 > turns.count {
            turns.removeFirst(next)
            next = 0
        }
        return element
    }
}
