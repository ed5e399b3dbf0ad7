internal import ArgumentParser
internal import Glibc
internal import LedgerCommands
internal import LedgerREPL
internal import RESP

struct Prompt: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repl",
        abstract: "A prompt: commands in, tables out.",
        discussion: """
            Without --connect and --data, an empty ledger in memory. The passport for --connect comes from \
            FLORIN_PASSPORT; --data needs none. A data directory that another process has open is looked at beside it: \
            a copy, read-only, as of one event (.reload takes the next). With --at, the ledger as it was. With input that is not a terminal, answers are tab-separated (with \
            --json, a line of JSON each), and the exit code is 1 when a command failed.
            """)

    @OptionGroup var place: Place

    @Option(
        name: .customShort("e"),
        help: ArgumentHelp("Run these commands (one a line) instead of reading any.", valueName: "text"))
    var script: [String] = []

    @Option(
        help: ArgumentHelp(
            "Look at the ledger as it was recorded by a time or an event (2026-11-01, lsn:918302); read-only.",
            valueName: "moment"))
    var at: PastMoment?

    @Flag(help: "Draw tables even where the output is not a terminal.")
    var tables = false

    @Flag(help: "Write answers as JSON, one a line, in scripts and at the prompt.")
    var json = false

    func validate() throws {
        guard at == nil || place.connect != nil || place.data != nil else {
            throw ValidationError("--at goes with --connect or --data: a new ledger has no past")
        }
        guard !tables || !json else { throw ValidationError("--tables and --json exclude each other") }
    }

    func run() async throws {
        let opened =
            if let at { try await place.open(at: at.value) } else { try await place.open(elseLooks: true) }
        if let notice = opened.notice { writeLine(notice, to: STDERR_FILENO) }
        let title = place.connect?.text ?? place.data ?? "memory"
        var options = REPL.Options(
            title: title, script: script.isEmpty ? nil : script, history: REPL.Options.userHistory)
        if json { options.layout = .json }
        if tables { options.layout = .tables(width: nil) }
        options.reconnect = opened.another
        options.moment = at?.value.text
        options.reload = opened.reload
        if let address = place.connect, at == nil {
            options.monitor = { each in try await OpenPort.monitor(address, each) }
        }
        options.isEmbedded = place.connect == nil
        var prompt = REPL(port: opened.port, catalogue: .ledger, options: options)
        let code = await prompt.run()
        await opened.close()
        if code != 0 { throw ExitCode(code) }
    }
}
