internal import NIOCore

/// Texts that stand one after the other in one block, each found by its number.
struct ByteTable: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var offsets: [Int] = [0]
    /// Of the longest.
    private(set) var longest = 0

    var count: Int { offsets.count - 1 }

    mutating func append(_ text: [UInt8]) {
        bytes += text
        offsets.append(bytes.count)
        longest = max(longest, text.count)
    }
}

/// A command as bytes of RESP with gaps, encoded once before the load. Rendering copies the bytes and fills the gaps
/// with what an operation drew: some 100 ns, no allocation.
struct CommandTemplate: Sendable {
    private struct Part: Sendable {
        enum Kind: UInt8 {
            /// Bytes of the blob.
            case constant
            /// A whole word: its length, a prefix, a number, a suffix.
            case number
            /// The variable's element of a table, encoded.
            case element
        }
        var kind: Kind
        var variable: Int32 = 0
        var table: Int32 = 0
        var start: Int32 = 0
        var count: Int32 = 0
        var suffix: Int32 = 0
        var width: Int32 = 0
    }

    private var blob: [UInt8] = []
    private var parts: [Part] = []
    private var tables: [ByteTable] = []
    /// Bytes that a rendered command has at most.
    private(set) var maximumLength = 0
    private var constantStart = 0

    /// What set-up and run give to the words: lists that were kept, digests of scripts, and a tag that no other run
    /// has.
    struct Context: Sendable {
        var lists: [String: [[UInt8]]] = [:]
        var digests: [String: String] = [:]
        var runTag = ""
    }

    /// Throws where a list is too short for the keys that are picked.
    init(_ words: [Word], variables: [Variable], _ context: Context) throws(LoadError) {
        constant(Array("*\(words.count)\r\n".utf8))
        for word in words {
            switch word {
            case .bytes(let bytes): constant(Self.bulk(bytes))
            case .digest(let script): constant(Self.bulk(Array((context.digests[script] ?? "").utf8)))
            case .number(let variable, let format): number(variable, format)
            case .unique(let variable, let prefix):
                var format = NumberFormat()
                format.prefix = prefix + Array("\(context.runTag)-".utf8)
                number(variable, format)
            case .choice(let texts, let variable):
                var table = ByteTable()
                for text in texts { table.append(Self.bulk(text)) }
                element(variable, table)
            case .member(let list, let variable):
                let kept = context.lists[list] ?? []
                guard case .key(let keys) = variables[variable], kept.count >= keys.count else {
                    throw .usage("the set-up kept \(kept.count) values in '\(list)', fewer than there are keys to pick")
                }
                var table = ByteTable()
                for text in kept { table.append(Self.bulk(text)) }
                element(variable, table)
            }
        }
        closeConstant()
    }

    /// Commands that were made ahead: the variable's one is sent.
    init(ahead commands: [[[UInt8]]], variable: Int) {
        var table = ByteTable()
        for words in commands {
            table.append(Array("*\(words.count)\r\n".utf8) + words.flatMap(Self.bulk))
        }
        element(variable, table)
    }

    /// Nothing varies in it.
    var isConstant: Bool { parts.allSatisfy { $0.kind == .constant } }

    /// Writes the command with these values of the variables.
    func render(_ values: UnsafePointer<UInt64>, into buffer: inout ByteBuffer) {
        _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: maximumLength) { room in
            blob.withUnsafeBytes { blob in
                var out = room.baseAddress!
                for part in parts {
                    switch part.kind {
                    case .constant:
                        out.copyMemory(from: blob.baseAddress! + Int(part.start), byteCount: Int(part.count))
                        out += Int(part.count)
                    case .number:
                        Self.write(part, values[Int(part.variable)], blob, &out)
                    case .element:
                        let table = tables[Int(part.table)]
                        let number = Int(truncatingIfNeeded: values[Int(part.variable)])
                        let start = table.offsets[number]
                        let count = table.offsets[number + 1] - start
                        table.bytes.withUnsafeBytes {
                            out.copyMemory(from: $0.baseAddress! + start, byteCount: count)
                        }
                        out += count
                    }
                }
                return out - room.baseAddress!
            }
        }
    }

    private static func write(
        _ part: Part, _ value: UInt64, _ blob: UnsafeRawBufferPointer, _ out: inout UnsafeMutableRawPointer
    ) {
        let signed = Int64(bitPattern: value)
        let magnitude = signed.magnitude
        let sign = signed < 0 ? 1 : 0
        let digits = max(decimalDigits(magnitude), Int(part.width) - sign)
        append(UInt8(ascii: "$"), &out)
        let length = UInt64(Int(part.count) + sign + digits + Int(part.suffix))
        append(length, digits: decimalDigits(length), &out)
        newLine(&out)
        out.copyMemory(from: blob.baseAddress! + Int(part.start), byteCount: Int(part.count))
        out += Int(part.count)
        if sign == 1 { append(UInt8(ascii: "-"), &out) }
        append(magnitude, digits: digits, &out)
        out.copyMemory(from: blob.baseAddress! + Int(part.start) + Int(part.count), byteCount: Int(part.suffix))
        out += Int(part.suffix)
        newLine(&out)
    }

    private static func append(_ byte: UInt8, _ out: inout UnsafeMutableRawPointer) {
        out.storeBytes(of: byte, as: UInt8.self)
        out += 1
    }

    private static func newLine(_ out: inout UnsafeMutableRawPointer) {
        append(13, &out)
        append(10, &out)
    }

    private static func append(_ value: UInt64, digits: Int, _ out: inout UnsafeMutableRawPointer) {
        var rest = value
        for position in stride(from: digits - 1, through: 0, by: -1) {
            let (quotient, digit) = rest.quotientAndRemainder(dividingBy: 10)
            out.storeBytes(of: UInt8(48 + digit), toByteOffset: position, as: UInt8.self)
            rest = quotient
        }
        out += digits
    }

    static func decimalDigits(_ value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    // MARK: Building

    private static func bulk(_ bytes: [UInt8]) -> [UInt8] {
        Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10]
    }

    private mutating func constant(_ bytes: [UInt8]) { blob += bytes }

    /// What was added to the blob since the last gap is one part.
    private mutating func closeConstant() {
        let count = blob.count - constantStart
        guard count > 0 else { return }
        parts.append(Part(kind: .constant, start: Int32(constantStart), count: Int32(count)))
        maximumLength += count
        constantStart = blob.count
    }

    private mutating func number(_ variable: Int, _ format: NumberFormat) {
        closeConstant()
        var part = Part(kind: .number, variable: Int32(variable))
        part.start = Int32(blob.count)
        part.count = Int32(format.prefix.count)
        part.suffix = Int32(format.suffix.count)
        part.width = Int32(format.width)
        blob += format.prefix + format.suffix
        constantStart = blob.count
        parts.append(part)
        maximumLength += format.prefix.count + format.suffix.count + 48
    }

    private mutating func element(_ variable: Int, _ table: ByteTable) {
        closeConstant()
        parts.append(Part(kind: .element, variable: Int32(variable), table: Int32(tables.count)))
        tables.append(table)
        maximumLength += table.longest
    }
}
