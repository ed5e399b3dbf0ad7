/// The promises that hold between any two events, recomputed from the rows.
extension StateMachine {
    /// One sentence for each invariant that does not hold. Cost: a pass over all state.
    package func violations() -> [String] {
        var found: [String] = []
        func require(_ holds: Bool, _ sentence: @autoclosure () -> String) {
            if !holds, found.count < 100 { found.append(sentence()) }
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

        for user in usersNotFound() { require(false, "user \(store.accounts[user].id) is not found by name") }

        var paid = Int128(0)
        var promo = Int128(0)
        var held = Int128(0)
        var debt = Int128(0)
        var owned = 0
        for ordinal in 0..<UInt32(store.accounts.count) {
            let user = UserOrdinal(ordinal)
            let row = store.accounts[user]
            let name = row.id
            paid += Int128(row.paid.nanos)
            promo += Int128(row.promo.nanos)
            held += Int128(row.held.nanos)
            debt += Int128(row.debt.nanos)
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
                owned += 1
                let row = store.instances[slot]
                require(
                    row.user == user && instance(row.id) == slot
                        && store.instanceIndex.slot(instanceName(user, row.workspace, row.name)) == slot,
                    "instance \(row.id.text(as: .space)) hangs at the wrong user, or is not found by name")
            }
        }
        require(
            owned == store.instances.count && owned == store.instanceIndex.count && owned == store.instanceByID.count,
            "instances of spaces are miscounted")
        var heldBy: [PassportOrdinal: Int128] = [:]
        for slot in store.holds.slots where store.holds[slot].spender != .none {
            heldBy[root(store.holds[slot].spender), default: 0] += Int128(store.holds[slot].pins.total.nanos)
        }
        for slot in store.sessions.slots where store.sessions[slot].spender != .none {
            heldBy[root(store.sessions[slot].spender), default: 0] += Int128(store.sessions[slot].pins.total.nanos)
        }
        for ordinal in 0..<UInt32(store.passports.count) {
            let passport = PassportOrdinal(ordinal)
            require(
                heldBy[passport, default: 0] == store.passports[passport].extras.held,
                "what is held with passport \(store.passports[passport].id.text) is miscounted")
        }
        func book(_ account: Books.Fixed) -> Int128 { store.books.balance(account) }
        require(paid == book(.userPaid), "users hold \(paid) of bought credit, the books say \(book(.userPaid))")
        require(promo == book(.userPromo), "users hold \(promo) of other credit, the books say \(book(.userPromo))")
        require(held == book(.userHeld), "users have \(held) on hold, the books say \(book(.userHeld))")
        require(-debt == book(.userDebt), "users owe \(debt), the books say \(-book(.userDebt))")
        return found
    }
    /// Names are hashed first and looked for then, some at a time: so the memory that one look waits for comes while
    /// others look.
    private func usersNotFound() -> [UserOrdinal] {
        var missing: [UserOrdinal] = []
        var hashes: [Hash128] = []
        for first in stride(from: 0, to: store.accounts.count, by: 64) {
            let portion = first..<min(first + 64, store.accounts.count)
            hashes.removeAll(keepingCapacity: true)
            for number in portion { hashes.append(names.user(store.accounts[UserOrdinal(UInt32(number))].id)) }
            for number in portion where store.userIndex[hashes[number - first]] != UInt64(number) {
                missing.append(UserOrdinal(UInt32(number)))
            }
        }
        return missing
    }
}
