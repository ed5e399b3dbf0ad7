/// A JSON object, written field by field.
package struct JSONText {
    private var fields: [String] = []

    package init() {}

    package var text: String { "{" + fields.joined(separator: ",") + "}" }

    package mutating func add(_ name: String, text: String) {
        fields.append("\(Self.quoted(name)):\(Self.quoted(text))")
    }
    package mutating func add(_ name: String, number: Int) { fields.append("\(Self.quoted(name)):\(number)") }
    package mutating func add(_ name: String, flag: Bool) { fields.append("\(Self.quoted(name)):\(flag)") }
    /// A value that is JSON already.
    package mutating func add(_ name: String, raw: String) { fields.append("\(Self.quoted(name)):\(raw)") }

    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where scalar.value < 0x20:
                let digits = Array("0123456789abcdef")
                result += "\\u00" + String([digits[Int(scalar.value >> 4)], digits[Int(scalar.value & 15)]])
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
