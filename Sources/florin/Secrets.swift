/// Passports in text that people or log files get to see.
enum Secrets {
    /// Replaces what follows the public part of every passport in a text: `fl_0Ab3dE6gH9_…`. A cut or mistyped one is
    /// masked as well.
    static func masked(_ text: String) -> String {
        guard text.utf8.count >= 3, text.contains("fl_") else { return text }
        var result = ""
        var rest = Substring(text)
        while let start = rest.range(of: "fl_") {
            result += rest[..<start.upperBound]
            rest = rest[start.upperBound...]
            let secret = rest.prefix { $0 == "_" || ($0.isASCII && ($0.isLetter || $0.isNumber)) }
            rest = rest[secret.endIndex...]
            if secret.count > 10 {
                result += secret.prefix(10) + "_…"
            } else {
                result += secret.isEmpty ? "" : "…"
            }
        }
        return result + rest
    }
}

extension Substring {
    /// The first place where `text` stands; no Foundation needed.
    fileprivate func range(of text: String) -> Range<Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index..<self.index(index, offsetBy: text.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
