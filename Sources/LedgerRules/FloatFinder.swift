/// Where a Lua source makes floating-point numbers, found without running it: for who wonders why a price is refused,
/// or would not notice that one was rounded on the way.
enum FloatFinder {
    struct Place: Equatable {
        var line: Int
        var what: String
    }

    /// The first places, in the order of the source.
    static func places(in source: UnsafeBufferPointer<UInt8>, most: Int = 5) -> [Place] {
        var scanner = LuaScanner(source)
        var places: [Place] = []
        var slash: Int?  // where the last token was one
        var end = 0
        var line = 1
        func note(_ at: Int, _ what: String) {
            line += source[end..<at].count { $0 == 0x0A }
            end = at
            places.append(Place(line: line, what: what))
        }
        while places.count < most {
            let token = scanner.next()
            let at = scanner.tokenStart
            if let start = slash {
                slash = nil
                if case .sign(UInt8(ascii: "/")) = token, at == start + 1 { continue }  // divides integers
                note(start, "/ divides with a floating-point result; // divides integers")
                guard places.count < most else { break }
            }
            guard let token else { break }
            switch token {
            case .word: break
            case .sign(UInt8(ascii: "/")): slash = at
            case .sign(UInt8(ascii: "^")): note(at, "^ gives a floating-point number")
            case .sign: break
            case .literal:
                let text = source[at..<scanner.tokenEnd]
                let isHexadecimal = text.dropFirst().first.map { $0 | 0x20 } == UInt8(ascii: "x")
                let isFloat = text.contains {
                    $0 == UInt8(ascii: ".") || (!isHexadecimal && $0 | 0x20 == UInt8(ascii: "e"))
                        || (isHexadecimal && $0 | 0x20 == UInt8(ascii: "p"))
                }
                if text.first.map({ $0 &- 0x30 < 10 }) == true, isFloat {
                    note(at, "\(String(decoding: text.prefix(20), as: UTF8.self)) is a floating-point number")
                }
            }
        }
        return places
    }
}
