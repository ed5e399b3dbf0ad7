/// Writes rows in columns: the n-th field of every row goes to the n-th column. Reading follows the same path through
/// the fields, so rows whose number of fields depends on their content come back as well.
package struct ColumnWriter: Coder {
    package typealias Failure = Never
    package var version: UInt8
    /// Those from `used` on are of no row since the last frame: their memory serves the next.
    private var columns: [ByteWriter] = []
    private var used = 0
    private var next = 0
    package private(set) var rows = 0

    package init(version: UInt8 = 0) { self.version = version }

    package mutating func row<T: Recordable>(_ row: inout T) {
        next = 0
        row.code(with: &self)
        used = max(used, next)
        rows += 1
    }

    /// The frame: number of columns, their lengths, then the columns themselves. Empties the writer.
    package mutating func finish() -> [UInt8] {
        var frame = ByteWriter()
        frame.output.reserveCapacity(columns[..<used].reduce(5) { $0 + $1.output.count + 5 })
        var count = UInt64(used)
        frame.unsigned(&count)
        for column in columns[..<used] {
            var length = UInt64(column.output.count)
            frame.unsigned(&length)
        }
        for index in 0..<used {
            frame.output.append(contentsOf: columns[index].output)
            columns[index].output.removeAll(keepingCapacity: true)
        }
        (used, rows) = (0, 0)
        return frame.output
    }

    private mutating func column() -> Int {
        if next == columns.count { columns.append(ByteWriter()) }
        next += 1
        return next - 1
    }

    package mutating func unsigned(_ value: inout UInt64) { columns[column()].unsigned(&value) }
    package mutating func fixed(_ value: inout UInt64) { columns[column()].fixed(&value) }
    package mutating func bytes(_ value: inout [UInt8]) { columns[column()].bytes(&value) }
    package mutating func text(_ value: inout ShortText) { columns[column()].text(&value) }
    package mutating func fail(_ reason: StaticString) { preconditionFailure("encoding: \(reason)") }
}

package struct ColumnReader: Coder {
    package typealias Failure = StateError
    package var version: UInt8
    private var columns: [ByteReader] = []
    private var next = 0

    /// The bytes must outlive the reader.
    package init(_ input: UnsafeRawBufferPointer, version: UInt8 = 0) throws(StateError) {
        self.version = version
        var header = ByteReader(input)
        var count: UInt64 = 0
        try header.unsigned(&count)
        guard count <= 1 << 20 else { throw StateError("a frame claims \(count) columns") }
        var lengths: [Int] = []
        for _ in 0..<count {
            var length: UInt64 = 0
            try header.unsigned(&length)
            guard length <= UInt64(input.count) else { throw StateError("a column runs past the end of its frame") }
            lengths.append(Int(length))
        }
        var start = header.position
        for length in lengths {
            guard length <= input.count - start else { throw StateError("a column runs past the end of its frame") }
            columns.append(ByteReader(UnsafeRawBufferPointer(rebasing: input[start..<start + length])))
            start += length
        }
        guard start == input.count else { throw StateError("a frame has \(input.count - start) bytes too many") }
    }

    package mutating func row<T: Recordable>(_ row: inout T) throws(StateError) {
        next = 0
        try row.code(with: &self)
    }

    package var isAtEnd: Bool { columns.allSatisfy(\.isAtEnd) }

    private mutating func column() throws(StateError) -> Int {
        guard next < columns.count else { throw StateError("a row has more fields than its frame") }
        next += 1
        return next - 1
    }

    package mutating func unsigned(_ value: inout UInt64) throws(StateError) {
        try columns[try column()].unsigned(&value)
    }
    package mutating func fixed(_ value: inout UInt64) throws(StateError) { try columns[try column()].fixed(&value) }
    package mutating func bytes(_ value: inout [UInt8]) throws(StateError) { try columns[try column()].bytes(&value) }
    package mutating func text(_ value: inout ShortText) throws(StateError) { try columns[try column()].text(&value) }
    package mutating func fail(_ reason: StaticString) throws(StateError) { throw StateError("\(reason)") }
}
