import LedgerClient
import RESP
import Testing

@testable import LedgerServer

/// Who somebody is: addresses, persons, passports that must carry keys, and what is there already.
struct IdentityTests {
    private func ask(_ client: RemoteLedger, _ line: String) async throws -> RESPValue {
        try await client.call(LedgerServerTests.words(line))
    }

    @Test func `one address, one bonus, in whatever case and Unicode form`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            for (first, others) in [
                (
                    "jos\u{E9}@example.com",
                    ["JOS\u{C9}@example.com", "jose\u{301}@example.com", "\"JOS\u{C9}\"@EXAMPLE.com"]
                ),
                ("u@ex\u{E4}mple.de", ["u@EX\u{C4}MPLE.de", "u@xn--exmple-cua.de", "U@ex\u{E4}mple。de"]),
            ] {
                let answer = try await client.call("USER", "CREATE", first)
                #expect(answer["bonus"]?.string == "5.00" && answer["email"]?.string == first)
                for other in others {
                    let error = try await client.call("USER", "CREATE", other).error
                    #expect(error?.text == "EXISTS this e-mail exists already", "\(other)")
                }
            }
            for (address, why) in [
                ("ada@i❤.ws", "has a domain that no host has"), ("ada@a_b.example", "has a domain that no host has"),
                ("\u{378}@example.com", "has a character before its @"),
                ("\"\"@example.com", "has nothing before its @"),
                ("ada@\(String(repeating: "a", count: 64)).com", "has a domain of more than"),
                ("ada@example.com.", "is not an e-mail address"), ("ada@exämple。", "is not an e-mail address"),
            ] {
                let text = try await client.call("USER", "CREATE", address).error?.text ?? ""
                #expect(text.hasPrefix("ERR email ") && text.contains(why), "\(address): \(text)")
            }
            await client.close()
        }
    }

    @Test func `one person, one bonus`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            func bonus(_ line: String) async throws -> String? { try await ask(client, line)["bonus"]?.string }
            #expect(try await bonus("USER CREATE 1@x.example PERSON passport-17 KEY k") == "5.00")
            #expect(
                try await ask(client, "USER CREATE 1@x.example PERSON passport-17 KEY k")["replayed"] == .integer(1))
            let other = try await ask(client, "USER CREATE 1@x.example PERSON passport-18 KEY k")
            #expect(other.error?.code == "KEYREUSED")
            #expect(try await bonus("USER CREATE 2@x.example PERSON passport-17") == "0.00")
            #expect(try await bonus("USER CREATE 3@x.example PERSON Passport-17") == "5.00")
            #expect(try await bonus("USER CREATE 4@x.example") == "5.00")
            #expect(try await bonus("USER CREATE 5@x.example PERSON passport-18 TYPE pro") == "0.00")
            await client.close()
        }
    }

    @Test func `a new address shows at once, and the old one is free again`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            _ = try await ask(client, "USER CREATE a@x.example ID u_a")
            _ = try await ask(client, "USER CREATE b@x.example ID u_b")
            let secret = try #require(try await ask(client, "PASSPORT CREATE u_a key read")["secret"]?.string)
            let answers = try await client.send([
                words("USER SET u_a EMAIL Neu@ÄX.example KEY k"), words("PASSPORT VERIFY \(secret)"),
                words("USER GET u_a"),
                words("USER LIST COUNT 2"), words("USER SET u_b EMAIL neu@äx.EXAMPLE"),
                words("USER SET u_b EMAIL a@x.example"), words("USER SET u_a EMAIL Neu@ÄX.example KEY k"),
                words("USER SET u_a EMAIL a@"),
            ])
            #expect(answers[0]["changed"]?.string == "email" && answers[0]["value"]?.string == "Neu@ÄX.example")
            #expect(answers[1]["email"]?.string == "Neu@ÄX.example" && answers[2]["email"]?.string == "Neu@ÄX.example")
            #expect(answers[3].elements?[1].elements?[1]["email"]?.string == "Neu@ÄX.example")
            #expect(answers[4].error?.text == "EXISTS this e-mail exists already")
            #expect(answers[5]["value"]?.string == "a@x.example" && answers[5]["replayed"] == .integer(0))
            #expect(answers[6]["value"]?.string == "Neu@ÄX.example" && answers[6]["replayed"] == .integer(1))
            #expect(answers[7].error?.text == "ERR EMAIL 'a@' is not an e-mail address")
            await client.close()
        }
    }

    @Test func `a passport's name is in its receipt, at once, when asked again, and when it is replaced`() async throws
    {
        try await Serving.with { serving in
            let client = try await serving.connect()
            let answers = try await client.send([
                words("USER CREATE a@x.example ID u_a"), words("PASSPORT CREATE u_a Läptop read KEY k"),
                words("PASSPORT CREATE u_a Läptop read KEY k"), words("PASSPORT CREATE u_a phone read"),
            ])
            let names = answers[1...].map { $0["name"]?.string }
            #expect(names == ["Läptop", "Läptop", "phone"])
            #expect(answers[1]["secret"]?.string?.count == 63 && answers[2]["secret"]?.string == nil)
            let id = try #require(answers[1]["passport"]?.string)
            let replaced = try await ask(client, "PASSPORT ROTATE \(id)")
            #expect(replaced["name"]?.string == "Läptop" && replaced["secret"]?.string?.count == 63)
            await client.close()
        }
    }

    @Test func `users are found by id, by its beginning, and by an address in whatever form`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            for id in ["u_a", "u_ab", "u_abc", "b", "Z@x.example"] {
                _ = try await ask(client, "USER CREATE \(id.first!)\(id.count)@x.example ID \(id)")
            }
            _ = try await ask(client, "USER CREATE z@x.example ID owner")
            /// The ids, and the cursor.
            func found(_ line: String) async throws -> [String] {
                let page = try await ask(client, "USER FIND \(line)")
                let rows = page.elements?[1].elements?.compactMap { $0["user"]?.string } ?? []
                return rows + [page.elements?[0].string ?? ""]
            }
            #expect(try await found("u_a") == ["u_a", "u_abc", "u_ab", "0"])
            #expect(try await found("u_ab") == ["u_ab", "u_abc", "0"])
            #expect(try await found("B1@X.Example") == ["b", "0"])
            // An id that looks like somebody's address: both are meant.
            #expect(try await found("Z@x.example") == ["owner", "Z@x.example", "0"])
            for text in ["nobody", "nobody@x.example"] { #expect(try await found(text) == ["0"]) }
            var cursor = "0"
            for expected in ["u_abc", "u_ab", "u_a"] {
                let page = try await found("u COUNT 1 CURSOR \(cursor)")
                #expect(page.dropLast() == [expected])
                cursor = page.last!
            }
            _ = try await ask(client, "USER SET b EMAIL new@x.example")
            #expect(try await found("b1@x.example") == ["0"])
            #expect(try await found("NEW@x.example") == ["b", "0"])
            let own = try #require(try await ask(client, "PASSPORT CREATE u_a own read")["secret"]?.string)
            let refused = try await ask(try await serving.connect(own), "USER FIND u_a").error
            #expect(refused?.code == "NOPERM")
            await client.close()
        }
    }

    @Test func `a passport with KEYS required changes no money without one, and so does its successor`() async throws {
        try await Serving.with { serving in
            let admin = try await serving.connect()
            _ = try await ask(admin, "USER CREATE a@x.example ID u_a")
            let made = try await ask(
                admin, "PASSPORT CREATE u_a service read,write,billing,admin SCOPE all KEYS required")
            #expect(made["keys"]?.string == "required")
            let client = try await serving.connect(try #require(made["secret"]?.string))
            func check(_ client: RemoteLedger) async throws {
                for line in ["CREDIT CHARGE u_a 1 api", "CREDIT PURCHASE u_a 10 card", "HOLD PLACE u_a 1"] {
                    let error = try await ask(client, line).error
                    #expect(
                        error?.code == "ERR" && error?.text.contains("must carry a KEY here (KEY k)") == true, "\(line)"
                    )
                }
                for line in ["CREDIT BALANCE u_a", "USER GET u_a", "INFO replication", "USER SET u_a NAME x"] {
                    #expect(try await ask(client, line).error == nil, "\(line)")
                }
                let less = try await ask(client, "PASSPORT CREATE u_a less read").error
                #expect(less?.text == "NOPERM a passport with KEYS required cannot issue one without")
            }
            try await check(client)
            #expect(try await ask(client, "CREDIT CHARGE u_a 1 api KEY one")["amount"]?.string == "1.00")
            #expect(try await ask(client, "CREDIT CHARGE u_a 1 api KEY one")["replayed"] == .integer(1))
            // Others need none.
            #expect(try await ask(admin, "CREDIT CHARGE u_a 1 api").error == nil)

            let next = try await ask(admin, "PASSPORT ROTATE \(made["passport"]?.string ?? "")")
            #expect(next["keys"]?.string == "required")
            let successor = try await serving.connect(try #require(next["secret"]?.string))
            try await check(successor)
            _ = try await ask(admin, "PASSPORT CREATE u_a free read")
            let rows = try await ask(admin, "PASSPORT LIST u_a").elements?[1].elements ?? []
            #expect(rows.map { $0["keys"]?.string } == ["optional", "required", "required"])
            for connection in [client, successor, admin] { await connection.close() }
        }
    }

    @Test func `what exists already is named`() async throws {
        try await Serving.with { serving in
            let client = try await serving.connect()
            let record = "SESSION RECORD s3 u_a small FROM 2026-01-01 TO 2026-01-01T01:00:00Z"
            for line in [
                "USER CREATE a@x.example ID u_a TYPE pro", "USER CREATE b@x.example ID u_b",
                "CREDIT PURCHASE u_a 100 card REF p",
                "CREDIT ADJUST u_a 1 REASON r REF f", "SESSION START s1 u_a small", "SESSION START s2 u_a small",
                "SESSION STOP s2", record, "STORAGE CREATE u_a data bucket 1", "SPACE ADD mine COST 1 SIZE 1",
                "SPACE PURCHASE u_a mine w i",
            ] {
                let answer = try await ask(client, line)
                #expect(answer.error == nil, "\(line): \(answer)")
            }
            for (line, name) in [
                ("USER CREATE c@x.example ID u_a", "user"), ("USER CREATE A@x.example", "e-mail"),
                ("USER SET u_b EMAIL a@x.example", "e-mail"), ("CREDIT PURCHASE u_b 50 card REF p", "purchase"),
                ("CREDIT ADJUST u_b 2 REASON r REF f", "adjustment"), ("SESSION START s1 u_a small", "session"),
                ("SESSION START s2 u_a small", "session"), (record + " KEY k", ""),
                (record.replacing("T01:00:00Z", with: "T02:00:00Z"), "session"),
                ("STORAGE CREATE u_b data bucket 1", "resource"), ("SPACE ADD mine COST 2 SIZE 1", "space"),
                ("SPACE PURCHASE u_a mine w i", "instance"),
            ] {
                let error = try await ask(client, line).error
                #expect(error?.text == (name.isEmpty ? nil : "EXISTS this \(name) exists already"), "\(line)")
            }
            await client.close()
        }
    }
}
