internal import LedgerCore

/// Where in the journal something begins, or was.
extension Arguments {
    /// Nil: from now on.
    func tailStart(_ field: Int) throws(CommandError) -> LSN? {
        let bytes = bytes(field)
        if bytes.count == 1, bytes[0] == UInt8(ascii: "$") { return nil }
        if Echo.folded(bytes) == "NOW" { return nil }
        let lsn = try integer(field, 0...UInt64(Int64.max))
        guard lsn > 0 else { throw refusal(field, "is before the first event of a ledger, which is 1") }
        return LSN(lsn)
    }

    /// A time, or `lsn:` and an event.
    func moment(_ field: Int) throws(CommandError) -> Moment {
        let bytes = bytes(field)
        guard bytes.count > 4, Echo.folded(UnsafeRawBufferPointer(rebasing: bytes[..<4])) == "LSN:" else {
            return .time(try time(field))
        }
        let number = Decimal.parse(UnsafeRawBufferPointer(rebasing: bytes[4...]))
        guard let number, number > 0, number <= UInt64(Int64.max) else { throw refusal(field) }
        return .event(LSN(number))
    }
}
