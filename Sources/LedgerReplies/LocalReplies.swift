package import LedgerCommands
package import LedgerCore
package import RESP

/// What is answered without the ledger: the connection, and what the command table knows.
extension ReplyEncoder {
    package func local(_ command: LocalCommand, to writer: inout RESPWriter) {
        switch command {
        case .ping(nil): writer.simple("PONG")
        case .ping(.some(let message)), .echo(let message): writer.bulk(message)
        case .select: writer.ok()
        case .configGet(let names): configuration(names, &writer)
        case .command: commandInfo(nil, &writer)
        case .commandCount: writer.integer(CommandTable.containers.count)
        case .commandInfo(let names): commandInfo(names, &writer)
        case .commandDocs(let names): commandDocs(names, &writer)
        case .commandList:
            writer.array(CommandTable.containers.count)
            for name in CommandTable.containers { writer.bulk(name) }
        case .latencyHistogram: writer.map(0)
        case .help(let topic): help(topic, &writer)
        }
    }

    /// What `redis-benchmark`, monitors and others ask before they begin, as it is here: what was answered is on disk,
    /// there is one database, and nothing is evicted.
    private func configuration(_ names: [String], _ writer: inout RESPWriter) {
        let known = [
            ("save", ""), ("appendonly", "yes"), ("appendfsync", "always"), ("databases", "1"), ("maxmemory", "0"),
            ("maxmemory-policy", "noeviction"),
        ]
        let wanted = known.filter { names.contains($0.0) || names.contains("*") }
        writer.map { writer in
            for (name, value) in wanted {
                writer.key(name)
                writer.bulk(value)
            }
        }
    }

    private func help(_ topic: [String], _ writer: inout RESPWriter) {
        guard let text = help(topic, writer.version) else {
            let text = topic.joined(separator: " ")
            let shown = Array(text.utf8).withUnsafeBytes { Echo.quoted($0) }
            return writer.error("ERR no help for \(shown); HELP lists all commands")
        }
        writer.bytes += text
    }

    /// `HELLO`: what Redis says, in its order.
    package func hello(_ client: ClientReply, to writer: inout RESPWriter) {
        writer.map { writer in
            writer.pair("server", "florin")
            writer.pair("version", version)
            writer.pair("proto", integer: Int64(writer.version.rawValue))
            writer.pair("id", integer: Int64(clamping: client.id))
            writer.pair("mode", "standalone")
            writer.pair("role", "master")
            writer.key("modules")
            writer.array(0)
        }
    }

    /// `CLIENT INFO`, and with one connection `CLIENT LIST`: every field that redis-py turns into a number is there.
    package func clientInfo(_ client: ClientReply, to writer: inout RESPWriter) {
        writer.verbatim(
            """
            id=\(client.id) addr=\(client.address) laddr=\(client.localAddress) fd=0 name=\(client.name) \
            age=\(client.age) idle=\(client.idle) flags=N db=0 sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 \
            argv-mem=0 multi-mem=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=client user=\(client.user) redir=-1 \
            resp=\(writer.version.rawValue) lib-name=\(client.library) lib-ver=\(client.libraryVersion)\n
            """)
    }

    /// `TIME`: unix seconds and the microseconds of this second.
    package func time(_ now: Timestamp, to writer: inout RESPWriter) {
        let (seconds, rest) = now.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        writer.array(2)
        writer.bulk(seconds)
        writer.bulk(rest / 1000)
    }
}
