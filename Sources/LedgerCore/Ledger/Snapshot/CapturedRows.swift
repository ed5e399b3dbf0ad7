/// Some rows of a state, as a ``Capture`` hands them out: values, for another thread to write down.
package struct CapturedRows: Sendable {
    let rows: CapturedTable

    /// How many, about.
    package var count: Int {
        switch rows {
        case .small: 1
        case .users(let rows): rows.count
        case .passports(let rows): rows.count
        case .owned(let owned): owned.count
        case .numbers(_, let entries): entries.count
        case .hashes(_, let entries): entries.count
        case .allowances(let rows): rows.count
        case .keys(let rows): rows.count
        }
    }
}

enum CapturedTable: Sendable {
    case small(SmallRows)
    case users(ContiguousArray<Account>)
    case passports(ContiguousArray<Passport>)
    /// What belongs to a whole range of users.
    case owned(OwnedRows)
    case numbers(SnapshotSection, IndexEntries<UInt64>)
    case hashes(SnapshotSection, IndexEntries<Hash128>)
    /// Of one segment of their index.
    case allowances(ContiguousArray<Allowance>)
    case keys(ContiguousArray<CommandHistory.Entry>)
}

/// What there is little of: copied whole when a capture begins.
struct SmallRows: Sendable {
    var ledger: LedgerRow
    var limits: [LimitSet]
    var books: [BookAccountRow]
    var rules: [Rule]
    var active: [ActiveRule]
    var scheduled: [ScheduledRule]
    var spaces: [Space]
    var meters: [Meter]
    /// Of types.
    var allowances: [Allowance]
}

/// A row that hangs in a list of its user, and stands in a snapshot by user and birth.
protocol OwnedRow: Recordable, Listed {
    var user: UserOrdinal { get }
    var id: BirthID { get }
}

extension Lot: OwnedRow {}
extension Hold: OwnedRow {}
extension Session: OwnedRow {}
extension Resource: OwnedRow {}
extension Instance: OwnedRow {}

/// What hangs in users' lists.
struct OwnedRows: Sendable {
    var lots: ContiguousArray<Lot> = []
    var holds: ContiguousArray<Hold> = []
    var sessions: ContiguousArray<Session> = []
    var resources: ContiguousArray<Resource> = []
    var instances: ContiguousArray<Instance> = []

    var count: Int { lots.count + holds.count + sessions.count + resources.count + instances.count }
}
