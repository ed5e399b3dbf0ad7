import LedgerTestKit
import RESP
import Testing

@testable import LedgerCore
@testable import LedgerCommands
@testable import LedgerReplies

struct ReceiptTests {
    private func receipt(_ event: Event, replayed: Bool = false, secret: [UInt8]? = nil) -> RESPValue {
        value { encoder.receipt(event, replayed: replayed, names: Samples.ada, secret: secret, to: &$0) }
    }

    private func keys(_ value: RESPValue) -> [String] { (value.pairs ?? []).map { $0.key.string ?? "?" } }

    @Test func `every write's receipt has the fields that the table promises`() {
        for (id, event) in Samples.receipts {
            let expected = CommandTable.spec(id).reply.fields
            let secret: [UInt8]? =
                id == .passportCreate || id == .passportRotate ? Array(LedgerRepliesTests.secret.utf8) : nil
            let found = keys(receipt(event, secret: secret))
            #expect(found == expected, "\(CommandTable.spec(id).name)")
        }
    }

    @Test func `every write that makes a receipt was tried`() {
        let writes = CommandTable.specs.filter { if case .receipt = $0.reply { true } else { false } }.map(\.id)
        #expect(Set(writes) == Set(Samples.receipts.map(\.0)))
    }

    @Test func `both versions say the same, and a replay differs in one flag`() {
        for (id, event) in Samples.receipts {
            let new = receipt(event)
            let old = value(.v2) { encoder.receipt(event, replayed: false, names: Samples.ada, to: &$0) }
            #expect(old.pairs?.count == new.pairs?.count, "\(id)")
            for pair in new.pairs ?? [] { #expect(old[pair.key.string!]?.string == pair.value.string, "\(id)") }
            let again = receipt(event, replayed: true)
            for (a, b) in zip(new.pairs ?? [], again.pairs ?? []) where a != b {
                #expect(a.key.string == "replayed" && a.value == .integer(0) && b.value == .integer(1))
            }
        }
    }

    @Test func `a new name is in the receipt, and null when it was taken away or the key is gone`() {
        let event = Samples.event(
            .userChanged(
                UserChanged(
                    field: .name, name: [1, 2], type: .pro, state: .active, email: [], emailHash: .zero)))
        var names = Samples.ada
        names.name = Array("Ada L.".utf8)
        let it = value { encoder.receipt(event, replayed: false, names: names, to: &$0) }
        #expect(it["changed"]?.string == "name" && it["value"]?.string == "Ada L.")
        #expect(receipt(event)["value"] == .null)
    }

    /// Words to frames, by hand: `:1` is an integer, `_` null, `*2` a list of the two words behind it, anything else a
    /// bulk string.
    private func frames(_ version: RESPVersion, _ pairs: String) -> String {
        let words = pairs.split(separator: " ")
        let listed = words.reduce(0) { $0 + ($1.hasPrefix("*") ? Int($1.dropFirst())! : 0) }
        let count = words.count - listed
        var text = version == .v2 ? "*\(count)\r\n" : "%\(count / 2)\r\n"
        for word in words {
            if word.hasPrefix(":") || word.hasPrefix("*") {
                text += "\(word)\r\n"
            } else if word == "_" {
                text += version == .v2 ? "$-1\r\n" : "_\r\n"
            } else {
                text += "$\(word.utf8.count)\r\n\(word)\r\n"
            }
        }
        return text
    }

    @Test func `a charge is these bytes`() {
        #expect(
            wire { encoder.receipt(Samples.charge, replayed: false, names: Samples.ada, to: &$0) }
                == "*20\r\n$3\r\nlsn\r\n:300\r\n$4\r\ntime\r\n$24\r\n2026-11-23T09:30:00.250Z\r\n$8\r\nreplayed\r\n:0\r\n"
                + "$2\r\nid\r\n$5\r\nc_Jyi\r\n$4\r\nuser\r\n$3\r\nada\r\n$6\r\namount\r\n$6\r\n0.0375\r\n$6\r\nsource\r\n$3\r\napi\r\n"
                + "$4\r\nowed\r\n$4\r\n0.25\r\n$9\r\navailable\r\n$4\r\n7.50\r\n$4\r\ndebt\r\n$4\r\n0.25\r\n")
    }

    @Test(
        arguments: [
            (.creditCharge, "id c_Jyi user ada amount 0.0375 source api owed 0.25 available 7.50 debt 0.25"),
            (
                .creditPurchase,
                "id p_Jyi user ada amount 25.00 credits 25.00 bonus 2.50 total 27.50 repaid 1.00 method stripe reference pi_3 available 26.50 debt 0.00"
            ),
            (
                .creditAdjust,
                "id e_Jyi user ada amount -1.50 repaid 0.00 owed 0.25 reference _ available 7.50 debt 0.00"
            ),
            (.creditTransfer, "id e_Jyi user ada to bob amount 5.00 available 7.50 debt 0.00"),
            (
                .holdPlace,
                "id h_Jyi user ada amount 2.50 source hold expires 2026-11-23T09:40:00.250Z available 7.50 debt 0.00"
            ),
            (
                .holdCapture,
                "id c_Jyi user ada hold h_10 charge c_Jyi amount 1.20 source hold final :1 released 1.30 owed 0.25 available 7.50 debt 0.00"
            ),
            (.sessionHeartbeat, "id s_10 status active lease_until 2026-11-23T09:40:00.250Z deadline _"),
            (
                .sessionStop,
                "id s_10 session job-1 user ada type pro tier small charge c_Jyi reason stopped started 2026-11-23T08:30:00Z ended 2026-11-23T09:30:00Z seconds 3600 amount 0.025 released 0.004 segments :2 charges *2 c_GeG c_Jyi available 7.50 debt 0.00"
            ),
            (
                .userCreate,
                "id ada user ada email ada@example.com type free state active bonus 5.00 available 7.50 debt 0.00"
            ),
            (.passportSet, "id 0000000010 passport 0000000010 user ada cap_day _ cap_month _"),
            (.passportRevoke, "id 0000000010 passport 0000000010 user ada"),
            (
                .storageCreate,
                "id r_Jyi user ada resource data kind bucket gb 10.5 rate 0.025 list_rate 0.05 available 7.50 debt 0.00"
            ),
            (
                .spacePurchase,
                "id i_Jyi user ada space ml workspace ws-1 instance mine gb :50 charge c_Jyi amount 5.00 author_share 0.50 owed 0.25 available 7.50 debt 0.00"
            ),
            (.meterAdd, "id calls meter calls unit calls scale :3"),
            (
                .usageRecord,
                "id c_Jyi user ada usage r-1 meter calls quantity 2.5 unit calls charge c_Jyi at 2026-11-23T09:30:00.250Z amount 0.75 owed 0.25 available 7.50 debt 0.00"
            ),
            (
                .spaceAdd, "id ml space ml name ML category ml gb :50 cost 5.00 public :1 creator bob share 12.5"
            ),
            (
                .ruleActivate,
                "id e_Jyi rule storage version :2 sha256 abababababababababababababababababababababababababababababababab at 2026-11-23T09:30:00.250Z"
            ),
            (
                .allowanceSet,
                "id e_Jyi who ada amount 5.00 every month rollover 1.00 scope api granted 5.00 next 2026-11-23T09:30:00.250Z"
            ), (.allowanceRemove, "id e_Jyi who ada"),
            (.limitSet, "id e_Jyi type free limit tiers value small,medium"), (.clockAccept, "id e_Jyi"),
        ] as [(CommandID, String)])
    func `a receipt of each family is these frames in both versions`(id: CommandID, fields: String) {
        let event = Samples.receipts.first { $0.0 == id }!.1
        for version in [RESPVersion.v2, .v3] {
            for replayed in [false, true] {
                let text = wire(version) { encoder.receipt(event, replayed: replayed, names: Samples.ada, to: &$0) }
                let head = "lsn :300 time 2026-11-23T09:30:00.250Z replayed :\(replayed ? 1 : 0) "
                #expect(text == frames(version, head + fields))
            }
        }
    }

    @Test func `what can be spent after a purchase includes its bonus`() {
        let it = receipt(Samples.purchase)
        #expect(it["credits"]?.string == "25.00" && it["bonus"]?.string == "2.50" && it["total"]?.string == "27.50")
        #expect(it["available"]?.string == "26.50" && it["repaid"]?.string == "1.00")
        #expect(it["id"]?.string == "p_Jyi" && it["method"]?.string == "stripe" && it["reference"]?.string == "pi_3")
    }

    @Test func `a session's start and end`() {
        let start = receipt(Samples.start1)
        #expect(
            start["id"]?.string == "s_Jyi" && start["session"]?.string == "job-1"
                && start["email"]?.string == "ada@example.com")
        #expect(
            start["rate"]?.string == "0.025" && start["list_rate"]?.string == "0.05"
                && start["held"]?.string == "0.004166667")
        #expect(start["lease_until"]?.string == "2026-11-23T09:40:00.250Z" && start["empty_at"] == .null)

        let stop = receipt(Samples.stop)
        #expect(
            stop["id"]?.string == "s_10" && stop["charge"]?.string == "c_Jyi" && stop["reason"]?.string == "stopped")
        #expect(
            stop["seconds"]?.string == "3600" && stop["amount"]?.string == "0.025" && stop["segments"] == .integer(2))
        #expect(stop["released"]?.string == "0.004")

        let record = receipt(Samples.record)
        #expect(
            record["amount"]?.string == "0.01" && record["seconds"]?.string == "3600"
                && record["owed"]?.string == "0.25")
    }

    @Test func `a closed session is got with its receipt's fields`() {
        for (var event, count) in [(Samples.stop, 18), (Samples.record, 16)] {
            event.header.labels = Labels("team=ml")!
            let it = value { encoder.closedSession(event, names: Samples.ada, to: &$0) }
            #expect(it["status"]?.string == "closed" && it.pairs?.count == count && it["amount"] != nil)
            #expect(it["labels"]?["team"]?.string == "ml")
        }
    }

    @Test func `a new passport's secret is shown when it is given, and never otherwise`() {
        let first = receipt(Samples.passport, secret: Array("fl_x".utf8))
        #expect(first["secret"]?.string == "fl_x" && first["passport"]?.string == "0000000010")
        #expect(
            first["permissions"]?.string == "read,write" && first["last_four"]?.string == "1a2B"
                && first["rate"] == .null)
        #expect(first["replaces"] == .null && first["replaced_until"] == .null && first["expires"] == .null)
        #expect(receipt(Samples.passport, replayed: true)["secret"] == nil)
    }

    @Test func `a remembered refusal is answered as the error it was, and says that it is remembered`() {
        let remembered = RecordedRejection(.insufficient(available: Money(usd: "1"), needed: Money(usd: "2")))!
        let event = Samples.event(.refused(Refused(rejection: remembered, admission: nil)))
        func text(replayed: Bool) -> String {
            wire { encoder.receipt(event, replayed: replayed, names: Samples.ada, to: &$0) }
        }
        #expect(text(replayed: false) == "-INSUFFICIENT available 1.00, needed 2.00\r\n")
        #expect(
            text(replayed: true)
                == "-INSUFFICIENT available 1.00, needed 2.00 (remembered with this KEY since 2026-11-23T09:30:00.250Z; use another KEY to ask again)\r\n"
        )
    }

    @Test func `an e-mail address whose key is gone is null`() {
        let gone = value { encoder.receipt(Samples.start1, replayed: true, names: ReceiptNames(user: "ada"), to: &$0) }
        #expect(gone["email"] == .null)
        #expect(ReceiptNames.needsEmail(Samples.start1) && !ReceiptNames.needsEmail(Samples.charge))
    }

    @Test func `errors are one line whatever they say`() {
        #expect(wire { encoder.error(.invalid("a\r\nb"), to: &$0) } == "-ERR a  b\r\n")
        #expect(wire { encoder.error(.noPassport, to: &$0) } == "-NOAUTH Authentication required: AUTH <passport>\r\n")
        #expect(wire { encoder.rejection(.rule("x\n-OK"), to: &$0) } == "-RULE x -OK\r\n")
        #expect(
            wire { encoder.rejection(.debt(Money(usd: "3")), to: &$0) }
                == "-DEBT the user owes 3.00; purchase credit first\r\n")
    }
}
