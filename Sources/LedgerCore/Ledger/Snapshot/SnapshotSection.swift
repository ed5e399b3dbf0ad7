/// The tables as frames, in an order that follows from what they say, so that equal states give equal bytes: what is
/// small; users and passports by ordinal; then, for every ``usersPerRange`` users, what belongs to them, sorted by user
/// and birth; then what indexes alone hold, segment by segment and sorted by key; then keys in the order in which they
/// came. A frame is full at ``rowsPerFrame``. Derived state (links, sums by account, timers) is not written.
enum SnapshotSection: UInt16, CaseIterable {
    case ledger = 1, limits, books, rules, active, scheduled, spaces
    case users, passports, lots, holds, sessions, resources
    case external, refunded, sessionTime, keys
    case allowances, allowedUntil, spaceGrants, instances, meters, metered

    static let rowsPerFrame = 16_384
    static let usersPerRange: UInt32 = 8_192

    /// The version of its rows that is written today. A row's new field stands behind `if c.version >= n` in its
    /// `code(with:)`, and n stands here. So it does where the order of the rows, or how many go into a frame, has
    /// changed: an equal state has other bytes.
    var version: UInt8 {
        switch self {
        case .ledger, .users, .passports, .lots, .holds, .sessions, .resources, .instances, .external, .refunded,
            .sessionTime, .metered, .allowances, .allowedUntil, .spaceGrants, .keys:
            2
        case .limits, .books, .rules, .active, .scheduled, .spaces, .meters: 1
        }
    }
}
