internal import LedgerScript

/// What can be said of Lua without running it.
package enum LuaSource {
    /// Whether it compiles, as statements or as an expression.
    package static func isWhole(_ text: String) -> Bool { isExpression(text) || compile(text) == nil }

    /// Whether more lines could make it whole.
    package static func isIncomplete(_ text: String) -> Bool {
        guard let asExpression = compile(expression + text), let asStatements = compile(text) else { return false }
        return ScriptVM.isIncomplete(asExpression) || ScriptVM.isIncomplete(asStatements)
    }

    static func isExpression(_ text: String) -> Bool { compile(expression + text) == nil }

    private static let expression = "return "

    private static func compile(_ text: String) -> ScriptError? {
        do throws(ScriptError) {
            _ = try Script(Array(text.utf8))
            return nil
        } catch {
            return error
        }
    }

    /// `line 2, column 7: …` for an error that a run of the source gave.
    ///
    /// Lua says the line, and what it met. Where that was while it compiled, the column is where the source up to there
    /// stops making sense. What makes no sense from its first word on was meant as an expression.
    ///
    /// `firstLine`: where the source begins in its input, for lines of more than one.
    static func located(_ error: ScriptError, in source: String, firstLine: Int = 1) -> String {
        guard error.kind == .source else {
            // What was raised without a place; and where the prelude raised it is nobody's business.
            let placeless = "lua: "
            guard error.text.hasPrefix(placeless) else {
                return located(error.text, in: source, firstLine, before: "").text
            }
            let text = error.text.dropFirst(placeless.count)
            guard text.hasPrefix("prelude:") else { return String(text) }
            return String(text.dropFirst("prelude:".count).drop { $0.isNumber }.drop { $0 == ":" || $0 == " " })
        }
        let asStatements = located(error.text, in: source, firstLine, before: "")
        guard asStatements.isAtStart, let asExpression = compile(expression + source) else { return asStatements.text }
        return located(asExpression.text, in: source, firstLine, before: expression).text
    }

    /// `isAtStart`: it complains of the very first word.
    private static func located(
        _ message: String, in source: String, _ firstLine: Int, before: String
    ) -> (text: String, isAtStart: Bool) {
        guard let (line, text) = split(message) else { return (message, false) }
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let isOneLine = lines.count == 1
        let shown = line + firstLine - 1
        guard (1...lines.count).contains(line), let near = near(text),
            let column = column(of: near, in: lines, line, before: before)
        else { return (isOneLine ? text : "line \(shown): \(text)", false) }
        return ((isOneLine ? "" : "line \(shown), ") + "column \(column): \(text)", line == 1 && column == 1)
    }

    /// `script:2: unexpected symbol near '='` → 2 and the rest.
    private static func split(_ message: String) -> (line: Int, text: String)? {
        let parts = message.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let line = Int(parts[1]) else { return nil }
        return (line, String(parts[2].drop { $0 == " " }))
    }

    private static func near(_ text: String) -> String? {
        guard let range = text.firstRange(of: " near '"), text.hasSuffix("'") else { return nil }
        return String(text[range.upperBound...].dropLast())
    }

    private static func column(of token: String, in lines: [Substring], _ line: Int, before: String) -> Int? {
        let above = before + lines[..<(line - 1)].map { $0 + "\n" }.joined()
        let text = lines[line - 1]
        for range in text.ranges(of: token) {
            guard let error = compile(above + text[..<range.upperBound]), !ScriptVM.isIncomplete(error) else {
                continue
            }
            return text.distance(from: text.startIndex, to: range.lowerBound) + 1
        }
        return nil
    }

    /// The names of a field or variable that an error complains of: `global 'leger'`, `field 'chrge'`.
    static func missingName(_ message: String) -> (name: String, isGlobal: Bool)? {
        for (mark, isGlobal) in [("(global '", true), ("(field '", false), ("(method '", false)] {
            guard let range = message.firstRange(of: mark) else { continue }
            return (String(message[range.upperBound...].prefix { $0 != "'" }), isGlobal)
        }
        return nil
    }
}
