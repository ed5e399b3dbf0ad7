/// An answer as clients see it: every type of RESP2 and RESP3.
///
/// Text that the server may fill with any bytes stays bytes; numbers beyond 64 bits and doubles stay the text they came
/// as, because nothing here computes with them and money never is a double.
package indirect enum RESPValue: Hashable, Sendable {
    case simple(String)
    case error(RESPError)
    case integer(Int64)
    case bulk([UInt8])
    case null
    case boolean(Bool)
    case double(String)
    case bigNumber(String)
    case verbatim(format: String, [UInt8])
    case array([RESPValue])
    case set([RESPValue])
    case map([RESPPair])
    /// Out of band: answers no command.
    case push([RESPValue])
    /// A value with attributes that most clients ignore.
    case attributed([RESPPair], RESPValue)
}

package struct RESPPair: Hashable, Sendable {
    package var key: RESPValue
    package var value: RESPValue

    package init(_ key: RESPValue, _ value: RESPValue) {
        self.key = key
        self.value = value
    }
}

/// `-CODE text`, taken apart. The code is the first word, and empty when that has anything but capitals.
package struct RESPError: Error, Hashable, Sendable, CustomStringConvertible {
    package var code: String
    package var message: String

    package init(code: String, message: String) {
        self.code = code
        self.message = message
    }

    package init(parsing text: String) {
        let word = text.prefix { $0 != " " }
        if !word.isEmpty, word.utf8.allSatisfy({ $0 >= 0x41 && $0 <= 0x5a }) {
            code = String(word)
            message = String(text.dropFirst(word.count).drop { $0 == " " })
        } else {
            code = ""
            message = text
        }
    }

    package var text: String {
        if code.isEmpty { return message }
        return message.isEmpty ? code : code + " " + message
    }

    package var description: String { text }
}

extension RESPValue {
    package static func text(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    /// The value without its attributes.
    package var plain: RESPValue {
        if case .attributed(_, let value) = self { return value.plain }
        return self
    }

    package var error: RESPError? {
        if case .error(let error) = plain { return error }
        return nil
    }

    /// Any scalar as text, invalid UTF-8 repaired; nil for null, errors and aggregates.
    package var string: String? {
        switch plain {
        case .simple(let text), .double(let text), .bigNumber(let text): text
        case .bulk(let bytes), .verbatim(_, let bytes): String(decoding: bytes, as: UTF8.self)
        case .integer(let number): String(number)
        case .boolean(let flag): flag ? "true" : "false"
        case .error, .null, .array, .set, .map, .push, .attributed: nil
        }
    }

    /// An integer, also where it came as text.
    package var integer: Int64? {
        if case .integer(let number) = plain { return number }
        return string.flatMap { Int64($0) }
    }

    /// The elements of an array, a set or a push.
    package var elements: [RESPValue]? {
        switch plain {
        case .array(let items), .set(let items), .push(let items): items
        case .simple, .error, .integer, .bulk, .null, .boolean, .double, .bigNumber, .verbatim, .map, .attributed: nil
        }
    }

    /// The pairs of a map, or of the flat array that is a map in RESP2.
    package var pairs: [RESPPair]? {
        switch plain {
        case .map(let pairs): pairs
        case .array(let items):
            items.count.isMultiple(of: 2)
                ? stride(from: 0, to: items.count, by: 2).map { RESPPair(items[$0], items[$0 + 1]) } : nil
        case .simple, .error, .integer, .bulk, .null, .boolean, .double, .bigNumber, .verbatim, .set, .push,
            .attributed:
            nil
        }
    }

    /// A field of a map (or of its flat RESP2 form). Linear in the number of fields.
    package subscript(_ key: String) -> RESPValue? {
        switch plain {
        case .map(let pairs):
            return pairs.first { $0.key.isText(key) }?.value
        case .array(let items):
            guard items.count.isMultiple(of: 2) else { return nil }
            for index in stride(from: 0, to: items.count, by: 2) where items[index].isText(key) {
                return items[index + 1]
            }
            return nil
        case .simple, .error, .integer, .bulk, .null, .boolean, .double, .bigNumber, .verbatim, .set, .push,
            .attributed:
            return nil
        }
    }

    private func isText(_ text: String) -> Bool {
        switch self {
        case .bulk(let bytes): bytes.elementsEqual(text.utf8)
        case .simple(let own): own == text
        case .error, .integer, .null, .boolean, .double, .bigNumber, .verbatim, .array, .set, .map, .push, .attributed:
            false
        }
    }
}
