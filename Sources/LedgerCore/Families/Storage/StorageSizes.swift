/// A size that somebody's storage has, as a rule for storage sees it.
package struct StorageSize: Hashable, Comparable, Sendable {
    package var type: UserType
    package var kind: StorageKind
    /// Whole GB: a multiple of 1000.
    package var megabytes: Int64

    package init(type: UserType, kind: StorageKind, megabytes: Int64) {
        self.type = type
        self.kind = kind
        self.megabytes = megabytes / 1000 * 1000
    }

    package static func < (a: StorageSize, b: StorageSize) -> Bool {
        (a.type.rawValue, a.kind.rawValue, a.megabytes) < (b.type.rawValue, b.kind.rawValue, b.megabytes)
    }

    /// At most `limit` of them, in order. When there are more, evenly by rank, from the smallest on: so every size left
    /// out has a smaller one near it among those that stay.
    package static func thinned(_ sizes: Set<StorageSize>, to limit: Int) -> [StorageSize] {
        let all = sizes.sorted()
        guard all.count > limit else { return all }
        return (0..<max(0, limit)).map { all[$0 * all.count / limit] }
    }
}

/// Which sizes of storage there are: what the rule for storage is asked about when it is activated, so that a price
/// book knows the volume prices of everything that is stored now.
extension StateMachine {
    /// The distinct sizes of open resources, thinned to `limit`. Cost: a pass over users and resources.
    package func storageSizes(limit: Int) -> [StorageSize] {
        var sizes: Set<StorageSize> = []
        collectStorageSizes(of: 0..<userCount, into: &sizes)
        return StorageSize.thinned(sizes, to: limit)
    }

    /// The same for some users, by ordinal, for who must not take long at once; those beyond the last are none.
    package func collectStorageSizes(of users: Range<Int>, into sizes: inout Set<StorageSize>) {
        for user in users.clamped(to: 0..<userCount) {
            let user = UserOrdinal(UInt32(user))
            let type = store.accounts[user].type
            for resource in resources(of: user) {
                let row = store.resources[resource]
                sizes.insert(StorageSize(type: type, kind: row.kind, megabytes: row.megabytes))
            }
        }
    }
}
