/// What rows of a ``Slab`` were when a capture began: those that were changed or removed since, and that it has not
/// come to. So a capture takes its time, and what it takes is the table of one instant.
///
/// Rows are passed in the order of their places (a user's ordinal, mostly): what lies before `frontier` was taken, and
/// is not kept any more. Belongs to its slab.
final class Preimages<Row> {
    private var rows = Slab<Row>()
    /// A slot's number and one → where its row lies in `rows`.
    private var index = HashIndex<UInt64>()
    private let place: (Slot<Row>, Row) -> UInt32
    private var newest = Slot<Row>.none
    /// Places before it were taken.
    var frontier: UInt32 = 0

    init(place: @escaping (Slot<Row>, Row) -> UInt32) { self.place = place }

    var count: Int { rows.count }

    /// Keeps a row that is about to change or go. Cost: a look into an index, and the row's copy the first time.
    func keep(_ slot: Slot<Row>, _ row: UnsafeMutablePointer<Row>) {
        guard slot != newest, place(slot, row.pointee) >= frontier else { return }
        newest = slot
        let key = UInt64(slot.index) + 1
        guard index[key] == nil else { return }
        index.set(key, rows.insert(row.pointee))
    }

    /// The row as it was, if it was kept. Once.
    func take(_ slot: Slot<Row>) -> Row? {
        guard rows.count > 0 else { return nil }
        let key = UInt64(slot.index) + 1
        guard let kept: Slot<Row> = index.slot(key) else { return nil }
        index.remove(key)
        if slot == newest { newest = .none }
        return rows.remove(kept)
    }
}
