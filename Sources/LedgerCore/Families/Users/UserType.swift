/// The four kinds of customer. Raw values are journaled. A type gives prices and limits, never permissions.
package enum UserType: UInt8, NamedCase, Sendable {
    case free = 0
    case pro = 1
    case enterprise = 2
    case admin = 3

    package var text: String {
        switch self {
        case .free: "free"
        case .pro: "pro"
        case .enterprise: "enterprise"
        case .admin: "admin"
        }
    }
}

/// Whether a user may start new work. Raw values are journaled.
package enum UserState: UInt8, NamedCase, Sendable {
    case active = 0
    /// New work is refused with `FROZEN`; running work goes on.
    case suspended = 1
    /// Sessions stop at once.
    case banned = 2
    case closed = 3
    /// The person is forgotten; id and books stay. For ever.
    case deleted = 4

    /// What an operator may set.
    package static let settable: [UserState] = [.active, .suspended, .banned, .closed]

    /// Whether nothing is booked any more, not even what was consumed already.
    var hasEnded: Bool {
        switch self {
        case .active, .suspended, .banned: false
        case .closed, .deleted: true
        }
    }

    /// Whether the user's passports open nothing.
    package var locksOut: Bool {
        switch self {
        case .active, .suspended: false
        case .banned, .closed, .deleted: true
        }
    }

    package var text: String {
        switch self {
        case .active: "active"
        case .suspended: "suspended"
        case .banned: "banned"
        case .closed: "closed"
        case .deleted: "deleted"
        }
    }
}

/// The size of a session's machine. Raw values are journaled.
package enum Tier: UInt8, NamedCase, Sendable {
    case small = 0
    case medium = 1
    case large = 2
    case gpu = 3

    package var text: String {
        switch self {
        case .small: "small"
        case .medium: "medium"
        case .large: "large"
        case .gpu: "gpu"
        }
    }
}

/// What kind of storage a resource is. Raw values are journaled.
package enum StorageKind: UInt8, NamedCase, Sendable {
    case bucket = 0
    case filestore = 1

    package var text: String {
        switch self {
        case .bucket: "bucket"
        case .filestore: "filestore"
        }
    }
}
