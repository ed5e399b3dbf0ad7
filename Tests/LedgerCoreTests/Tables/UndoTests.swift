import Testing

@testable import LedgerCore

@Suite struct UndoTests {
    @Test func `a saved value goes back to the copy of its savepoint, as often as asked`() {
        var saved = Saved(wrappedValue: [1, 2])
        let outer = saved.openSavepoint()
        saved.wrappedValue.append(3)
        let inner = saved.openSavepoint()
        for _ in 1...2 {
            saved.wrappedValue.removeAll()
            saved.rollBack(to: inner)
            #expect(saved.wrappedValue == [1, 2, 3])
        }
        saved.wrappedValue.append(4)
        saved.closeSavepoint()
        #expect(saved.wrappedValue == [1, 2, 3, 4])
        saved.rollBack(to: outer)
        #expect(saved.wrappedValue == [1, 2])
        saved.closeSavepoint()
        #expect(saved.wrappedValue == [1, 2])
    }

    @Test func `a saved value is written as its property is`() {
        struct Holder: ~Copyable {
            @Saved var names = ["a"]
            mutating func takenBack(_ change: (inout [String]) -> Void) {
                let mark = _names.openSavepoint()
                change(&names)
                _names.rollBack(to: mark)
                _names.closeSavepoint()
            }
        }
        var holder = Holder()
        holder.names.append("b")
        holder.takenBack { $0.append("c") }
        let names = holder.names
        #expect(names == ["a", "b"])
    }

    @Test func `an outer mark may be taken back to while inner savepoints are open`() {
        var index = HashIndex<UInt64>()
        var saved = Saved(wrappedValue: 1)
        let marks = (index.openSavepoint(), saved.openSavepoint())
        index.set(1, 1)
        saved.wrappedValue = 2
        _ = (index.openSavepoint(), saved.openSavepoint())
        index.set(2, 2)
        saved.wrappedValue = 3
        index.rollBack(to: marks.0)
        saved.rollBack(to: marks.1)
        let count = index.count
        #expect(count == 0)
        #expect(saved.wrappedValue == 1)
        for _ in 1...2 {
            index.closeSavepoint()
            saved.closeSavepoint()
        }
        #expect(saved.wrappedValue == 1)
    }

    @Test func `a mark is void once its savepoint is closed`() async {
        await #expect(processExitsWith: .failure) {
            var queue = TimerQueue()
            let mark = queue.openSavepoint()
            queue.closeSavepoint()
            queue.rollBack(to: mark)
        }
        await #expect(processExitsWith: .failure) {
            var saved = Saved(wrappedValue: 1)
            let mark = saved.openSavepoint()
            saved.closeSavepoint()
            saved.rollBack(to: mark)
        }
        await #expect(processExitsWith: .failure) {
            var books = Books()
            books.closeSavepoint()
        }
    }
}
