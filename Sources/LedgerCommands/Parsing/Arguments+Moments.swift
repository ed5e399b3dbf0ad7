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
        guard Moment.isEvent(bytes) else { return .time(try time(field)) }
        guard let moment = Moment(bytes) else { throw refusal(field) }
        return moment
    }
}

extension Moment {
    /// As a request writes it; nil where it is none.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        if Self.isEvent(bytes) {
            let number = Decimal.parse(UnsafeRawBufferPointer(rebasing: bytes[4...]))
            guard let number, number > 0, number <= UInt64(Int64.max) else { return nil }
            self = .event(LSN(number))
        } else {
            guard let time = TimeText(bytes).time, time != .never else { return nil }
            self = .time(time)
        }
    }

    /// As a request writes it.
    package var text: String {
        switch self {
        case .time(let time): "\(time)"
        case .event(let lsn): "lsn:\(lsn.value)"
        }
    }

    fileprivate static func isEvent(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 4 && Echo.folded(UnsafeRawBufferPointer(rebasing: bytes[..<4])) == "LSN:"
    }
}
