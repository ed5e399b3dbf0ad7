package struct LimitRow: Sendable {
    package var type: UserType
    /// Empty for what holds for all of the type.
    package var user = ShortText()
    package var limit: LimitName
    package var value: Int64
    /// For the limit that says how sessions outlive their credit: the largest overdraft that those of one user of this
    /// type can make together, while the ledger runs. nil elsewhere and without an active rule.
    package var overdraft: Money?
    /// What each hour may add to it in which the ledger is away, for it can stop nothing then.
    package var downtimePerHour: Money?
    /// Of a user's cap: what was charged, used and held, and when it begins anew.
    package var spent: Money?
    package var resets = Timestamp.never
}

extension StateMachine {
    /// What one user may spend, and what was spent of it.
    func limitRows(of user: UserOrdinal, at now: Timestamp) -> [LimitRow] {
        let (row, caps) = (store.accounts[user], caps(of: user))
        return [(CapPeriod.day, LimitName.capDay), (.month, .capMonth)].map { period, limit in
            LimitRow(
                type: row.type, user: row.id, limit: limit, value: caps[period],
                spent: spent(of: user, period, at: now),
                resets: period.end(at: now))
        }
    }

    func limitRows() -> [LimitRow] {
        let overdrafts = overdrafts()
        return UserType.allCases.flatMap { type in
            LimitName.allCases.map { limit in
                let ruling = debtCeiling(type) == nil ? LimitName.exhaustionGrace : .exhaustionDebt
                let overdraft = limit == ruling ? overdrafts?[Int(type.rawValue)] : nil
                return LimitRow(
                    type: type, limit: limit, value: store.limits[type, limit], overdraft: overdraft?.most,
                    downtimePerHour: overdraft?.downtimePerHour)
            }
        }
    }
}
