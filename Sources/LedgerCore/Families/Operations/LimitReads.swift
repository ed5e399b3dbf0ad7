extension StateMachine {
    func limitRows() -> [LimitRow] {
        let overdrafts = overdrafts()
        return UserType.allCases.flatMap { type in
            LimitName.allCases.map { limit in
                LimitRow(
                    type: type, limit: limit, value: store.limits[type, limit],
                    overdraft: limit == .exhaustionGrace ? overdrafts?[Int(type.rawValue)] : nil)
            }
        }
    }
}
