import LedgerCore
import LedgerTestKit
import Testing

@testable import LedgerEngine

@Suite(.timeLimit(.minutes(10))) struct PassportSecretTests {
    @Test func `what is minted reads back`() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            let secret = PassportSecret.mint(using: &generator)
            #expect(secret.bytes.count == 63)
            #expect(secret.text.hasPrefix("fl_\(secret.id.text)_"))
            let back = try #require(PassportSecret(secret.text))
            #expect(back.id == secret.id)
            #expect(back.bytes == secret.bytes)
        }
    }

    @Test func `every mistyped character is caught`() {
        var generator = SeededGenerator(seed: 2)
        let secret = PassportSecret.mint(using: &generator)
        for index in secret.bytes.indices {
            for other in Array("0Zz_!") where other.asciiValue! != secret.bytes[index] {
                var bytes = secret.bytes
                bytes[index] = other.asciiValue!
                #expect(PassportSecret(String(decoding: bytes, as: UTF8.self)) == nil, "\(index) \(other)")
            }
        }
        #expect(PassportSecret(secret.text + "0") == nil)
        #expect(PassportSecret(String(secret.text.dropLast())) == nil)
        #expect(PassportSecret("") == nil)
    }

    @Test func `a secret never describes itself`() {
        let secret = PassportSecret.mint()
        let tail = secret.text.suffix(20)
        #expect(!"\(secret)".contains(tail))
        #expect(!String(reflecting: secret).contains(tail))
        var dumped = ""
        dump(secret, to: &dumped)
        #expect(!dumped.contains(tail))
        #expect(!dumped.contains("\(secret.bytes.last!)"))
    }

    @Test func `the checksum is the one of zip files`() {
        #expect(CRC32.of(Array("123456789".utf8)) == 0xCBF4_3926)
    }
}
