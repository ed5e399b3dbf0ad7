package struct MeterRow: Sendable {
    package var name: ShortText
    package var unit: ShortText
    package var scale: UInt8
    package var description: [UInt8]
    /// Of the rule that prices it; nil: none does yet.
    package var version: UInt32?
    package var created: Timestamp
}

extension StateMachine {
    /// METER LIST, newest first.
    func meterRows() -> [MeterRow] {
        store.meters.reversed().map { row in
            MeterRow(
                name: row.name, unit: row.unit, scale: row.scale, description: row.description,
                version: activeVersion(.meter(row.name)).map { store.rules[$0].version }, created: row.created)
        }
    }
}
