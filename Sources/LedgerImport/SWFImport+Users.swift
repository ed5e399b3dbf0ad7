internal import LedgerCore
internal import LedgerRules
internal import RESP

/// The users that a log is billed to.
extension SWFImport {
    func reference(_ user: String) -> String { "import:\(source):\(user)" }

    /// An address of our own, under a domain that can never exist: it tells users of this import from all others, also
    /// when the import is repeated much later.
    func email(of user: String) -> String { "\(Self.plain(user))@\(Self.plain(source)).import.invalid" }

    /// At most 64 letters, digits and inner hyphens, different for different texts: everything else, and capitals
    /// (addresses are compared without case), becomes an x and two hexadecimal digits. What is longer then ends with a
    /// hash instead.
    private static func plain(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var bytes: [UInt8] = []
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for byte in text.utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
            let isLetter = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") && byte != UInt8(ascii: "x")
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            if isLetter || isDigit || (byte == UInt8(ascii: "-") && !bytes.isEmpty) {
                bytes.append(byte)
            } else {
                bytes += [UInt8(ascii: "x"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        if bytes.count > 64 {
            bytes.removeSubrange(47...)
            bytes.append(UInt8(ascii: "-"))
            for shift in stride(from: UInt64(60), through: 0, by: -4) { bytes.append(digits[Int(hash >> shift & 15)]) }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// A customer of the survey, by name.
    private struct Customer {
        var id: String
        var type: UserType
        var line: Int
        var firstSession: String
        var total: Money
    }

    func createUsers(_ survey: Survey, _ report: inout ImportReport) async throws(ImportError) {
        let total = survey.customers.count
        for start in stride(from: 0, to: total, by: 512) {
            let end = min(start + 512, total)
            let customers = (start..<end).map { number in
                let customer = survey.customers[number]
                return Customer(
                    id: survey.users[number], type: customer.type, line: customer.line,
                    firstSession: survey.ids[customer.firstSession], total: customer.total)
            }
            try await createUsers(customers, &report)
            tell(.users, end, total)
        }
    }

    private func createUsers(_ customers: [Customer], _ report: inout ImportReport) async throws(ImportError) {
        let created = try await ask(
            customers.map {
                ["USER", "CREATE", email(of: $0.id), "ID", $0.id, "TYPE", $0.type.text, "KEY", reference($0.id)]
            })
        // Of those that exist, ask who they are, whether billing has begun, and what they have.
        var existing: [Customer] = []
        var credits: [(customer: Customer, had: Money)] = []
        for (customer, answer) in zip(customers, created) {
            if let error = answer.error {
                guard error.code == "EXISTS" || error.code == "KEYREUSED" else {
                    throw refused(customer, "USER CREATE", error)
                }
                existing.append(customer)
            } else {
                if !isReplayed(answer) { report.usersCreated += 1 }
                if let text = (answer["bonus"] ?? answer["available"])?.string, let had = Money(text, signed: true) {
                    credits.append((customer, had))
                } else {
                    existing.append(customer)
                }
            }
        }
        let answers = try await ask(
            existing.flatMap {
                [["USER", "GET", $0.id], ["SESSION", "GET", $0.firstSession], ["CREDIT", "BALANCE", $0.id]]
            })
        for (index, customer) in existing.enumerated() {
            let (user, session, balance) = (answers[3 * index], answers[3 * index + 1], answers[3 * index + 2])
            if let error = user.error { throw refused(customer, "USER GET", error) }
            if let type = user["type"]?.string, type != customer.type.text {
                report.notes.append(
                    "user \(cleaned(customer.id)) exists as \(cleaned(type)), and is billed and listed as such; the map says \(customer.type.text)"
                )
            }
            // Somebody else's user gets nothing. Ours got credit before the first session was billed.
            guard user["email"]?.string == email(of: customer.id), session.error?.code == "NOTFOUND" else { continue }
            if let error = balance.error { throw refused(customer, "CREDIT BALANCE", error) }
            guard let had = balance["available"]?.string.flatMap({ Money($0, signed: true) }) else {
                throw ImportError(.ledger, "CREDIT BALANCE \(customer.id) shows no 'available'")
            }
            credits.append((customer, had))
        }
        let missing = credits.compactMap { customer, had -> (Customer, Money)? in
            guard let lack = customer.total.subtracting(had), lack > .zero else { return nil }
            let cents = (lack.nanos - 1) / Money.cent.nanos + 1
            return (customer, Money(nanos: cents * Money.cent.nanos))
        }
        let adjusted = try await ask(
            missing.map { customer, amount in
                [
                    "CREDIT", "ADJUST", customer.id, "\(amount)", "REASON", "import of \(source)", "REF",
                    reference(customer.id), "KEY", reference(customer.id),
                ]
            })
        for ((customer, _), answer) in zip(missing, adjusted) {
            guard let error = answer.error else {
                if !isReplayed(answer) { report.usersToppedUp += 1 }
                continue
            }
            // Given by an earlier run, perhaps another amount.
            guard ["EXISTS", "KEYREUSED"].contains(error.code) else { throw refused(customer, "CREDIT ADJUST", error) }
        }
    }

    private func isReplayed(_ answer: RESPValue) -> Bool {
        let value = answer["replayed"]?.string
        return value == "1" || value == "true"
    }

    private func refused(_ customer: Customer, _ command: String, _ error: RESPError) -> ImportError {
        ImportError(.ledger, "line \(customer.line): \(command) \(customer.id): \(error.text)")
    }
}
