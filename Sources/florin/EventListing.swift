internal import LedgerCore
internal import LedgerREPL

/// Events as text: the header's fields by name, the body's by looking at its values.
final class EventListing {
    private let json: Bool
    private let brief: Bool
    private let wanted: String?
    private var names: [UserOrdinal: String] = [:]

    init(json: Bool, brief: Bool, only user: String?) {
        self.json = json
        self.brief = brief
        wanted = user
    }

    var knowsUser: Bool { names.values.contains { $0 == wanted } }

    /// Learns who is who: to be told of every event, also of those that are not printed.
    func note(_ event: Event) {
        if case .userCreated(let created) = event.body { names[event.user] = created.id.string }
    }

    /// Nil for events that were not asked for.
    func line(for event: Event) -> String? {
        let user = event.user == .none ? nil : names[event.user]
        if let wanted, user != wanted { return nil }

        var fields: [(String, Value)] = [
            ("lsn", Value.number(event.lsn.value)), ("time", .text("\(event.time)")),
            ("event", .text(event.body.code.name)),
        ]
        if let user { fields.append(("user", .text(user))) }
        if brief { return text(fields) }
        if event.actor != .none { fields.append(("actor", .number(event.actor.value))) }
        if event.asOf != event.time { fields.append(("as_of", .text("\(event.asOf)"))) }
        if event.origin != .command { fields.append(("origin", .text("\(event.origin)"))) }
        if event.group != event.lsn { fields.append(("group", .number(event.group.value))) }
        if event.effectiveFrom != event.asOf || event.effectiveTo != event.asOf {
            fields.append(("from", .text("\(event.effectiveFrom)")))
            fields.append(("to", .text("\(event.effectiveTo)")))
        }
        if !event.linked.isNone { fields.append(("linked", .number(event.linked.value))) }
        if event.key != nil { fields.append(("keyed", .flag(true))) }
        if !event.labels.isEmpty {
            let labels = event.labels.all.map { ($0.key.string, Value.text($0.value.string)) }
            fields.append(("labels", .object(labels)))
        }
        if let body = Mirror(reflecting: event.body).children.first {
            if case .object(let own) = Value(body.value) {
                fields += own.filter { $0.0 != "hash_seed" }  // who knows it can make names collide
            } else {
                fields.append(("subject", Value(body.value)))
            }
        }
        if event.user != .none {
            fields += [
                ("after_paid", .text("\(event.after.paid)")), ("after_promo", .text("\(event.after.promo)")),
                ("after_held", .text("\(event.after.held)")), ("after_debt", .text("\(event.after.debt)")),
                ("after_available", .text("\(event.after.available)")),
            ]
        }
        return text(fields)
    }

    private func text(_ fields: [(String, Value)]) -> String {
        if json { return Value.object(fields).json }
        return fields.map { ["lsn", "time", "event"].contains($0) ? $1.plain : "\($0)=\($1.plain)" }.joined(
            separator: " ")
    }
}

/// A value of an event, as far as a reader needs to know.
private indirect enum Value {
    case text(String)
    /// An integer's digits: exact, however many.
    case digits(String)
    case flag(Bool)
    case list([Value])
    case object([(String, Value)])
    case nothing

    init(_ any: Any) {
        switch any {
        case let value as Money: self = .text("\(value)")
        case let value as Timestamp: self = value == .never ? .nothing : .text("\(value)")
        case let value as TimeSpan: self = .text(Self.seconds(value))
        case let value as ShortText: self = value.isEmpty ? .nothing : .text(value.string)
        case let value as LSN: self = .number(value.value)
        case let value as BirthID: self = value.isNone ? .nothing : .text(value.shown)
        case let value as PassportID: self = value.value == 0 ? .nothing : .text(value.text)
        case let value as LotAmounts:
            self = .list(
                (0..<value.count).map {
                    .object([("lot", .text(value[$0].lot.text(as: .lot))), ("amount", .text("\(value[$0].amount)"))])
                })
        case let value as Hash128: self = .text(Self.hex(value))
        case let value as Digest256: self = .text(value.hex)
        case let value as Permissions: self = .text(value.text)
        case let value as UserOrdinal: self = .number(value.value)
        case let value as PassportOrdinal: self = value == .none ? .nothing : .number(value.value)
        case let value as PersonalText:
            self = value.isEmpty ? .nothing : .text("(\(value.sealedBytes.count) bytes)")
        case let value as [UInt8]: self = value.isEmpty ? .nothing : .text("(\(value.count) bytes)")
        case let value as Bool: self = .flag(value)
        case let value as String: self = .text(value)
        // In quotes, whatever its size: readers of JSON take longer numbers than 64 bits for fractions, and round them.
        case let value as Int128: self = .text("\(value)")
        // A limit, or a cap, that is none.
        case let value as Int64 where value == Limits.none: self = .nothing
        case let value as any BinaryInteger: self = .number(value)
        default: self = Self.look(into: any)
        }
    }

    static func number(_ value: some BinaryInteger) -> Value { .digits("\(value)") }

    private static func look(into any: Any) -> Value {
        let mirror = Mirror(reflecting: any)
        switch mirror.displayStyle {
        case .optional: return mirror.children.first.map { Value($0.value) } ?? .nothing
        case .collection, .set: return .list(mirror.children.map { Value($0.value) })
        case .enum:
            guard let child = mirror.children.first else { return .text("\(any)") }
            return .object([(child.label ?? "value", Value(child.value))])
        default:
            return .object(
                mirror.children.enumerated().map { index, child in (name(child.label ?? "\(index)"), Value(child.value))
                })
        }
    }

    /// `leaseUntil` as `lease_until`.
    private static func name(_ label: String) -> String {
        var result = ""
        for character in label {
            if character.isUppercase { result += "_" }
            result += character.lowercased()
        }
        return result
    }

    private static func hex(_ hash: Hash128) -> String {
        [hash.high, hash.low].map { word in
            let text = String(word, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }.joined()
    }

    private static func seconds(_ span: TimeSpan) -> String {
        let money = Money(nanos: span.nanoseconds)
        let text = "\(money)"
        return (text.hasSuffix(".00") ? String(text.dropLast(3)) : text) + "s"
    }

    var plain: String {
        switch self {
        case .text(let text): text.contains(" ") || text.isEmpty ? JSONText.quoted(text) : text
        case .digits(let digits): digits
        case .flag(let flag): "\(flag)"
        case .nothing: "-"
        case .list(let items): "[" + items.map(\.plain).joined(separator: ",") + "]"
        case .object(let fields): "{" + fields.map { "\($0)=\($1.plain)" }.joined(separator: ",") + "}"
        }
    }

    var json: String {
        switch self {
        case .text(let text): JSONText.quoted(text)
        case .digits(let digits): digits
        case .flag(let flag): "\(flag)"
        case .nothing: "null"
        case .list(let items): "[" + items.map(\.json).joined(separator: ",") + "]"
        case .object(let fields):
            "{" + fields.map { "\(JSONText.quoted($0)):\($1.json)" }.joined(separator: ",") + "}"
        }
    }
}

extension BirthID {
    /// Without the letter of its kind, which the value does not know.
    fileprivate var shown: String {
        var bytes: [UInt8] = []
        Base62.append(value, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
