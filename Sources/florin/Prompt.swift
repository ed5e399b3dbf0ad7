internal import ArgumentParser
internal import Glibc
internal import LedgerREPL
internal import RESP

struct Prompt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repl",
        abstract: "A prompt: commands in, tables out.",
        discussion: """
            Without --connect and --data, an empty ledger in memory. The passport for --connect comes from \
            FLORIN_PASSPORT; --data needs none. With input that is not a terminal, answers are tab-separated (with \
            --json, a line of JSON each), and the exit code is 1 when a command failed.
            """)

    @OptionGroup var place: Place

    @Option(
        name: .customShort("e"),
        help: ArgumentHelp("Run these commands (one a line) instead of reading any.", valueName: "text"))
    var script: [String] = []

    @Flag(help: "Draw tables even where the output is not a terminal.")
    var tables = false

    @Flag(help: "Write answers as JSON, one a line, in scripts and at the prompt.")
    var json = false

    func validate() throws {
        guard !tables || !json else { throw ValidationError("--tables and --json exclude each other") }
    }

    func run() async throws {
        let opened = try await place.open()
        let title = place.connect?.text ?? place.data ?? "memory"
        var options = REPL.Options(
            title: title, script: script.isEmpty ? nil : script, history: REPL.Options.userHistory)
        if json { options.layout = .json }
        if tables { options.layout = .tables(width: nil) }
        options.reconnect = opened.another
        options.isEmbedded = place.connect == nil
        var prompt = REPL(port: opened.port, catalogue: .ledger, options: options)
        let code = await prompt.run()
        await opened.close()
        if code != 0 { throw ExitCode(code) }
    }
}
