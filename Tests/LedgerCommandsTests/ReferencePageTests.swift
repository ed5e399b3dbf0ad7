import Glibc
import Testing

@testable import LedgerCommands

struct ReferencePageTests {
    private static let path: String = {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/Sources/LedgerCore/Documentation.docc/ProtocolReference.md"
    }()

    /// Nil when there is none.
    private static func stored() -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func `the reference page is what the command table says`() throws {
        let page = ReferencePage.markdown
        if getenv("FLORIN_WRITE_REFERENCE") != nil {
            let file = try #require(fopen(Self.path, "w"), "cannot write \(Self.path)")
            #expect(fputs(page, file) >= 0)
            #expect(fclose(file) == 0)
        }
        let isCurrent = Self.stored() == page
        #expect(isCurrent, "out of date: run this test with FLORIN_WRITE_REFERENCE=1 and commit the page")
    }

    @Test func `every field of every answer has a meaning, and every meaning a field`() {
        let used = Set(CommandTable.specs.flatMap { $0.reply.fields })
        let explained = ReferencePage.meanings.map(\.0)
        #expect(Set(explained).count == explained.count)
        #expect(used.subtracting(explained) == [])
        #expect(Set(explained).subtracting(used) == [])
    }

    @Test func `fields of answers are snake_case`() {
        for spec in CommandTable.specs {
            for field in spec.reply.fields {
                #expect(
                    field.utf8.allSatisfy { $0 == 0x5f || (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) },
                    "\(field)")
            }
            #expect(Set(spec.reply.fields).count == spec.reply.fields.count, "\(spec.name)")
        }
    }
}
