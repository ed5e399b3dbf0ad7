internal import Glibc

/// `@FILE` in the place of a source: the prompt reads the file, for the ledger may be on another machine.
extension REPL {
    struct UnreadableFile: Error, CustomStringConvertible {
        let description: String
    }

    /// No source that a ledger takes is longer than this, in bytes.
    private static let mostOfFile = 1 << 20

    /// The command with the texts of the files that it names. Within FORK RUN and DRYRUN, of the command in there.
    func withFiles(_ words: [[UInt8]]) throws(UnreadableFile) -> [[UInt8]] {
        guard words.contains(where: { $0.first == UInt8(ascii: "@") }) else { return words }
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        let outer = texts.begins(with: ["FORK", "RUN"]) ? 3 : texts.begins(with: ["DRYRUN"]) ? 1 : 0
        guard let command = catalogue.command(for: Array(texts.dropFirst(outer))) else { return words }
        var read = words
        for (place, argument) in command.arguments.enumerated() where argument.mayBeFile {
            let index = outer + command.name.count + place
            guard index < words.count, texts[index].hasPrefix("@") else { continue }
            read[index] = try Self.bytes(ofFile: String(texts[index].dropFirst()))
        }
        return read
    }

    private static func bytes(ofFile path: String) throws(UnreadableFile) -> [UInt8] {
        func failed(_ why: String) -> UnreadableFile { UnreadableFile(description: "@\(path): \(why)") }
        guard let file = fopen(path, "r") else { throw failed(String(cString: strerror(errno))) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: mostOfFile + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        // A directory can be opened, and not read.
        guard ferror(file) == 0 else { throw failed(String(cString: strerror(errno))) }
        guard count <= mostOfFile else { throw failed("the file has more than \(mostOfFile >> 20) MiB") }
        guard count > 0 else { throw failed("the file is empty") }
        return Array(bytes.prefix(count))
    }
}
