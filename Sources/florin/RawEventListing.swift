internal import LedgerCore
internal import LedgerREPL
internal import LedgerStorage

/// Events whose fields are not decoded any more: those of format 0, which begin with the code of their kind as every
/// event does.
enum RawEventListing {
    static func kind(of event: JournaledEvent) -> EventCode? { event.bytes.first.flatMap(EventCode.init(rawValue:)) }

    static func line(for event: JournaledEvent, json: Bool) -> String {
        let code = Int(event.bytes.first ?? 0)
        let name = kind(of: event)?.name ?? "unknown"
        guard json else { return "\(event.lsn.value) \(event.time) \(name) kind=\(code) bytes=\(event.bytes.count)" }
        var text = JSONText()
        text.add("lsn", number: Int(clamping: event.lsn.value))
        text.add("time", text: "\(event.time)")
        text.add("event", text: name)
        text.add("kind", number: code)
        text.add("bytes", number: event.bytes.count)
        return text.text
    }
}
