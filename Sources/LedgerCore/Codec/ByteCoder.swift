/// Appends to a buffer that its owner reuses; allocates only when that buffer grows.
package struct ByteWriter: Coder {
    package typealias Failure = Never
    package var version: UInt8
    package var output: [UInt8]

    package init(output: [UInt8] = [], version: UInt8 = 0) {
        self.output = output
        self.version = version
    }

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
    package var version: UInt8
    private let input: UnsafeRawBufferPointer
    package private(set) var position = 0

    /// The bytes must outlive the reader.
    package init(_ input: UnsafeRawBufferPointer, version: UInt8 = 0) {
        self.input = input
        self.version = version
    }

    package var isAtEnd: Bool { position == input.count }

    @inline(__always)
    package mutating func unsigned(_ value: inout UInt64) throws(StateError) {
        // Most numbers are one byte.
        if position < input.count, input[position] < 0x80 {
            value = UInt64(input[position])
            position += 1
        } else {
            try longUnsigned(&value)
        }
    }

    @inline(never)
    private mutating func longUnsigned(_ value: inout UInt64) throws(StateError) {
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
