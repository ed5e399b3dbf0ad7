package import LedgerEngine
package import RESP
internal import LedgerCore

/// `INFO`: sections of `name:value` lines, as Redis clients take them apart. Where Redis has a field for it, it has
/// Redis' name here, too.
package enum InfoReply {
    package struct Section: Sendable {
        package var name: String
        package var fields: [(name: String, value: String)]
        /// Its values are lists of `name=value`, which clients split at commas. All others are one text: what would be
        /// split in them is written otherwise.
        package var isList = false

        init(_ name: String, _ fields: [(name: String, value: String)], isList: Bool = false) {
            self.name = name
            self.fields = fields
            self.isList = isList
        }
    }

    /// All sections, in Redis' order, then the ledger's own.
    package static func sections(_ engine: EngineInfo, _ server: ServerFigures) -> [Section] {
        [
            self.server(engine, server), clients(server), memory(engine, server), persistence(engine),
            stats(engine, server),
            replication(engine), commands(engine, server), keyspace(engine), ledger(engine), books(engine),
        ] + (engine.followers.isEmpty ? [] : [followers(engine)]) + (server.heldForks.isEmpty ? [] : [forks(server)])
    }

    /// The sections asked for, in any case; nothing, `all`, `everything` or `default` asks for each of them.
    package static func write(_ sections: [Section], wanted: [String], to writer: inout RESPWriter) {
        let all = wanted.isEmpty || !Set(wanted).isDisjoint(with: ["all", "everything", "default"])
        var text = ""
        for section in sections where all || wanted.contains(section.name.lowercased()) {
            if !text.isEmpty { text += "\r\n" }
            text += "# \(section.name)\r\n"
            for field in section.fields {
                text += "\(oneLine(field.name)):\(section.isList ? oneLine(field.value) : whole(field.value))\r\n"
            }
        }
        writer.verbatim(text)
    }

    // MARK: Sections that Redis has

    private static func server(_ engine: EngineInfo, _ server: ServerFigures) -> Section {
        Section(
            "Server",
            [
                // For Redis clients that look at versions before they dare to ask.
                ("redis_version", "7.0.0"), ("redis_mode", "standalone"), ("florin_version", server.version),
                ("process_id", "\(server.process)"), ("tcp_port", "\(server.port)"),
                ("uptime_in_seconds", "\(max(0, (engine.now - engine.started).nanoseconds / 1_000_000_000))"),
                ("event_loops", "\(server.eventLoops)"), ("hz", "0"),
            ])
    }

    private static func clients(_ server: ServerFigures) -> Section {
        Section(
            "Clients",
            [
                ("connected_clients", "\(server.clients)"), ("maxclients", "\(server.maxClients)"),
                ("dropped_connections", "\(server.dropped)"),
                ("answers_waiting_bytes", "\(server.answersWaiting)"), ("busy_requests", "\(server.busy)"),
                ("authentication_failures", "\(server.authenticationFailures)"),
            ])
    }

    private static func memory(_ engine: EngineInfo, _ server: ServerFigures) -> Section {
        Section(
            "Memory",
            [
                ("maxmemory", "0"), ("maxmemory_policy", "noeviction"), ("used_memory", "\(engine.residentBytes)"),
                ("used_memory_human", mebibytes(engine.residentBytes)), ("used_memory_rss", "\(engine.residentBytes)"),
                ("number_of_cached_scripts", "\(server.scripts)"), ("forks", "\(server.forks)"),
                ("forks_memory_bytes", "\(server.forkBytes)"),
                ("past_lsn", "\(server.pastLSN.value)"), ("past_memory_bytes", "\(server.pastBytes)"),
            ])
    }

    private static func persistence(_ info: EngineInfo) -> Section {
        let last = info.lastSnapshotTime
        return Section(
            "Persistence",
            [
                ("loading", "0"), ("rdb_bgsave_in_progress", info.snapshotInProgress ? "1" : "0"),
                ("rdb_last_save_time", last == .distantPast ? "0" : "\(last.nanoseconds / 1_000_000_000)"),
                ("rdb_last_bgsave_status", info.lastSnapshotStatus == "ok" ? "ok" : "err"), ("aof_enabled", "1"),
                ("aof_last_write_status", "ok"),  // the first that fails ends the server
                ("journal_bytes_written", "\(info.journalBytes)"), ("snapshots", "\(info.snapshots)"),
                ("snapshot_in_progress", info.snapshotInProgress ? "1" : "0"),
                ("last_snapshot_lsn", "\(info.lastSnapshotLSN.value)"), ("last_snapshot_time", text(last)),
                ("last_snapshot_status", info.lastSnapshotStatus),
                ("last_snapshot_frames", "\(info.lastSnapshotFrames)"),
                ("last_snapshot_frames_reused", "\(info.lastSnapshotFramesReused)"),
                ("last_audit_lsn", "\(info.auditedLSN.value)"),
                ("last_audit_time", text(info.auditedTime)), ("last_audit_verdict", info.auditVerdict),
                ("recovery_seconds", decimal(info.recoverySeconds)),
                ("history_check", info.historyCheck), ("last_sync_usec", "\(info.lastSyncNanoseconds / 1000)"),
            ])
    }

    private static func stats(_ engine: EngineInfo, _ server: ServerFigures) -> Section {
        Section(
            "Stats",
            [
                ("total_connections_received", "\(server.opened)"), ("total_commands_processed", "\(server.requests)"),
                ("rejected_connections", "\(server.refused)"), ("total_error_replies", "\(server.errors)"),
                ("total_net_input_bytes", "\(server.bytesIn)"), ("total_net_output_bytes", "\(server.bytesOut)"),
                ("decided_commands", "\(engine.commands.reduce(0) { $0 + $1.calls })"),
                ("rejected_commands", "\(engine.commands.reduce(0) { $0 + $1.rejected })"),
                ("batches", "\(engine.batches)"), ("events", "\(engine.events)"), ("syncs", "\(engine.syncs)"),
                ("timers_fired", "\(engine.timersFired)"), ("next_timer", engine.nextTimer.map(text) ?? "none"),
                ("mailbox", "\(engine.mailbox)"), ("mailbox_capacity", "\(engine.mailboxCapacity)"),
            ])
    }

    /// There is no other server: what looks for the one that takes writes has found it.
    private static func replication(_ engine: EngineInfo) -> Section {
        Section(
            "Replication",
            [
                ("role", "master"), ("connected_slaves", "0"), ("master_failover_state", "no-failover"),
                ("master_repl_offset", "\(engine.durableLSN.value)"),
            ])
    }

    /// What the writer worked on, and what was refused before it came so far.
    private static func commands(_ engine: EngineInfo, _ server: ServerFigures) -> Section {
        func redisName(_ name: String) -> String { name.lowercased().replacing(" ", with: "|") }
        var rejected = Dictionary(server.rejected.map { (redisName($0.name), $0.count) }, uniquingKeysWith: +)
        var fields: [(name: String, value: String)] = []
        func add(_ name: String, _ calls: UInt64, _ nanoseconds: UInt64, _ failed: UInt64) {
            let each = calls == 0 ? 0 : Double(nanoseconds / calls) / 1000
            let line =
                "calls=\(calls),usec=\(nanoseconds / 1000),usec_per_call=\(decimal(each)),"
                + "rejected_calls=\(rejected.removeValue(forKey: name) ?? 0),failed_calls=\(failed)"
            fields.append(("cmdstat_\(name)", line))
        }
        for command in engine.commands where command.calls > 0 {
            add(redisName(command.name), command.calls, command.nanoseconds, command.rejected)
        }
        for name in rejected.keys.sorted() { add(name, 0, 0, 0) }
        return Section("Commandstats", fields, isList: true)
    }

    /// Each follower: where it is, how many events behind, and what stopped it last.
    private static func followers(_ engine: EngineInfo) -> Section {
        Section(
            "Followers",
            engine.followers.flatMap { follower in
                [
                    ("\(follower.name)_position", "\(follower.position.value)"),
                    ("\(follower.name)_lag", "\(follower.lag)"), ("\(follower.name)_error", follower.error ?? "none"),
                ]
            })
    }

    /// Each fork: whose it is, and what it takes.
    private static func forks(_ server: ServerFigures) -> Section {
        let fields = server.heldForks.enumerated().map { index, fork in
            let line = [
                ("name", fork.name.string), ("client", "\(fork.client)"), ("addr", fork.address),
                ("user", fork.user.string), ("age", "\(fork.age)"), ("memory_bytes", "\(fork.bytes)"),
                ("grown_bytes", "\(fork.grown)"),
            ]
            return ("fork_\(index)", line.map { "\($0.0)=\(whole($0.1))" }.joined(separator: ","))
        }
        return Section("Forks", fields, isList: true)
    }

    private static func keyspace(_ engine: EngineInfo) -> Section {
        let users = engine.counts.first { $0.name == "users" }?.count ?? 0
        return Section("Keyspace", users == 0 ? [] : [("db0", "keys=\(users),expires=0,avg_ttl=0")], isList: true)
    }

    // MARK: The ledger's own

    private static func ledger(_ info: EngineInfo) -> Section {
        Section(
            "Ledger",
            [
                ("florin_version", info.version), ("ledger_id", info.ledger), ("last_lsn", "\(info.lastLSN.value)"),
                ("durable_lsn", "\(info.durableLSN.value)"), ("books_sum", "\(info.booksSum)"),
                ("read_only", info.readOnly ?? "no"), ("time", text(info.now)),
                ("clock_deviation_seconds", decimal(Double(info.clock.deviation.nanoseconds) / 1e9)),
                ("clock_warning", info.clock.warning ?? "none"),
            ] + info.counts.map { ($0.name, "\($0.count)") })
    }

    /// `revenue/api`: clients take what stands before the first colon for the name.
    private static func books(_ info: EngineInfo) -> Section {
        Section(
            "Books",
            info.books.map { ($0.account.replacing(":", with: "/"), "\(MoneySum(nanos: $0.balance))") })
    }

    // MARK: Texts

    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }

    /// Clients make a list of what has a comma, and a dictionary of what has an equals sign.
    private static func whole(_ text: String) -> String {
        oneLine(text).replacing(",", with: ";").replacing("=", with: ":")
    }

    private static func text(_ time: Timestamp) -> String {
        time == .distantPast || time == .never ? "never" : time.description
    }

    /// Two decimals and a letter, as Redis writes sizes for people.
    private static func mebibytes(_ bytes: Int) -> String {
        let hundredths = Int64(bytes) * 100 / (1 << 20)
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)M"
    }

    /// Three decimals.
    private static func decimal(_ value: Double) -> String {
        let thousandths = Int64((value * 1000).rounded())
        let rest = String(thousandths.magnitude % 1000)
        let sign = thousandths < 0 && thousandths > -1000 ? "-" : ""
        return "\(sign)\(thousandths / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
    }
}
