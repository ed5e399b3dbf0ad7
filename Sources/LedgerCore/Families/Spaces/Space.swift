/// What a space is, as whoever added it said. What it costs is rule input, not the price itself.
package struct SpaceEntry: Equatable, Sendable {
    package var id: ShortText
    package var name: ShortText
    package var description: [UInt8]
    package var category: ShortText
    package var gigabytes: Int64
    package var cost: Money
    /// Everybody may see and buy it; else its creator and whom it is granted to.
    package var isPublic: Bool
    /// Of what a purchase burns of bought credit, to the creator: in hundredths of a percent.
    package var share: UInt16
    package init(
        id: ShortText, name: ShortText, description: [UInt8], category: ShortText, gigabytes: Int64, cost: Money,
        isPublic: Bool, share: UInt16 = 0
    ) {
        self.id = id
        self.name = name
        self.description = description
        self.category = category
        self.gigabytes = gigabytes
        self.cost = cost
        self.isPublic = isPublic
        self.share = share
    }

    /// A share of 100 percent.
    static let whole: Int128 = 10_000

    /// `12.5`
    static func text(_ share: UInt16) -> String {
        let text = Money(nanos: Int64(share) * Money.cent.nanos).description
        return text.hasSuffix(".00") ? String(text.dropLast(3)) : text.hasSuffix("0") ? String(text.dropLast()) : text
    }
}

extension SpaceEntry: Recordable {
    static let blank = SpaceEntry(
        id: ShortText(), name: ShortText(), description: [], category: ShortText(), gigabytes: 0, cost: .zero,
        isPublic: false)

    package mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try c.text(&id)
        try c.text(&name)
        try c.bytes(&description)
        try c.text(&category)
        try c.signed(&gigabytes)
        try c.money(&cost)
        try c.bool(&isPublic)
        try c.small(&share)
    }
}

/// A row of the catalogue. Rows are never removed: a space's number in it is its name in other tables.
struct Space: Recordable, Equatable {
    var entry = SpaceEntry.blank
    /// The user who made it; `.none` for what the ledger began with.
    var creator = UserOrdinal.none
    var created = Timestamp.distantPast
    var lsn = LSN.none

    mutating func code<C: Coder>(with c: inout C) throws(C.Failure) {
        try entry.code(with: &c)
        try c.user(&creator)
        try c.time(&created)
        try c.lsn(&lsn)
    }
}

extension StateMachine {
    /// A space's number in the catalogue.
    func space(_ id: ShortText) -> Int? { store.spaces.firstIndex { $0.entry.id == id } }

    /// The same for somebody who may see it: to everybody else it is as if it did not exist.
    func space(_ id: ShortText, for user: UserOrdinal) -> Int? {
        space(id).flatMap { isShown(space: $0, to: user) ? $0 : nil }
    }

    func isShown(space number: Int, to user: UserOrdinal) -> Bool {
        store.spaces[number].entry.isPublic || store.spaces[number].creator == user && user != .none
            || store.spaceGrants[grantKey(number, user)] != nil
    }

    func grantKey(_ space: Int, _ user: UserOrdinal) -> UInt64 { UInt64(space + 1) << 32 | UInt64(user.value) }
}
