package import LedgerEngine
package import RESP
internal import LedgerCore

/// `INFO`: sections of `name:value` lines, as Redis clients take them apart.
package enum InfoReply {
    package struct Section: Sendable {
        package var name: String
        package var fields: [(name: String, value: String)]

        package init(_ name: String, _ fields: [(name: String, value: String)]) {
            self.name = name
            self.fields = fields
        }
    }

    /// What the engine says of itself. The server puts its own sections (`server`, `clients`) in front.
    package static func sections(_ info: EngineInfo) -> [Section] {
        typealias Fields = [(name: String, value: String)]
        let ledger: Fields =
            [
                ("florin_version", info.version), ("ledger_id", info.ledger), ("last_lsn", "\(info.lastLSN.value)"),
                ("durable_lsn", "\(info.durableLSN.value)"), ("books_sum", "\(info.booksSum)"),
                ("read_only", info.readOnly ?? "no"), ("time", text(info.now)),
                ("clock_deviation_seconds", decimal(Double(info.clock.deviation.nanoseconds) / 1e9)),
                ("clock_warning", info.clock.warning ?? "none"),
            ] + info.counts.map { ($0.name, "\($0.count)") }
        let persistence: Fields = [
            ("loading", "0"), ("journal_bytes_written", "\(info.journalBytes)"), ("snapshots", "\(info.snapshots)"),
            ("snapshot_in_progress", info.snapshotInProgress ? "1" : "0"),
            ("last_snapshot_lsn", "\(info.lastSnapshotLSN.value)"), ("last_snapshot_time", text(info.lastSnapshotTime)),
            ("last_snapshot_status", info.lastSnapshotStatus), ("recovery_seconds", decimal(info.recoverySeconds)),
            ("history_check", info.historyCheck), ("last_sync_usec", "\(info.lastSyncNanoseconds / 1000)"),
        ]
        let stats: Fields = [
            ("total_commands_processed", "\(info.commands.reduce(0) { $0 + $1.calls })"),
            ("rejected_commands", "\(info.commands.reduce(0) { $0 + $1.rejected })"), ("batches", "\(info.batches)"),
            ("events", "\(info.events)"), ("syncs", "\(info.syncs)"), ("timers_fired", "\(info.timersFired)"),
            ("next_timer", info.nextTimer.map(text) ?? "none"), ("mailbox", "\(info.mailbox)"),
            ("mailbox_capacity", "\(info.mailboxCapacity)"),
        ]
        let memory: Fields = [("used_memory_rss", "\(info.residentBytes)")]
        let commands: Fields = info.commands.filter { $0.calls > 0 }.map { command in
            let each = command.nanoseconds / command.calls
            let name = command.name.lowercased().split(separator: " ").joined(separator: "|")
            return (
                "cmdstat_\(name)",
                "calls=\(command.calls),usec=\(command.nanoseconds / 1000),usec_per_call=\(decimal(Double(each) / 1000)),rejected_calls=\(command.rejected)"
            )
        }
        let users = info.counts.first { $0.name == "users" }?.count ?? 0
        return [
            Section("Ledger", ledger),
            Section("Persistence", persistence),
            Section("Stats", stats), Section("Memory", memory),
            Section("Books", info.books.map { ($0.account, "\(MoneySum(nanos: $0.balance))") }),
            Section("Commandstats", commands),
            Section("Keyspace", users == 0 ? [] : [("db0", "keys=\(users),expires=0,avg_ttl=0")]),
        ]
    }

    /// The sections asked for, in any case; nothing, `all`, `everything` or `default` asks for each of them.
    package static func write(_ sections: [Section], wanted: [String], to writer: inout RESPWriter) {
        let all = wanted.isEmpty || !Set(wanted).isDisjoint(with: ["all", "everything", "default"])
        var text = ""
        for section in sections where all || wanted.contains(section.name.lowercased()) {
            if !text.isEmpty { text += "\r\n" }
            text += "# \(section.name)\r\n"
            for field in section.fields { text += "\(oneLine(field.name)):\(oneLine(field.value))\r\n" }
        }
        writer.verbatim(text)
    }

    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }

    private static func text(_ time: Timestamp) -> String {
        time == .distantPast || time == .never ? "never" : time.description
    }

    /// Three decimals.
    private static func decimal(_ value: Double) -> String {
        let thousandths = Int64((value * 1000).rounded())
        let rest = String(thousandths.magnitude % 1000)
        return "\(thousandths / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }
}
