import LedgerCore
import RESP
import Testing

@testable import LedgerCommands
@testable import LedgerReplies

struct LocalReplyTests {
    private func answer(_ line: String, _ version: RESPVersion = .v3) throws -> RESPValue {
        guard case .local(let command) = try parse(line).ask else { throw CommandError.invalid("not local: \(line)") }
        return value(version) { encoder.local(command, to: &$0) }
    }

    @Test func `ping, echo, select`() throws {
        #expect(try answer("PING") == .simple("PONG"))
        #expect(try answer("PING hi") == .text("hi"))
        #expect(try answer("ECHO \"\"") == .text(""))
        #expect(try answer("SELECT 0") == .simple("OK"))
    }

    @Test func `CONFIG GET knows what redis-benchmark and monitors ask, and nothing else`() throws {
        #expect(try answer("CONFIG GET save") == .map([RESPPair(.text("save"), .text(""))]))
        #expect(try answer("CONFIG GET appendonly", .v2) == .array([.text("appendonly"), .text("yes")]))
        #expect(try answer("CONFIG GET requirepass") == .map([]))
        #expect(try answer("CONFIG GET *")["databases"]?.string == "1")
        #expect(try answer("LATENCY HISTOGRAM") == .map([]))
    }

    @Test func `COMMAND has ten elements a command, as redis-py takes them apart`() throws {
        let all = try answer("COMMAND", .v2).elements ?? []
        #expect(all.count == CommandTable.containers.count)
        #expect(try answer("COMMAND COUNT") == .integer(Int64(all.count)))
        #expect(try answer("COMMAND LIST").elements?.count == all.count)
        for command in all {
            let parts = command.elements ?? []
            #expect(parts.count == 10)
            #expect(parts[0].string != nil && parts[1].integer != nil && parts[2].elements != nil)
            for index in 3...5 { #expect(parts[index] == .integer(0)) }
            for index in 6...9 { #expect(parts[index].elements != nil) }
        }
        let credit = try answer("COMMAND INFO credit nothing").elements ?? []
        #expect(credit.count == 2 && credit[1] == .null)
        #expect(credit[0].elements?[1] == .integer(-2))
        let names = credit[0].elements?[9].elements?.map { $0.elements?[0].string }
        #expect(names?.contains("credit|charge") == true && names?.count == 9)
        let charge = try answer("COMMAND INFO credit|charge").elements?[0].elements
        #expect(charge?[0].string == "credit|charge" && charge?[1] == .integer(-5))
        #expect(try answer("COMMAND INFO ping select").elements?[1].elements?[1] == .integer(-2))
    }

    @Test func `COMMAND DOCS has the keys and types that redis-cli 7 insists on`() throws {
        func check(_ docs: RESPValue, _ name: String) {
            let known = ["summary", "since", "group", "complexity", "arguments", "subcommands"]
            for pair in docs.pairs ?? [] {
                #expect(known.contains(pair.key.string!), "\(name)")
                switch pair.key.string! {
                case "arguments": for argument in pair.value.elements ?? [] { checkArgument(argument, name) }
                case "subcommands":
                    #expect(pair.value.pairs?.isEmpty == false)
                    for sub in pair.value.pairs ?? [] {
                        #expect(sub.key.string?.hasPrefix(name + "|") == true)
                        check(sub.value, sub.key.string!)
                    }
                default: if case .bulk = pair.value {} else { Issue.record("\(name) \(pair.key)") }
                }
            }
            #expect(docs["summary"]?.string?.isEmpty == false && docs["group"] != nil && docs["since"] != nil)
        }
        func checkArgument(_ argument: RESPValue, _ name: String) {
            let types = ["string", "integer", "pure-token"]
            #expect(argument["name"]?.string?.isEmpty == false, "\(name)")
            #expect(types.contains(argument["type"]?.string ?? ""), "\(name)")
            for flag in argument["flags"]?.elements ?? [] {
                if case .simple = flag {} else { Issue.record("a flag must be a status") }
            }
        }
        for version in [RESPVersion.v2, .v3] {
            let all = try answer("COMMAND DOCS", version).pairs ?? []
            #expect(all.count == CommandTable.containers.count)
            for pair in all { check(pair.value, pair.key.string!) }
        }
        let some = try answer("COMMAND DOCS credit|charge NOTHING PING").pairs ?? []
        #expect(some.map(\.key.string) == ["credit|charge", "ping"])
        let over = some[0].value["arguments"]?.elements?.first { $0["token"]?.string == "OVER" }
        #expect(over?["type"]?.string == "pure-token" && over?["flags"]?.elements == [.simple("optional")])
    }

    @Test func `HELP explains every command by its name`() throws {
        #expect(try answer("HELP").elements?.count ?? 0 > CommandTable.specs.count)
        for spec in CommandTable.specs {
            let lines = try answer("HELP \(spec.name.lowercased())").elements ?? []
            #expect(lines.first?.string == spec.usage)
        }
        #expect(try answer("HELP credit").elements?.count == 9)
        #expect(try answer("HELP nothing").error?.code == "ERR")
        #expect(try answer("HELP \(secret)").error?.text.contains("fl_0Ab") == false)
    }

    @Test func `HELLO answers like Redis`() {
        let client = ClientReply(id: 7, address: "127.0.0.1:5", localAddress: "127.0.0.1:7411", age: 1, idle: 0)
        let it = value(.v3) { encoder.hello(client, to: &$0) }
        #expect(it.pairs?.map(\.key.string) == CommandTable.spec(.hello).reply.fields)
        #expect(it["proto"] == .integer(3) && it["id"] == .integer(7) && it["modules"] == .array([]))
        #expect(value(.v2) { encoder.hello(client, to: &$0) }["proto"] == .integer(2))
    }

    @Test func `CLIENT INFO has every field that redis-py makes a number of`() {
        let client = ClientReply(
            id: 7, address: "127.0.0.1:5", localAddress: "127.0.0.1:7411", name: "w1", library: "redis-py",
            libraryVersion: "5.0", age: 1, idle: 0, user: "ada")
        let text = value(.v2) { encoder.clientInfo(client, to: &$0) }.string ?? ""
        let fields = Dictionary(
            uniqueKeysWithValues: text.split(separator: "\n")[0].split(separator: " ").map {
                field -> (String, String) in
                let parts = field.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
                return (parts[0], parts[1])
            })
        for name in [
            "id", "age", "idle", "db", "sub", "psub", "multi", "qbuf", "qbuf-free", "obl", "argv-mem", "oll", "omem",
            "tot-mem",
        ] {
            #expect(Int(fields[name] ?? "") != nil, "\(name)")
        }
        #expect(
            fields["name"] == "w1" && fields["user"] == "ada" && fields["lib-name"] == "redis-py"
                && fields["resp"] == "2")
    }

    @Test func `TIME is seconds and microseconds`() {
        #expect(
            value { encoder.time(Timestamp(nanoseconds: 1_700_000_000_000_001_999), to: &$0) }
                == .array([.text("1700000000"), .text("1")]))
    }
}
