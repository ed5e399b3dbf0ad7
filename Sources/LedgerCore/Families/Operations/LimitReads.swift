extension StateMachine {
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
