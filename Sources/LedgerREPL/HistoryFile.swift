internal import Glibc
internal import RESP

/// Lines typed before, one per line, readable by their owner alone; a line end within one is a vertical tab there. A
/// convenience: whatever goes wrong with it is not worth an error, and a secret is worth more than a convenience.
package struct HistoryFile: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// `$XDG_STATE_HOME/florin/history`, or the same below `~/.local/state`; nil without a home.
    package static func defaultPath(environment: (String) -> String?) -> String? {
        if let state = environment("XDG_STATE_HOME"), state.hasPrefix("/") { return state + "/florin/history" }
        if let home = environment("HOME"), home.hasPrefix("/") { return home + "/.local/state/florin/history" }
        return nil
    }

    /// Whether a line may be remembered. Not: passports and whatever is given to AUTH, lines that begin with a blank
    /// (as in shells), empty lines.
    package static func keeps(_ line: String) -> Bool {
        guard let first = line.first, !first.isWhitespace, !line.contains("\0"), !line.contains("\u{b}") else {
            return false
        }
        if line.lowercased().contains("fl_") || namesAuth(line.lowercased()) { return false }
        // Where the quotes don't balance nobody knows the words, so the bare letters count.
        guard let words = InlineWords.split(line) else { return !line.lowercased().contains("auth") }
        return !words.contains { String(decoding: $0, as: UTF8.self).lowercased() == "auth" }
    }

    /// `ledger.auth "…"`: Lua's way to say it.
    private static func namesAuth(_ line: String) -> Bool {
        line.ranges(of: ".auth").contains { range in
            line[range.upperBound...].first.map { !$0.isLetter && !$0.isNumber && $0 != "_" } ?? true
        }
    }

    private static let kept = 1000
    private static let mark = "\u{b}"

    private static func stored(_ line: String) -> String { line.replacing("\n", with: mark) + "\n" }

    /// The last thousand lines, oldest first. A file grown to twice that is shortened.
    package func load() -> [String] {
        guard let bytes = contents() else { return [] }
        let lines = bytes.split(separator: 0x0a).map {
            String(decoding: $0, as: UTF8.self).replacing(Self.mark, with: "\n")
        }.filter(Self.keeps)
        let last = Array(lines.suffix(Self.kept))
        if lines.count > 2 * Self.kept { replace(with: last) }
        return last
    }

    /// Appends a line if it may be remembered; several prompts may append to one file.
    package func append(_ line: String) {
        guard Self.keeps(line) else { return }
        makeDirectories()
        write(Self.stored(line), to: path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC)
    }

    private func contents() -> [UInt8]? {
        let file = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        while bytes.count < 16 << 20 {
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = read(file, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    private func replace(with lines: [String]) {
        let new = path + ".new"
        unlink(new)
        guard write(lines.map(Self.stored).joined(), to: new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC) else { return }
        rename(new, path)
    }

    @discardableResult
    private func write(_ text: String, to path: String, _ flags: Int32) -> Bool {
        let file = open(path, flags, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        fchmod(file, 0o600)  // also a file that was made by somebody with another idea
        var text = text
        return text.withUTF8 { bytes in Glibc.write(file, bytes.baseAddress, bytes.count) == bytes.count }
    }

    private func makeDirectories() {
        for index in path.indices.dropFirst() where path[index] == "/" { mkdir(String(path[..<index]), 0o700) }
    }
}
