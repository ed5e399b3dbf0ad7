/// The four kinds of customer. Raw values are journaled. A type gives prices and limits, never permissions.
package enum UserType: UInt8, CaseIterable, Sendable {
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
    package init?(text: String) {
        guard let type = UserType.allCases.first(where: { $0.text == text }) else { return nil }
        self = type
    }
}

/// Whether a user may start new work. Raw values are journaled.
package enum UserState: UInt8, CaseIterable, Sendable {
    case active = 0
    /// New work is refused with `FROZEN`; running work goes on.
    case suspended = 1
    /// Sessions stop at once.
    case banned = 2
    case closed = 3

    package var text: String {
        switch self {
        case .active: "active"
        case .suspended: "suspended"
        case .banned: "banned"
        case .closed: "closed"
        }
    }
    package init?(text: String) {
        guard let state = UserState.allCases.first(where: { $0.text == text }) else { return nil }
        self = state
    }
}

/// The size of a session's machine. Raw values are journaled.
package enum Tier: UInt8, CaseIterable, Sendable {
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
    package init?(text: String) {
        guard let tier = Tier.allCases.first(where: { $0.text == text }) else { return nil }
        self = tier
    }
}

/// What kind of storage a resource is. Raw values are journaled.
package enum StorageKind: UInt8, CaseIterable, Sendable {
    case bucket = 0
    case filestore = 1

    package var text: String {
        switch self {
        case .bucket: "bucket"
        case .filestore: "filestore"
        }
    }
    package init?(text: String) {
        guard let kind = StorageKind.allCases.first(where: { $0.text == text }) else { return nil }
        self = kind
    }
}
