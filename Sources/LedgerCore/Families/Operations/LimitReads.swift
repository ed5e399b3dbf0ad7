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
