import Glibc
import LedgerClient
import LedgerCore
import RESP
import Testing

extension EndToEnd {
    /// Every format that was ever released still opens: see `Snapshots/README.md`.
    @Suite struct Golden {
        /// Format 0 came before the first release, and is refused.
        static let folders = list(Workspace.project + "/Snapshots").filter { $0.hasPrefix("format-") && $0 != old }
        static let old = "format-0"

        static func unpack(_ folder: String) async throws -> Workspace {
            let workspace = Workspace()
            let source = Workspace.project + "/Snapshots/" + folder
            let unpacked = try await workspace.run("tar", ["-C", workspace.path, "-xzf", source + "/ledger.tar.gz"])
            #expect(unpacked.end == .exit(0), "\(unpacked.errors)")
            rename(workspace.path + "/ledger", workspace.data)
            return workspace
        }

        @Test func `a directory of format 0 is refused with a sentence, and its journal is still listed`() async throws
        {
            let workspace = try await Self.unpack(Self.old)
            for command in [["verify"], ["checkpoint"], ["serve", "--port", "0", "--data"]] {
                let run = try await workspace.run(Workspace.binary, command + [workspace.data])
                #expect(run.end != .exit(0))
                for words in ["has format 0", "reads format 1", "florin journal \(workspace.data)"] {
                    #expect((run.output + run.errors).contains(words), "\(command): \(run.output)\(run.errors)")
                }
            }
            let listing = try await workspace.florin("journal", workspace.data)
            #expect(listing.end == .exit(0), "\(listing.errors)")
            let lines = listing.output.split(separator: "\n")
            let events = try #require(readFile(Workspace.project + "/Snapshots/\(Self.old)/expected.json"))
            #expect(events.contains("\"events\":\(lines.count)"), "\(lines.count) lines; \(events)")
            #expect(lines.first?.hasPrefix("1 20") == true)
            #expect(lines.first?.contains(" ledgerCreated ") == true)
            #expect(lines.allSatisfy { $0.contains(" kind=") && $0.contains(" bytes=") })
            let charges = try await workspace.florin("journal", workspace.data, "--event", "creditCharged", "--json")
            #expect(charges.output.split(separator: "\n").allSatisfy { $0.contains("\"kind\":32") })
            #expect(!charges.output.isEmpty)
        }

        @Test(arguments: folders)
        func `a golden data directory verifies and opens`(folder: String) async throws {
            let source = Workspace.project + "/Snapshots/" + folder
            let workspace = try await Self.unpack(folder)
            let verify = try await workspace.florin("verify", workspace.data, "--json")
            #expect(verify.end == .exit(0), "\(verify.output)")
            #expect(verify.output == readFile(source + "/expected.json"))

            // With its journal, and from its snapshot alone where it has one.
            let server = try await ServerProcess.start(workspace, "--clock", "driven")
            let client = try await server.connect()
            for line in (readFile(source + "/balances.tsv") ?? "").split(separator: "\n") {
                let fields = line.split(separator: "\t")
                let balance = try await client.must("CREDIT BALANCE \(fields[0])")
                #expect(balance.text("available") == String(fields[1]), "\(fields[0])")
            }
            await client.close()
            await server.stop()
            try await workspace.expectSound()
        }

        @Test
        func `the golden directory of today's format has events of every kind, and its listing says each thing once`()
            async throws
        {
            let workspace = try await Self.unpack("format-1")
            let listing = try await workspace.florin("journal", workspace.data, "--json")
            #expect(listing.end == .exit(0), "\(listing.errors)")
            var kinds: Set<String> = []
            for line in listing.output.split(separator: "\n") {
                let keys = Self.outerKeys(of: line)
                #expect(Set(keys).count == keys.count, "\(line)")
                if let kind = line.firstMatch(of: /"event":"(\w+)"/) { kinds.insert(String(kind.1)) }
            }
            #expect(Set(EventCode.allCases.map(\.name)).subtracting(kinds) == [])
        }

        /// The names of a JSON object's own fields.
        private static func outerKeys(of line: Substring) -> [String] {
            var (depth, keys, text) = (0, [String](), "")
            var (isInText, isEscaped) = (false, false)
            for character in line {
                if isInText {
                    if !isEscaped, character == "\"" { isInText = false } else { text.append(character) }
                    isEscaped = !isEscaped && character == "\\"
                    continue
                }
                switch character {
                case "\"": (isInText, text) = (true, "")
                case "{", "[": depth += 1
                case "}", "]": depth -= 1
                case ":": if depth == 1 { keys.append(text) }
                default: break
                }
            }
            return keys
        }
    }
}
