/// Half of the users and passports, by ordinal: with one each, two threads are done in half the time.
package enum Half: CaseIterable, Sendable {
    case first, second

    /// Its share of the ordinals of so many.
    package func of(_ count: Int) -> Range<UInt32> {
        switch self {
        case .first: 0..<UInt32(count / 2)
        case .second: UInt32(count / 2)..<UInt32(count)
        }
    }
}
