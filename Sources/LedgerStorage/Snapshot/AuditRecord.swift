package import LedgerCore

/// Which snapshot was proven last to be what the journal leads to, and when: a side file, one line. Without it the next
/// audit begins with the first event, or with a snapshot that was folded.
///
/// Where an audit found a difference it says so, too, before anything else is done about it: no snapshot behind the
/// proven one is begun with any more, until a start has removed them.
package struct AuditRecord: Equatable, Sendable {
    /// None: no snapshot was proven.
    package var lsn: LSN
    package var time: Timestamp
    /// Of the snapshot's state, in hexadecimal digits: another file under its name was not proven.
    package var digest: String
    package var distrustsLater: Bool

    package init(lsn: LSN, time: Timestamp, digest: String, distrustsLater: Bool = false) {
        self.lsn = lsn
        self.time = time
        self.digest = digest
        self.distrustsLater = distrustsLater
    }

    /// Nil where there is none, or it makes no sense.
    package static func load(from directory: DataDirectory) -> AuditRecord? {
        guard let bytes = try? directory.disk.contents(of: directory.audited), bytes.count < 512 else { return nil }
        let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        guard words.count == 7 || words.count == 8 && words[7] == "distrusted", words[0] == "lsn",
            let lsn = UInt64(words[1]), words[2] == "time", let time = Int64(words[3]), words[4] == "digest",
            words[6] == (words.count == 8 ? "later" : "proven")
        else { return nil }
        return AuditRecord(
            lsn: LSN(lsn), time: Timestamp(nanoseconds: time), digest: String(words[5]),
            distrustsLater: words.count == 8)
    }

    /// In one step, and durable.
    package func save(to directory: DataDirectory) throws(StorageError) {
        let text =
            "lsn \(lsn.value) time \(time.nanoseconds) digest \(digest) \(distrustsLater ? "later distrusted" : "proven")\n"
        try directory.disk.replace(directory.audited, with: Array(text.utf8), in: directory.path)
    }

    package func trusts(_ snapshot: LSN) -> Bool { !distrustsLater || snapshot <= lsn }
}
