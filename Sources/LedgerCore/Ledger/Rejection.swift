/// Why the ledger said no. Business as usual: answered to the client as `-CODE text`, never logged as an error.
package enum Rejection: Error, Hashable, Sendable {
    case notFound(Subject)
    /// What was asked about a moment before the user was created.
    case notYet(created: Timestamp)
    /// A rule that has only ever had one active version can't go back to another.
    case noVersionBefore
    case exists(Subject)
    /// A rule's source that was loaded before, and the version that it became.
    case ruleExists(version: UInt32)
    case keyReused
    case frozen(UserState)
    /// Unknown, mistyped, wrong, expired or revoked: one text for all of them, no hints.
    case passportInvalid
    /// A limit of the user's type, and the value it has.
    case limit(LimitName, Int64)
    /// The passport's own requests in an hour (`RATE`).
    case ownRate(UInt32)
    case debt(Money)
    case rule(String)
    case insufficient(available: Money, needed: Money)
    indirect case cap(CapReached)
    case closed(Subject)
    case busy(String)
    case readOnly(String)
    case denied(String)
    /// Arguments that make no sense together, or in this state.
    case invalid(String)

    /// What a rejection is about.
    package enum Subject: UInt8, Sendable {
        case user, email, passport, charge, hold, session, resource, space, instance, adjustment, rule, event, purchase,
            grant, meter, usage, allowance

        package var text: String {
            switch self {
            case .user: "user"
            case .email: "e-mail"
            case .passport: "passport"
            case .charge: "charge"
            case .hold: "hold"
            case .session: "session"
            case .resource: "resource"
            case .space: "space"
            case .instance: "instance"
            case .adjustment: "adjustment"
            case .rule: "rule version"
            case .event: "event"
            case .purchase: "purchase"
            case .grant: "grant"
            case .meter: "meter"
            case .usage: "usage record"
            case .allowance: "allowance"
            }
        }
    }

    /// The protocol's error code.
    package var code: String {
        switch self {
        case .notFound, .notYet, .noVersionBefore: "NOTFOUND"
        case .exists, .ruleExists: "EXISTS"
        case .keyReused: "KEYREUSED"
        case .frozen: "FROZEN"
        case .passportInvalid: "WRONGPASS"
        case .limit, .ownRate: "LIMIT"
        case .debt: "DEBT"
        case .rule: "RULE"
        case .insufficient: "INSUFFICIENT"
        case .cap: "CAP"
        case .closed: "CLOSED"
        case .busy: "BUSY"
        case .readOnly: "READONLY"
        case .denied: "NOPERM"
        case .invalid: "ERR"
        }
    }

    /// One sentence for people.
    package var text: String {
        switch self {
        case .notFound(let subject): "no such \(subject.text)"
        case .notYet(let created): "there was no such user yet: it was created at \(created)"
        case .noVersionBefore: "no version was active before"
        case .exists(let subject): "this \(subject.text) exists already"
        case .ruleExists(let version): "this source was loaded before, as version \(version)"
        case .keyReused: "this KEY was used before with other arguments"
        case .frozen(let state): "the user is \(state.text)"
        case .passportInvalid: "this passport is not valid"
        case .limit(let name, let value):
            value == Limits.none ? "limit \(name.text)" : "limit \(name.text) is \(name.show(value))"
        case .ownRate(let rate): "this passport's own rate is \(rate) requests an hour"
        case .debt(let amount): "the user owes \(amount); purchase credit first"
        case .rule(let text): text
        case .insufficient(let available, let needed): "available \(available), needed \(needed)"
        case .cap(let reached): reached.text
        case .closed(.passport): "this passport was revoked, replaced or has expired"
        case .closed(.charge): "this charge was refunded in full"
        case .closed(.user): "this user was deleted before"
        case .closed(let subject): "this \(subject.text) is closed"
        case .busy(let text), .readOnly(let text), .denied(let text), .invalid(let text): text
        }
    }
}

extension LimitName {
    /// A limit's value as people read it.
    package func show(_ value: Int64) -> String {
        guard value != Limits.none else { return "none" }
        switch self {
        case .sessions, .requestsPerHour: return "\(value)"
        case .tiers:
            return Tier.allCases.filter { value & 1 << Int64($0.rawValue) != 0 }.map(\.text).joined(separator: ",")
        case .storage:
            let money = Money(nanos: value % 1000 * 1_000_000)
            return value % 1000 == 0 ? "\(value / 1000)" : "\(value / 1000).\(money.description.dropFirst(2))"
        case .purchaseMinimum, .purchaseMaximum, .exhaustionDebt, .storageDebt, .capDay, .capMonth:
            return "\(Money(nanos: value))"
        case .exhaustionGrace, .storageGrace: return "\(value / 1_000_000_000)s"
        }
    }
}
