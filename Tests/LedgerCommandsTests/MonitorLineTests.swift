import LedgerCore
import Testing

@testable import LedgerCommands

struct MonitorLineTests {
    private func line(_ words: [[UInt8]]) -> String {
        Words.with(words) { words in
            var bytes: [UInt8] = []
            MonitorLine.append(
                words, from: "127.0.0.1:50000", at: Timestamp(nanoseconds: 1_699_999_999_123_456_789), to: &bytes)
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private func shown(_ text: String) -> String {
        let line = line(words(text))
        let prefix = "+1699999999.123456 [0 127.0.0.1:50000] "
        #expect(line.hasPrefix(prefix) && line.hasSuffix("\r\n"), "\(line)")
        return String(line.dropFirst(prefix.count).dropLast(1))
    }

    @Test func `a line is as Redis writes it`() {
        #expect(shown("CREDIT CHARGE u_ada 0.0375 api") == #""CREDIT" "CHARGE" "u_ada" "0.0375" "api""#)
        #expect(line([[0x41, 0x22, 0x5c, 0x0a, 0x0d, 0x09, 0x01, 0xc3, 0x7f]]).contains(#""A\"\\\n\r\t\x01\xc3\x7f""#))
        #expect(line([[]]).contains(#"] """#))
    }

    @Test func `no secret is shown, well-formed or mistyped, wherever it stands`() {
        #expect(shown("AUTH \(secret)") == #""AUTH" "(redacted)""#)
        #expect(shown("auth default nearly") == #""auth" "(redacted)" "(redacted)""#)
        #expect(
            shown("HELLO 3 AUTH default nearly SETNAME n")
                == #""HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "n""#)
        #expect(
            shown("PASSPORT VERIFY nearly PERMISSION read") == #""PASSPORT" "VERIFY" "(redacted)" "PERMISSION" "read""#)
        #expect(shown("SESSION ADMIT nearly job gpu") == #""SESSION" "ADMIT" "(redacted)" "job" "gpu""#)
        #expect(shown("DRYRUN session admit nearly job gpu") == #""DRYRUN" "session" "admit" "(redacted)" "job" "gpu""#)
        #expect(shown("CREDIT CHARGE u 1 api KEY \(secret)") == #""CREDIT" "CHARGE" "u" "1" "api" "KEY" "(redacted)""#)
        #expect(shown("ECHO AUTH x") == #""ECHO" "AUTH" "x""#)
    }

    @Test func `a long word is cut`() {
        let text = shown("ECHO \(String(repeating: "x", count: 5000))")
        #expect(text.utf8.count < 1100 && text.hasSuffix("… (5000 bytes)\""))
    }
}
