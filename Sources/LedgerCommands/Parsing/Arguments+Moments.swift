internal import LedgerCore

/// Where in the journal something begins.
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
}
