/// The two generations of the protocol. RESP3 is asked for with `HELLO 3`.
package enum RESPVersion: UInt8, Sendable {
    case v2 = 2
    case v3 = 3
}

/// Appends frames to a growable buffer. Nothing is allocated but the buffer's growth; reusing the writer with
/// ``removeAll()`` allocates nothing at all.
///
/// What RESP2 lacks is written as clients of Redis expect it: maps as flat arrays, sets and pushes as arrays, booleans
/// as 1 and 0, null as `$-1`. An aggregate announces its count first; the elements follow by separate calls, and it is
/// the caller's business to write exactly as many.
package struct RESPWriter: Sendable {
    package var bytes: [UInt8] = []
    package var version: RESPVersion
    /// Keys so far in the innermost map that counts itself; ``openMap()`` and ``closeMap(from:pairs:)`` leave it alone.
    package var pairs = 0

    package init(version: RESPVersion = .v2, capacity: Int = 0) {
        self.version = version
        if capacity > 0 { bytes.reserveCapacity(capacity) }
    }

    package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

    // MARK: Scalars

    package mutating func ok() { append("+OK\r\n") }

    /// Text of one line; line ends in it become blanks.
    package mutating func simple(_ text: StaticString) {
        byte("+")
        appendOneLine(text.buffer)
        lineEnd()
    }

    @_disfavoredOverload  // a literal is a StaticString
    package mutating func simple(_ text: String) {
        byte("+")
        appendOneLine(text)
        lineEnd()
    }

    /// `-CODE text`; line ends become blanks.
    package mutating func error(code: StaticString, _ message: String) {
        byte("-")
        appendOneLine(code.buffer)
        byte(" ")
        appendOneLine(message)
        lineEnd()
    }

    /// An error whose text begins with its code already.
    @_disfavoredOverload  // a literal is a StaticString
    package mutating func error(_ text: String) {
        byte("-")
        appendOneLine(text)
        lineEnd()
    }

    package mutating func error(_ text: StaticString) {
        byte("-")
        appendOneLine(text.buffer)
        lineEnd()
    }

    package mutating func error(_ error: RequestError) { self.error(error.message) }

    package mutating func integer(_ value: Int64) { header(":", value) }
    package mutating func integer(_ value: Int) { header(":", Int64(value)) }

    package mutating func boolean(_ value: Bool) {
        switch version {
        case .v2: append(value ? ":1\r\n" : ":0\r\n")
        case .v3: append(value ? "#t\r\n" : "#f\r\n")
        }
    }

    package mutating func null() {
        switch version {
        case .v2: append("$-1\r\n")
        case .v3: append("_\r\n")
        }
    }

    /// Null where an aggregate was expected: RESP2 has a form of its own for it.
    package mutating func nullArray() {
        switch version {
        case .v2: append("*-1\r\n")
        case .v3: append("_\r\n")
        }
    }

    // MARK: Bulk strings

    package mutating func bulk(_ value: UnsafeRawBufferPointer) {
        // One reservation and plain stores: half the time of four appends.
        bytes.append(addingCapacity: Self.headerRoom + value.count + 2) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                let room = UnsafeMutableRawPointer(buffer.baseAddress!)
                count += Self.writeHeader("$", Int64(value.count), to: room + count)
                if let source = value.baseAddress { (room + count).copyMemory(from: source, byteCount: value.count) }
                count += value.count
                (room + count).storeBytes(of: 0x0d, as: UInt8.self)
                (room + count + 1).storeBytes(of: 0x0a, as: UInt8.self)
                count += 2
            }
        }
    }

    package mutating func bulk(_ value: [UInt8]) { value.withUnsafeBytes { bulk($0) } }

    package mutating func bulk(_ value: StaticString) { bulk(value.buffer) }

    @_disfavoredOverload  // a literal is a StaticString
    package mutating func bulk(_ value: String) {
        var value = value
        value.withUTF8 { bulk(UnsafeRawBufferPointer($0)) }
    }

    /// An integer as decimal text.
    package mutating func bulk(_ value: Int64) { bulk { $0.append(decimal: value) } }

    /// A bulk string that `body` appends to the buffer it is given; it must only append. The length is filled in
    /// afterwards, which costs a short move unless the text has 10 to 99 bytes.
    package mutating func bulk(appendedBy body: (inout [UInt8]) -> Void) {
        let start = bytes.count
        append("$00\r\n")
        let begin = bytes.count
        body(&bytes)
        precondition(bytes.count >= begin, "the body of a bulk removed bytes")
        setCount(bytes.count - begin, of: start)
        lineEnd()
    }

    /// Text with a three-letter format, `txt` or `mkd`; in RESP2 plain bulk.
    package mutating func verbatim(_ text: String, format: StaticString = "txt") {
        guard version == .v3 else { return bulk(text) }
        precondition(format.utf8CodeUnitCount == 3, "a verbatim format has other than three letters")
        var text = text
        text.withUTF8 {
            header("=", Int64($0.count + 4))
            bytes.append(contentsOf: format.buffer)
            byte(":")
            bytes.append(contentsOf: $0)
        }
        lineEnd()
    }

    // MARK: Aggregates

    package mutating func array(_ count: Int) { header("*", Int64(count)) }

    /// `count` pairs follow as key, value, key, value.
    package mutating func map(_ count: Int) {
        switch version {
        case .v2: header("*", Int64(count) * 2)
        case .v3: header("%", Int64(count))
        }
    }

    /// Begins a map whose pairs are counted while they are written: for ``closeMap(from:pairs:)``.
    package mutating func openMap() -> Int {
        let start = bytes.count
        append(version == .v2 ? "*00\r\n" : "%00\r\n")
        return start
    }

    /// Ends the map that begins at `start`. Costs a short move unless its header has two digits, as most receipts' do.
    package mutating func closeMap(from start: Int, pairs: Int) {
        setCount(version == .v2 ? pairs * 2 : pairs, of: start)
    }

    package mutating func set(_ count: Int) { header(version == .v2 ? "*" : "~", Int64(count)) }

    /// Out of band: it answers no command. In RESP2 an array, so only for connections that subscribed to it.
    package mutating func push(_ count: Int) { header(version == .v2 ? "*" : ">", Int64(count)) }

    // MARK: Requests and whole values

    /// A request: an array of bulk strings, the same in both versions.
    package mutating func command(_ words: [[UInt8]]) {
        array(words.count)
        for word in words { bulk(word) }
    }

    /// A whole value, as a port inside the process answers it. Costs recursion as deep as the value.
    package mutating func value(_ value: RESPValue) {
        switch value {
        case .simple(let text): simple(text)
        case .error(let failure): error(failure.text)
        case .integer(let number): integer(number)
        case .bulk(let text): bulk(text)
        case .null: null()
        case .boolean(let flag): boolean(flag)
        case .double(let text):
            if version == .v2 { bulk(text) } else { line(",", text) }
        case .bigNumber(let text):
            if version == .v2 { bulk(text) } else { line("(", text) }
        case .verbatim(let format, let text):
            if version == .v2 {
                bulk(text)
            } else {
                header("=", Int64(format.utf8.count + 1 + text.count))
                bytes.append(contentsOf: format.utf8)
                byte(":")
                bytes.append(contentsOf: text)
                lineEnd()
            }
        case .array(let items):
            array(items.count)
            for item in items { self.value(item) }
        case .set(let items):
            set(items.count)
            for item in items { self.value(item) }
        case .push(let items):
            push(items.count)
            for item in items { self.value(item) }
        case .map(let pairs):
            map(pairs.count)
            for pair in pairs {
                self.value(pair.key)
                self.value(pair.value)
            }
        case .attributed(let pairs, let item):
            if version == .v3 {
                header("|", Int64(pairs.count))
                for pair in pairs {
                    self.value(pair.key)
                    self.value(pair.value)
                }
            }
            self.value(item)
        }
    }

    // MARK: Helpers

    @inline(__always)
    private mutating func byte(_ scalar: Unicode.Scalar) { bytes.append(UInt8(truncatingIfNeeded: scalar.value)) }

    @inline(__always)
    private mutating func lineEnd() {
        bytes.append(0x0d)
        bytes.append(0x0a)
    }

    @inline(__always)
    private mutating func append(_ text: StaticString) { bytes.append(contentsOf: text.buffer) }

    @inline(__always)
    private mutating func header(_ type: Unicode.Scalar, _ number: Int64) {
        bytes.append(addingCapacity: Self.headerRoom) { span in
            span.withUnsafeMutableBufferPointer { buffer, count in
                count += Self.writeHeader(type, number, to: UnsafeMutableRawPointer(buffer.baseAddress! + count))
            }
        }
    }

    /// A type, the longest number and a line end.
    private static let headerRoom = 24

    /// Writes into room of at least `headerRoom` bytes, answers how many were used.
    @inline(__always)
    private static func writeHeader(_ type: Unicode.Scalar, _ number: Int64, to room: UnsafeMutableRawPointer) -> Int {
        let bytes = room.assumingMemoryBound(to: UInt8.self)
        bytes[0] = UInt8(truncatingIfNeeded: type.value)
        var used = 1
        if number >= 0, number < 10 {
            bytes[1] = 0x30 + UInt8(truncatingIfNeeded: number)
            used = 2
        } else {
            if number < 0 {
                bytes[1] = UInt8(ascii: "-")
                used = 2
            }
            var magnitude = number.magnitude
            var digits = 1
            var bound: UInt64 = 10
            while digits < 19, magnitude >= bound {  // no Int64 has more than 19
                digits += 1
                bound = bound &* 10
            }
            var index = used + digits
            used = index
            repeat {
                index -= 1
                bytes[index] = 0x30 + UInt8(truncatingIfNeeded: magnitude % 10)
                magnitude /= 10
            } while magnitude > 0
        }
        bytes[used] = 0x0d
        bytes[used + 1] = 0x0a
        return used + 2
    }

    private mutating func line(_ type: Unicode.Scalar, _ text: String) {
        byte(type)
        appendOneLine(text)
        lineEnd()
    }

    private mutating func appendOneLine(_ text: String) {
        var text = text
        text.withUTF8 { appendOneLine(UnsafeRawBufferPointer($0)) }
    }

    private mutating func appendOneLine(_ text: UnsafeRawBufferPointer) {
        for byte in text { bytes.append(byte == 0x0d || byte == 0x0a ? 0x20 : byte) }
    }

    /// Puts the true count into the header of two digits at `start`, and moves what follows where it has other than
    /// two.
    private mutating func setCount(_ count: Int, of start: Int) {
        if count >= 10 && count <= 99 {
            bytes[start + 1] = UInt8(ascii: "0") + UInt8(count / 10)
            bytes[start + 2] = UInt8(ascii: "0") + UInt8(count % 10)
        } else if count < 10 {
            bytes[start + 1] = UInt8(ascii: "0") + UInt8(count)
            bytes.remove(at: start + 2)
        } else {
            var digits: [UInt8] = []
            digits.append(decimal: Int64(count))
            bytes.replaceSubrange(start + 1..<start + 3, with: digits)
        }
    }
}

extension StaticString {
    /// The text's bytes; they live as long as the program.
    fileprivate var buffer: UnsafeRawBufferPointer {
        precondition(hasPointerRepresentation, "a one-scalar static string has no bytes to point at")
        return UnsafeRawBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}

extension [UInt8] {
    /// Appends an integer as decimal text.
    package mutating func append(decimal value: Int64) {
        if value >= 0 && value < 10 { return append(UInt8(ascii: "0") + UInt8(value)) }
        if value < 0 { append(UInt8(ascii: "-")) }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var index = 20
        var magnitude = value.magnitude
        repeat {
            index -= 1
            digits[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: magnitude % 10)
            magnitude /= 10
        } while magnitude > 0
        while index < 20 {
            append(digits[index])
            index += 1
        }
    }
}
