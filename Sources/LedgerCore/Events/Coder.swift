/// One description of a record's fields serves both directions: a type lists its fields once, in order, in
/// `code(with:)`, and a ``Coder`` either appends them or reads them back. So an encoder and its decoder cannot drift
/// apart.
///
/// Integers are LEB128 varints (signed ones zigzag first), hashes are fixed little-endian words, byte strings carry a
/// varint length. There are two shapes: events lie one field after the other (``ByteWriter``, ``ByteReader``), rows of
/// a snapshot lie in columns (``ColumnWriter``, ``ColumnReader``), where equal kinds of bytes meet and compress well.
package protocol Coder {
    associatedtype Failure: Error
    mutating func unsigned(_ value: inout UInt64) throws(Failure)
    mutating func fixed(_ value: inout UInt64) throws(Failure)
    mutating func bytes(_ value: inout [UInt8]) throws(Failure)
    mutating func text(_ value: inout ShortText) throws(Failure)
    /// Called by a field that read a value which its type does not know.
    mutating func fail(_ reason: StaticString) throws(Failure)
}

/// A type that lists its fields once, for both directions.
package protocol Recordable {
    mutating func code<C: Coder>(with c: inout C) throws(C.Failure)
}

extension Coder {
    @inline(__always) package mutating func signed(_ value: inout Int64) throws(Failure) {
        var zigzag = UInt64(bitPattern: value &<< 1 ^ value &>> 63)
        try unsigned(&zigzag)
        value = Int64(bitPattern: zigzag &>> 1) ^ -Int64(bitPattern: zigzag & 1)
    }
    @inline(__always) package mutating func small<T: FixedWidthInteger & UnsignedInteger>(_ value: inout T)
        throws(Failure)
    {
        var wide = UInt64(value)
        try unsigned(&wide)
        if let narrow = T(exactly: wide) { value = narrow } else { try fail("a number is too large for its field") }
    }
    package mutating func bool(_ value: inout Bool) throws(Failure) {
        var byte: UInt8 = value ? 1 : 0
        try small(&byte)
        value = byte != 0
    }
    package mutating func wide(_ value: inout Int128) throws(Failure) {
        var high = Int64(truncatingIfNeeded: value >> 64)
        var low = UInt64(truncatingIfNeeded: value)
        try signed(&high)
        try unsigned(&low)
        value = Int128(high) << 64 | Int128(low)
    }
    package mutating func money(_ value: inout Money) throws(Failure) { try signed(&value.nanos) }
    package mutating func time(_ value: inout Timestamp) throws(Failure) { try signed(&value.nanoseconds) }
    package mutating func span(_ value: inout TimeSpan) throws(Failure) { try signed(&value.nanoseconds) }
    package mutating func lsn(_ value: inout LSN) throws(Failure) { try unsigned(&value.value) }
    package mutating func id(_ value: inout BirthID) throws(Failure) { try unsigned(&value.value) }
    package mutating func user(_ value: inout UserOrdinal) throws(Failure) { try small(&value.value) }
    package mutating func passport(_ value: inout PassportOrdinal) throws(Failure) { try small(&value.value) }
    package mutating func hash(_ value: inout Hash128) throws(Failure) {
        try fixed(&value.high)
        try fixed(&value.low)
    }
    package mutating func digest(_ value: inout Digest256) throws(Failure) {
        try fixed(&value.words.a)
        try fixed(&value.words.b)
        try fixed(&value.words.c)
        try fixed(&value.words.d)
    }
    package mutating func choice<T: RawRepresentable>(_ value: inout T) throws(Failure) where T.RawValue == UInt8 {
        var raw = value.rawValue
        try small(&raw)
        if let known = T(rawValue: raw) { value = known } else { try fail("a code is unknown to this version") }
    }
    package mutating func list<T: Recordable>(_ value: inout [T], blank: @autoclosure () -> T) throws(Failure) {
        var count = UInt64(value.count)
        try unsigned(&count)
        guard count != UInt64(value.count) else {
            for index in value.indices { try value[index].code(with: &self) }
            return
        }
        guard count <= 1 << 20 else { return try fail("a list is too long") }
        value.removeAll()
        for _ in 0..<count {
            var item = blank()
            try item.code(with: &self)
            value.append(item)
        }
    }
}

// MARK: - Events: one field after the other

/// Appends to a buffer that its owner reuses; allocates only when that buffer grows.
package struct ByteWriter: Coder {
    package typealias Failure = Never
    package var output: [UInt8]

    package init(output: [UInt8] = []) { self.output = output }

    package mutating func unsigned(_ value: inout UInt64) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(rest))
    }
    package mutating func fixed(_ value: inout UInt64) {
        withUnsafeBytes(of: value.littleEndian) { output.append(contentsOf: $0) }
    }
    package mutating func bytes(_ value: inout [UInt8]) {
        var count = UInt64(value.count)
        unsigned(&count)
        output.append(contentsOf: value)
    }
    package mutating func text(_ value: inout ShortText) {
        output.append(value.count)
        value.append(to: &output)
    }
    package mutating func fail(_ reason: StaticString) { preconditionFailure("encoding: \(reason)") }
}

/// Reads what ``ByteWriter`` wrote. Every length is checked against what is there before it is believed.
package struct ByteReader: Coder {
    package typealias Failure = StateError
    private let input: UnsafeRawBufferPointer
    package private(set) var position = 0

    /// The bytes must outlive the reader.
    package init(_ input: UnsafeRawBufferPointer) { self.input = input }

    package var isAtEnd: Bool { position == input.count }

    package mutating func unsigned(_ value: inout UInt64) throws(StateError) {
        var result: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < input.count, shift < 64 else {
                throw StateError("a number runs past the end of its record")
            }
            let byte = input[position]
            position += 1
            if shift == 63, byte > 1 { throw StateError("a number does not fit in 64 bits") }
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        value = result
    }
    package mutating func fixed(_ value: inout UInt64) throws(StateError) {
        guard input.count - position >= 8 else { throw StateError("a word runs past the end of its record") }
        value = UInt64(littleEndian: input.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        position += 8
    }
    package mutating func bytes(_ value: inout [UInt8]) throws(StateError) {
        var count: UInt64 = 0
        try unsigned(&count)
        guard count <= UInt64(input.count - position) else {
            throw StateError("a byte string runs past the end of its record")
        }
        value = Array(input[position..<position + Int(count)])
        position += Int(count)
    }
    package mutating func text(_ value: inout ShortText) throws(StateError) {
        guard position < input.count else { throw StateError("a text runs past the end of its record") }
        let count = Int(input[position])
        guard count <= ShortText.capacity, count < input.count - position else {
            throw StateError("a text runs past the end of its record")
        }
        value = ShortText(UnsafeRawBufferPointer(rebasing: input[position + 1..<position + 1 + count]))!
        position += 1 + count
    }
    package mutating func fail(_ reason: StaticString) throws(StateError) { throw StateError("\(reason)") }
}

// MARK: - Rows: in columns

/// Writes rows in columns: the n-th field of every row goes to the n-th column. Reading follows the same path through
/// the fields, so rows whose number of fields depends on their content come back as well.
package struct ColumnWriter: Coder {
    package typealias Failure = Never
    private var columns: [ByteWriter] = []
    private var next = 0
    package private(set) var rows = 0

    package init() {}

    package mutating func row<T: Recordable>(_ row: inout T) {
        next = 0
        row.code(with: &self)
        rows += 1
    }

    /// The frame: number of columns, their lengths, then the columns themselves. Empties the writer.
    package mutating func finish() -> [UInt8] {
        var frame = ByteWriter()
        var count = UInt64(columns.count)
        frame.unsigned(&count)
        for column in columns {
            var length = UInt64(column.output.count)
            frame.unsigned(&length)
        }
        for column in columns { frame.output.append(contentsOf: column.output) }
        columns.removeAll(keepingCapacity: true)
        rows = 0
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
    private var columns: [ByteReader] = []
    private var next = 0

    /// The bytes must outlive the reader.
    package init(_ input: UnsafeRawBufferPointer) throws(StateError) {
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
