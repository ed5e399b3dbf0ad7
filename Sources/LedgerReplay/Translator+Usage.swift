internal import LedgerCore

// Sessions, storage, spaces and meters.
extension Translator {
    func start(_ it: SessionStarted, _ event: Event) -> Ask {
        // ADMIT shows the user's own passport. Where it is not to be had, START lets the same session in.
        var words =
            if let secret = secret(it.admitted) {
                CommandWords("SESSION ADMIT", secret, it.session, it.tier.text)
            } else {
                CommandWords("SESSION START", it.session, user(event), it.tier.text)
            }
        words.add("TTL", it.ttlEnd - event.asOf)
        if it.reserveFull { words.add("RESERVE", "full") }
        if it.heartbeat > .zero { words.add("HEARTBEAT", it.heartbeat) }
        label(&words, event)
        return .words(words)
    }

    func hear(_ it: SessionHeard) -> Ask {
        guard let name = session(it.session) else { return .unknown("sessionHeard, of one that is not open") }
        return .words(CommandWords("SESSION HEARTBEAT", name))
    }

    func close(_ it: SessionClosed) -> Ask {
        switch it.reason {
        case .stopped: return .words(CommandWords("SESSION STOP", it.external))
        case .cancelled:
            var words = CommandWords("SESSION CANCEL", it.external)
            words.add("REASON", reason(it.note))
            return .words(words)
        case .lost, .ttl, .funds, .banned, .cap: return .follows
        }
    }

    func record(_ it: SessionRecorded, _ event: Event) -> Ask {
        var words = CommandWords("SESSION RECORD", it.session, user(event), it.tier.text)
        words.add("FROM", it.usage.from)
        words.add("TO", it.usage.through)
        label(&words, event)
        return .words(words)
    }

    // MARK: Storage

    func create(_ it: StorageCreated, _ event: Event) -> Ask {
        var words = CommandWords(
            "STORAGE CREATE", user(event), it.resource, it.kind.text, Self.gigabytes(it.megabytes))
        label(&words, event)
        return .words(words)
    }

    // MARK: Spaces

    static func add(_ it: SpaceAdded) -> CommandWords {
        var words = CommandWords("SPACE ADD", it.entry.id)
        words.add("COST", it.entry.cost)
        words.add("SIZE", it.entry.gigabytes)
        words.add("NAME", it.entry.name)
        words.add("DESCRIPTION", nonempty: it.entry.description)
        words.add("CATEGORY", it.entry.category)
        words.add("PUBLIC", it.entry.isPublic ? "yes" : "no")
        words.add("CREATOR", nonempty: it.creator)
        // In hundredths of a percent.
        if it.entry.share > 0 { words.add("SHARE", Money(nanos: Int64(it.entry.share) * Money.cent.nanos)) }
        return words
    }

    func purchase(_ it: SpacePurchased, _ event: Event) -> Ask {
        var words = CommandWords("SPACE PURCHASE", user(event), it.space, it.workspace, it.instance)
        label(&words, event)
        return .words(words)
    }

    // MARK: Meters

    func add(_ it: MeterAdded) -> Ask {
        var words = CommandWords("METER ADD", it.name)
        words.add("UNIT", it.unit)
        words.add("DESCRIPTION", nonempty: it.description)
        words.add("SCALE", UInt32(it.scale))
        return .words(words)
    }

    func record(_ it: UsageRecorded, _ event: Event) -> Ask {
        guard let (meter, quantity) = it.used else { return .unknown("usageRecorded, of no meter") }
        var words = CommandWords("USAGE RECORD", it.id, user(event), meter, quantity.description)
        if event.effectiveFrom != event.asOf { words.add("AT", event.effectiveFrom) }
        label(&words, event)
        return .words(words)
    }
}
