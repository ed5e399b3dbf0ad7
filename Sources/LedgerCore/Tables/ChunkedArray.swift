/// An array in chunks that never move: growing to millions of elements copies none of them, where an array that doubles
/// would keep the ledger waiting for as long as all of them take. Elements go at the back, one at a time, and at the
/// front, a chunk at a time; the position of an element stays its own.
struct ChunkedArray<Element> {
    private static var chunkBits: Int { 10 }
    private static var chunkCount: Int { 1 << chunkBits }

    private var chunks: ContiguousArray<ContiguousArray<Element>> = []
    /// The position of the first element that is there: a multiple of a chunk's length.
    private(set) var start = 0
    /// One behind the last.
    private(set) var end = 0

    var count: Int { end - start }
    var isEmpty: Bool { end == start }
    var positions: Range<Int> { start..<end }

    /// Traps outside of ``positions``.
    subscript(position: Int) -> Element {
        @inline(__always) get {
            let place = position - start
            return chunks[place >> Self.chunkBits][place & (Self.chunkCount - 1)]
        }
        @inline(__always) set {
            let place = position - start
            chunks[place >> Self.chunkBits][place & (Self.chunkCount - 1)] = newValue
        }
    }

    mutating func append(_ element: Element) {
        if count == chunks.count << Self.chunkBits {
            var chunk = ContiguousArray<Element>()
            chunk.reserveCapacity(Self.chunkCount)
            chunks.append(chunk)
        }
        chunks[chunks.count - 1].append(element)
        end += 1
    }

    /// Traps when there is none.
    @discardableResult
    mutating func removeLast() -> Element {
        let element = chunks[chunks.count - 1].removeLast()
        if chunks[chunks.count - 1].isEmpty { chunks.removeLast() }
        end -= 1
        return element
    }

    /// Gives back the chunks that lie before a position as a whole.
    mutating func drop(before position: Int) {
        let whole = (min(position, end) - start) >> Self.chunkBits
        guard whole > 0 else { return }
        chunks.removeFirst(whole)
        start += whole << Self.chunkBits
    }
}
