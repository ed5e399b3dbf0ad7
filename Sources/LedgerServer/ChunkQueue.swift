internal import NIOCore

/// A queue in chunks: what it takes is what is in it, and never twice that while it grows. A chunk that was taken out
/// is freed. Cost: constant, and a copy of what is taken.
struct ChunkQueue<Element> {
    /// Taken from here, …
    private var head: [Element] = []
    private var next = 0
    private var middle = CircularBuffer<[Element]>()
    /// … added here.
    private var tail: [Element] = []
    private let chunk: Int
    private(set) var count = 0

    /// `chunk`: elements of a full chunk. What is added at once stays together, even if it is more.
    init(chunk: Int) { self.chunk = chunk }

    var isEmpty: Bool { count == 0 }

    var first: Element? { count > 0 ? head[next] : nil }

    mutating func append(_ element: Element) {
        makeRoom(for: 1)
        tail.append(element)
        count += 1
        refill()
    }

    mutating func append(contentsOf elements: [Element]) {
        guard !elements.isEmpty else { return }
        makeRoom(for: elements.count)
        tail.append(contentsOf: elements)
        count += elements.count
        refill()
    }

    /// Changes the first element; there is one.
    mutating func updateFirst(_ body: (inout Element) -> Void) { body(&head[next]) }

    /// Changes the last element if `body` wants to; false where there is none that can be changed, or it does not.
    mutating func updateLast(_ body: (inout Element) -> Bool) -> Bool {
        if !tail.isEmpty { return body(&tail[tail.count - 1]) }
        guard middle.isEmpty, next < head.count else { return false }
        return body(&head[head.count - 1])
    }

    mutating func removeFirst() {
        next += 1
        count -= 1
        refill()
    }

    /// Takes the first `count` out, in order; there are so many.
    mutating func take(_ count: Int, _ body: (ArraySlice<Element>) -> Void) {
        var left = count
        while left > 0 {
            let end = min(head.count, next + left)
            body(head[next..<end])
            left -= end - next
            self.count -= end - next
            next = end
            refill()
        }
    }

    /// The first elements, `count` at most, which stay.
    func prefix(_ count: Int, _ body: (Element) -> Bool) {
        var left = min(count, self.count)
        func visit(_ chunk: ArraySlice<Element>) -> Bool {
            for element in chunk.prefix(left) where !body(element) { return false }
            left -= min(left, chunk.count)
            return left > 0
        }
        guard left > 0, visit(head[next...]) else { return }
        for chunk in middle where !visit(chunk[...]) { return }
        _ = visit(tail[...])
    }

    private mutating func makeRoom(for count: Int) {
        guard !tail.isEmpty, tail.count + count > chunk else { return }
        middle.append(tail)
        tail = []
    }

    private mutating func refill() {
        guard next == head.count else { return }
        next = 0
        if let chunk = middle.popFirst() {
            head = chunk
        } else {
            head = []
            swap(&head, &tail)
        }
    }
}
