/// The promises that hold between any two events, recomputed from the rows.
extension StateMachine {
    /// One sentence for each invariant that does not hold, a hundred at most. Cost: a pass over all state.
    package func violations() -> [String] { violations(with: Half.allCases.map { audit($0) }) }

    /// What the rows of a half are by themselves. Only reads, so two threads may do one each at the same time, while
    /// nobody changes the state.
    package func audit(_ half: Half) -> RowAudit {
        var found = RowAudit()
        lookUpNames(half.of(store.accounts.count), &found)
        for ordinal in half.of(store.accounts.count) {
            let user = UserOrdinal(ordinal)
            audit(user, store.accounts[user], &found)
        }
        auditPassports(half.of(store.passports.count), &found)
        return found
    }

    /// As ``violations()``, with the audits of both halves.
    package func violations(with halves: [RowAudit]) -> [String] {
        var found: [String] = []
        func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
            if !holds { found.append(sentence()) }
        }

        require(store.books.sum == 0, "the sum over the books is \(store.books.sum), not zero")
        require(
            store.books.rows.reduce(Int128(0)) { $0 + $1.balance } == store.books.sum,
            "the sum kept over the books is not the sum of their accounts")
        require(
            store.books.balance(.transfers) == 0,
            "\(store.books.balance(.transfers)) is on its way from one user to another")

        require(
            store.spaces.allSatisfy { $0.creator == .none || $0.creator.value < UInt32(store.accounts.count) },
            "the catalogue names a creator that does not exist")

        require(
            Set(store.meters.map(\.name)).count == store.meters.count && store.meters.count <= Self.maximumMeters
                && store.meters.allSatisfy { store.books.find(.revenue, $0.name) != nil },
            "the meters are not what they must be")

        require(
            store.allowanceRound.due != .never || store.allowances.count == 0 && !store.allowanceRound.isForTypes,
            "there are allowances, and no round of them will come")
        require(
            store.allowances.count == store.allowanceIndex.count
                && (typeAllowances + store.allowances.slots.map { store.allowances[$0] }).allSatisfy {
                    $0.user == .none
                        || $0.user.value < UInt32(store.accounts.count) && store.accounts[$0.user].state != .deleted
                },
            "users' own allowances are not what they must be")

        for half in halves { found += half.names }
        for half in halves { found += half.users }
        let owned = halves.reduce(0) { $0 + $1.instances }
        require(
            owned == store.instances.count && owned == store.instanceIndex.count && owned == store.instanceByID.count,
            "instances of spaces are miscounted")
        for half in halves { found += half.passports }
        func sum(_ part: (RowAudit) -> Int128) -> Int128 { halves.reduce(0) { $0 + part($1) } }
        let (paid, promo, held, debt) = (sum(\.paid), sum(\.promo), sum(\.held), sum(\.debt))
        func book(_ account: Books.Fixed) -> Int128 { store.books.balance(account) }
        require(paid == book(.userPaid), "users hold \(paid) of bought credit, the books say \(book(.userPaid))")
        require(promo == book(.userPromo), "users hold \(promo) of other credit, the books say \(book(.userPromo))")
        require(held == book(.userHeld), "users have \(held) on hold, the books say \(book(.userHeld))")
        require(-debt == book(.userDebt), "users owe \(debt), the books say \(-book(.userDebt))")
        return Array(found.prefix(RowAudit.most))
    }

    /// By its row's address: a copy would count the references in it.
    private func audit(_ user: UserOrdinal, _ row: Account, _ found: inout RowAudit) {
        func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
            if !holds, found.users.count < RowAudit.most { found.users.append(sentence()) }
        }

        var name: ShortText { row.id }
        found.paid += Int128(row.paid.nanos)
        found.promo += Int128(row.promo.nanos)
        found.held += Int128(row.held.nanos)
        found.debt += Int128(row.debt.nanos)
        require(row.paid >= .zero && row.promo >= .zero && row.held >= .zero, "user \(name) has a negative balance")
        require(row.debt >= .zero, "user \(name) has a negative debt")
        if row.state == .deleted {
            require(
                row.paid.isZero && row.promo.isZero && row.held.isZero && row.debt.isZero
                    && row.firstSession.isNone && row.firstHold.isNone && row.firstResource.isNone,
                "user \(name) was deleted and still has something")
            require(
                row.email.isEmpty && row.name.isEmpty
                    && passports(of: user).allSatisfy {
                        store.passports[$0].revoked && store.passports[$0].name.isEmpty
                    }, "user \(name) was deleted and still has texts or good passports")
        }
        require(row.lastEvent <= lastLSN && !row.lastEvent.isNone, "user \(name) has no last event")

        var free = (paid: Int128(0), promo: Int128(0), pinned: Int128(0), pending: Int128(0))
        var (lots, scoped, earning) = (Int32(0), Int32(0), Int32(0))
        var before = Slot<Lot>.none
        for slot in self.lots(of: user) {
            lots += 1
            let lot = store.lots[slot]
            require(lot.user == user, "lot \(lot.id.text(as: .lot)) hangs at the wrong user")
            require(lot.remaining > .zero, "lot \(lot.id.text(as: .lot)) is empty and still there")
            require(
                lot.pinned >= .zero && lot.pinned <= lot.remaining,
                "lot \(lot.id.text(as: .lot)) is pinned beyond what it has")
            require(!lot.expired || lot.free.isZero, "lot \(lot.id.text(as: .lot)) has expired with free credit")
            require(
                before.isNone || store.lots[before].burnsBefore(lot),
                "the lots of user \(name) are not in burn order")
            if lot.kind.isPaid { free.paid += Int128(lot.free.nanos) } else { free.promo += Int128(lot.free.nanos) }
            free.pinned += Int128(lot.pinned.nanos)
            if !lot.scope.isEverything { scoped += 1 }
            if lot.kind == .earning { earning += 1 }
            if lot.waiting { free.pending += Int128(lot.free.nanos) }
            before = slot
        }
        require(
            free.paid == Int128(row.paid.nanos),
            "user \(name): paid lots hold \(free.paid), the account says \(row.paid.nanos)")
        require(
            free.promo == Int128(row.promo.nanos),
            "user \(name): other lots hold \(free.promo), the account says \(row.promo.nanos)")
        require(
            free.pinned == Int128(row.held.nanos),
            "user \(name): lots are pinned for \(free.pinned), the account holds \(row.held.nanos)")
        require(free.pending == Int128(row.pending.nanos), "user \(name): pending lots do not add up")
        require(
            lots == row.lotCount && scoped == row.scopedLots && earning == row.earningLots,
            "user \(name): lots are miscounted")

        var pins = Int128(0)
        var holds = Int32(0)
        for slot in self.holds(of: user) {
            holds += 1
            pins += Int128(store.holds[slot].pins.total.nanos)
        }
        var sessions = Int32(0)
        var (exhausting, onDebt) = (Int32(0), Int32(0))
        var covered = Timestamp.never
        for slot in self.sessions(of: user) {
            let session = store.sessions[slot]
            pins += Int128(session.pins.total.nanos)
            sessions += 1
            if session.status == .exhausting { exhausting += 1 }
            if session.runsOnDebt { onDebt += 1 }
            covered = min(covered, session.meter.lasts(held: session.pins.total))
            require(
                store.external[names.session(session.external)] == session.id.lsn.value,
                "session \(session.external) is not found by name")
            require(session.posted >= .zero, "session \(session.external) was charged less than nothing")
        }
        require(
            pins == Int128(row.held.nanos),
            "user \(name): holds and sessions pin \(pins), the account holds \(row.held.nanos)")
        require(
            sessions == row.sessionCount && exhausting == row.exhaustingCount && holds == row.holdCount
                && onDebt == row.onDebtCount,
            "user \(name): open sessions or holds are miscounted")
        require(
            onDebt > 0 || row.fundsEnd == .never, "user \(name): debt is to end sessions that do not run on it")
        require(
            covered == row.coveredUntil,
            "user \(name): sessions are covered until \(covered), the account says \(row.coveredUntil)")
        var stored = Int64(0)
        var resources = Int32(0)
        for slot in self.resources(of: user) {
            resources += 1
            stored += store.resources[slot].megabytes
        }
        require(
            row.storageStopped == .never || row.storageUnpaidSince != .never,
            "user \(name): storage stopped that is not unpaid")
        require(
            stored == row.storedMegabytes && resources == row.resourceCount,
            "user \(name): storage is miscounted")
        for slot in self.instances(of: user) {
            found.instances += 1
            let row = store.instances[slot]
            require(
                row.user == user && instance(row.id) == slot
                    && store.instanceIndex.slot(instanceName(user, row.workspace, row.name)) == slot,
                "instance \(row.id.text(as: .space)) hangs at the wrong user, or is not found by name")
        }
    }

    /// Names are hashed first and looked for then, some at a time: so the memory that one look waits for comes while
    /// others look.
    private func lookUpNames(_ users: Range<UInt32>, _ found: inout RowAudit) {
        var hashes: [Hash128] = []
        for first in stride(from: users.lowerBound, to: users.upperBound, by: 64) {
            let portion = first..<min(first + 64, users.upperBound)
            hashes.removeAll(keepingCapacity: true)
            for number in portion { hashes.append(names.user(store.accounts[UserOrdinal(number)].id)) }
            for hash in hashes { store.userIndex.prefetch(hash) }
            for number in portion where store.userIndex[hashes[Int(number - first)]] != UInt64(number) {
                guard found.names.count < RowAudit.most else { return }
                found.names.append("user \(store.accounts[UserOrdinal(number)].id) is not found by name")
            }
        }
    }

    private func auditPassports(_ passports: Range<UInt32>, _ found: inout RowAudit) {
        var heldBy: [PassportOrdinal: Int128] = [:]
        for slot in store.holds.slots where store.holds[slot].spender != .none {
            heldBy[root(store.holds[slot].spender), default: 0] += Int128(store.holds[slot].pins.total.nanos)
        }
        for slot in store.sessions.slots where store.sessions[slot].spender != .none {
            heldBy[root(store.sessions[slot].spender), default: 0] += Int128(store.sessions[slot].pins.total.nanos)
        }
        for ordinal in passports {
            let passport = PassportOrdinal(ordinal)
            // Where nothing is held, hashing each of a million passports would only find that out again.
            let held = heldBy.isEmpty ? 0 : heldBy[passport, default: 0]
            guard held != store.passports[passport].extras.held, found.passports.count < RowAudit.most else { continue }
            found.passports.append(
                "what is held with passport \(store.passports[passport].id.text) is miscounted")
        }
    }
}

/// What an audit found in half of the rows: sums that the books must agree with, and a sentence for each promise that
/// the rows break by themselves.
package struct RowAudit: Sendable {
    fileprivate static let most = 100

    fileprivate var paid = Int128(0)
    fileprivate var promo = Int128(0)
    fileprivate var held = Int128(0)
    fileprivate var debt = Int128(0)
    fileprivate var instances = 0
    fileprivate var names: [String] = []
    fileprivate var users: [String] = []
    fileprivate var passports: [String] = []

    package init() {}
}
