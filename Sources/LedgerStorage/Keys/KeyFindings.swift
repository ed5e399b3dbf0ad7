package import LedgerCore

// Looking for loss.
extension KeyStore {
    /// What a look at every slot has found.
    package struct Findings: Sendable {
        /// Users whose key is damaged, or gone although there is text under it, or another than the text's.
        package var users = 0
        /// The first of them.
        package var first: [StorageError] = []
        /// Damaged slots of no user: what a crash left of a key that nobody used.
        package var strays = 0
        /// Keys of deleted users that are still there: what an end between a deletion and its key leaves.
        package var survivors = 0
        package static let listed = 20
    }

    /// Compares every slot with what the ledger says of its users. Cost: a pass over the file; `opening`, a few
    /// microseconds for each user as well, to see whether each key opens what it should.
    package func findings<State: JournaledState & ~Copyable>(
        _ ledger: borrowing State, opening: Bool = false
    ) throws(StorageError) -> Findings {
        var findings = Findings()
        let users = ledger.userCount
        let slots = max(users, (try file.size() - Self.slotsStart) / Self.slotBytes)
        let portion = Self.growth / Self.slotBytes
        let buffer = AlignedBuffer(count: Self.growth)
        for first in stride(from: 0, to: slots, by: portion) {
            let count = try file.read(into: buffer.bytes, at: Self.offset(UserOrdinal(UInt32(first))))
            for number in first..<min(first + portion, slots) {
                let ordinal = UserOrdinal(UInt32(number))
                let place = (number - first) * Self.slotBytes
                var trouble: StorageError?
                let isThere = place + Self.slotBytes <= count
                switch isThere ? Self.kind(buffer.readable.slice(place, Self.slotBytes), ordinal) : .empty {
                case .empty: if number < users, ledger.hasSealedText(ordinal) { trouble = missing(ordinal) }
                case .key:
                    if ledger.isDeleted(ordinal) { findings.survivors += 1 }
                    if opening, number < users { trouble = faultOpening(ledger.sealedText(ordinal), ordinal) }
                case .destroyed: break
                case .damaged: trouble = damaged(ordinal)
                }
                guard let trouble else { continue }
                guard number < users else {
                    findings.strays += 1
                    continue
                }
                findings.users += 1
                if findings.first.count < Findings.listed { findings.first.append(trouble) }
            }
        }
        return findings
    }

    private func faultOpening(_ text: [UInt8], _ ordinal: UserOrdinal) -> StorageError? {
        guard !text.isEmpty else { return nil }
        do throws(StorageError) {
            _ = try open(text, ordinal)
            return nil
        } catch {
            return error
        }
    }

    /// What a start has to say about the keys of the ledger that it found; nothing when all are there.
    static func warnings<State: JournaledState & ~Copyable>(
        _ directory: DataDirectory, _ ledger: borrowing State
    ) -> [String] {
        guard ledger.userCount > 0 else { return [] }
        do throws(StorageError) {
            let findings = try KeyStore(reading: directory).findings(ledger)
            guard let first = findings.first.first else { return [] }
            let users = findings.users == 1 ? "1 user has" : "\(findings.users) users have"
            return [
                "\(directory.keys): \(users) lost the key to name, address and texts, the first at byte \(first.offset ?? 0); "
                    + "nothing new can be sealed for them. Restore the key file from a backup"
            ]
        } catch {
            return ["\(error)"]
        }
    }
}
