import LedgerCore
import Testing

@testable import LedgerCommands

struct CommandTableTests {
    @Test func `the table has each command once, and its words are short and in capitals`() {
        #expect(Set(CommandTable.specs.map(\.name)).count == CommandID.allCases.count)
        #expect(Set(CommandTable.specs.map(\.id)).count == CommandID.allCases.count)
        for spec in CommandTable.specs {
            #expect(spec.name == spec.name.uppercased())
            #expect(spec.words.allSatisfy { $0.utf8.count <= 15 }, "\(spec.name)")
            #expect(!spec.summary.isEmpty && spec.summary.hasSuffix(".") || spec.summary.hasSuffix("?"), "\(spec.name)")
        }
    }

    @Test func `a command is found whatever its case`() throws {
        for spec in CommandTable.specs {
            for name in [
                spec.name, spec.name.lowercased(), String(spec.name.prefix(2)) + spec.name.dropFirst(2).lowercased(),
            ] {
                let id = try Words.with(words(name)) { words throws(CommandError) in try CommandTable.find(words) }
                #expect(id == spec.id, "\(name)")
            }
        }
    }

    @Test func `every example is a good command of its own spec`() throws {
        for spec in CommandTable.specs {
            #expect(!spec.examples.isEmpty, "\(spec.name)")
            for example in spec.examples {
                let line = example.replacing("fl_…", with: secret)
                let parsed = try parse(line)
                #expect(parsed.id == spec.id, "\(example)")
            }
        }
    }

    @Test func `writes take a key, and only commands that the journal records do`() {
        for spec in CommandTable.specs where spec.lane != .program {
            // CLOCK SET goes in line with the writes, and records nothing.
            #expect(spec.takesKey == (spec.lane.isWrite && spec.id != .clockSet), "\(spec.name)")
            if case .receipt = spec.reply { #expect(spec.lane.isWrite, "\(spec.name)") }
        }
    }

    @Test func `options have words of their own and required positions come first`() {
        for spec in CommandTable.specs {
            let tokens = spec.options.map(\.token)
            #expect(Set(tokens).count == tokens.count, "\(spec.name)")
            let required = spec.positional.map(\.isRequired)
            #expect(required == required.sorted { $0 && !$1 }, "\(spec.name)")
            let order = spec.fields.map(\.isOption)
            #expect(order == order.sorted { !$0 && $1 }, "\(spec.name)")
        }
    }

    @Test(arguments: [
        ("CREDIT CHRGE u 1 api", "ERR unknown command 'CREDIT CHRGE'; did you mean CREDIT CHARGE?"),
        ("CREDT BALANCE u", "ERR unknown command 'CREDT'; did you mean CREDIT?"),
        ("HOLD FROBNICATE", "ERR unknown command 'HOLD FROBNICATE': HOLD has PLACE, CAPTURE, VOID, GET, LIST"),
        ("HOLD", "ERR HOLD needs a second word: PLACE, CAPTURE, VOID, GET, LIST"),
        ("SUBSCRIBE x", "ERR unknown command 'SUBSCRIBE'; HELP lists all"),
        ("GET x", "ERR unknown command 'GET'; HELP lists all"),
        ("COMMAND GETKEYS x", "ERR unknown command 'COMMAND GETKEYS': COMMAND has COUNT, INFO, DOCS, LIST"),
        ("CONFIG SET save x", "ERR unknown command 'CONFIG SET'; did you mean CONFIG GET?"),
        ("\(secret) x", "ERR unknown command (63 bytes, not shown); HELP lists all"),
        ("PAYMENT REFUND x", "ERR PAYMENT is not available in this version"),
        ("BACKTEST x", "ERR unknown command 'BACKTEST'; HELP lists all"),
        ("REPORT x", "ERR REPORT is not available in this version"),
    ])
    func `a name that no command has says what it may have meant`(line: String, expected: String) {
        #expect(failure(line) == expected)
    }

    @Test func `an option that the command does not have says which one may have been meant`() {
        let meant = failure("CREDIT HISTORY u CONT 5")
        #expect(meant?.hasPrefix("ERR unknown option 'CONT' for CREDIT HISTORY (did you mean COUNT?): use ") == true)
        let none = failure("CREDIT HISTORY u SINCE 5")
        #expect(none?.hasPrefix("ERR unknown option 'SINCE' for CREDIT HISTORY: use CREDIT HISTORY ") == true)
        let secret = failure("CREDIT HISTORY u \(secret) 5")
        #expect(secret?.hasPrefix("ERR unknown option (63 bytes, not shown) for CREDIT HISTORY: use ") == true)
    }

    @Test func `usage lines say what may stand where`() {
        #expect(CommandTable.spec(.auth).usage == "AUTH [default] passport")
        #expect(CommandTable.spec(.hello).usage == "HELLO [2|3 [AUTH default passport] [SETNAME name]]")
        #expect(CommandTable.spec(.shutdown).usage == "SHUTDOWN [SAVE|NOSAVE]")
        #expect(CommandTable.spec(.clientSetInfo).usage == "CLIENT SETINFO LIB-NAME|LIB-VER value")
        #expect(CommandTable.spec(.help).usage == "HELP [command …]")
    }

    @Test func `what a narrow list shows is a part of the whole`() {
        for spec in CommandTable.specs {
            #expect(Set(spec.brief).isSubset(of: spec.reply.fields), "\(spec.name)")
            guard case .page = spec.reply, spec.id != .spaceList else { continue }
            #expect(!spec.brief.isEmpty, "\(spec.name)")
        }
    }

    @Test func `names are found only whole`() {
        for line in ["CREDI", "CREDITS BALANCE u", "CREDIT BALANCES u", "P", "PINGPING", "CREDIT  ", "\u{0}", "é"] {
            #expect(failure(line)?.hasPrefix("ERR ") == true, "\(line)")
        }
        for line in ["PING\u{0}", "PING ", " PING", "PIN\u{7}", "pi\u{4e}g ", "CREDIT\u{0}"] {
            #expect(failure([Array(line.utf8), Array("u".utf8)])?.hasPrefix("ERR unknown") == true, "\(line)")
        }
        // Two words that spell a command together are not that command.
        #expect(failure([Array("CREDIT CHARGE".utf8), Array("u".utf8)])?.hasPrefix("ERR unknown") == true)
        #expect(failure([[], Array("x".utf8)])?.hasPrefix("ERR unknown") == true)
    }
}
