/// One description of a record's fields serves both directions: a type lists its fields once, in order, in
/// `code(with:)`, and a ``Coder`` either appends them or reads them back. So an encoder and its decoder cannot drift
/// apart.
///
/// Integers are LEB128 varints (signed ones zigzag first), hashes are fixed little-endian words, byte strings carry a
/// varint length. There are two shapes: events lie one field after the other (``ByteWriter``, ``ByteReader``), rows of
/// a snapshot lie in columns (``ColumnWriter``, ``ColumnReader``), where equal kinds of bytes meet and compress well.
///
/// A coder carries the version in which a record was, or is to be, written: a field that came with version 2 stands
/// behind `if c.version >= 2`, and so every version that was ever written can be read.
package protocol Coder {
    associatedtype Failure: Error
    /// Of the event type or snapshot section that is being coded. Writers write the newest.
    var version: UInt8 { get set }
    mutating func unsigned(_ value: inout UInt64) throws(Failure)
    mutating func fixed(_ value: inout UInt64) throws(Failure)
    mutating func bytes(_ value: inout [UInt8]) throws(Failure)
    mutating func text(_ value: inout ShortText) throws(Failure)
    /// Called by a field that read a value which its type does not know.
    mutating func fail(_ reason: StaticString) throws(Failure)
}

extension Coder {
    /// Whether it reads values back. Writing cannot fail.
    @inline(__always) static var reads: Bool { Failure.self != Never.self }
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

extension Coder {
    package mutating func personal(_ value: inout PersonalText) throws(Failure) {
        var sealed = value.sealedBytes
        try bytes(&sealed)
        value = PersonalText(sealed: sealed)
    }
    package mutating func optional<T: Recordable>(_ value: inout T?, blank: @autoclosure () -> T) throws(Failure) {
        var present = value != nil
        try bool(&present)
        guard present else {
            value = nil
            return
        }
        var filled = value ?? blank()
        try filled.code(with: &self)
        if Self.reads { value = filled }
    }
    package mutating func rule(_ value: inout RuleIdentity) throws(Failure) { try digest(&value.digest) }
}

extension Coder {
    /// Numbers of events, ascending, as distances.
    package mutating func numbers(_ value: inout [LSN]) throws(Failure) {
        var count = UInt64(value.count)
        try unsigned(&count)
        guard count <= 1 << 20 else { return try fail("a list is too long") }
        if count != UInt64(value.count) { value = Array(repeating: .none, count: Int(count)) }
        var before: UInt64 = 0
        for index in value.indices {
            var distance = value[index].value &- before
            try unsigned(&distance)
            before = before &+ distance
            value[index] = LSN(before)
        }
    }
}
