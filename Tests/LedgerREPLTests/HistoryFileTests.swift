import Glibc
import LedgerREPL
import Testing

private func temporaryDirectory() -> String {
    var template = Array("/tmp/florin-history-XXXXXX\0".utf8CString.dropLast())
    return String(cString: mkdtemp(&template))
}

@Suite struct `History` {
    @Test(arguments: [
        "AUTH fl_abc_def", "auth default secret", "HELLO 3 AUTH default secret", "hello 3 \"AUTH\" default s",
        "'auth' x",
        "PASSPORT VERIFY fl_0123456789_abc", "x FL_ABC", "AUTH \"unbalanced", "  leading blank", "", "\tx",
        "session admit 'fl_x' s small", "\"\\x41UTH\" secret", "\"AUTH secret",
        "ledger.auth 'secret'", "ledger.auth{password = [[secret]]}", "l = ledger l.auth 's'", "x = 1\nledger.auth 's'",
    ])
    func `secrets and blanks are not kept`(line: String) { #expect(!HistoryFile.keeps(line)) }

    @Test(arguments: [
        "PING", "CREDIT CHARGE u_1 1.00 api", "USER GET flora", "say \"open", "USER CREATE author@example.com",
        "USER CREATE jo.author@example.com", "for i = 1, 2 do\n  print(i)\nend",
    ])
    func `other lines are`(line: String) { #expect(HistoryFile.keeps(line)) }

    @Test func `the file lies where XDG says`() {
        func path(_ environment: [String: String]) -> String? { HistoryFile.defaultPath { environment[$0] } }
        #expect(path(["XDG_STATE_HOME": "/x/state", "HOME": "/h"]) == "/x/state/florin/history")
        #expect(path(["HOME": "/h"]) == "/h/.local/state/florin/history")
        #expect(path(["XDG_STATE_HOME": "relative", "HOME": "/h"]) == "/h/.local/state/florin/history")
        #expect(path([:]) == nil)
    }

    @Test func `lines come back in order, from a file only its owner reads`() {
        let directory = temporaryDirectory()
        let file = HistoryFile(path: directory + "/a/b/history")
        #expect(file.load() == [])
        for line in ["PING", "AUTH x", "PRICE INFO", "USER GET ü"] { file.append(line) }
        #expect(file.load() == ["PING", "PRICE INFO", "USER GET ü"])
        file.append("RULE LOAD x \"return\n1\"")
        #expect(file.load().last == "RULE LOAD x \"return\n1\"")
        var status = stat()
        #expect(stat(file.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        chmod(file.path, 0o644)
        file.append("PING")
        #expect(stat(file.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        unlink(file.path)
        for part in ["/a/b", "/a", ""] { rmdir(directory + part) }
    }

    @Test func `a long file is shortened to its last thousand lines`() {
        let directory = temporaryDirectory()
        let file = HistoryFile(path: directory + "/history")
        for number in 0...2000 { file.append("ECHO \(number)") }
        let lines = file.load()
        #expect(lines.count == 1000)
        #expect(lines.first == "ECHO 1001")
        var status = stat()
        #expect(stat(file.path, &status) == 0)
        #expect(status.st_size < 10_100)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(file.load() == lines)
        unlink(file.path)
        rmdir(directory)
    }
}
