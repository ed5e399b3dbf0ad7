internal import LedgerCore
internal import RESP

/// What a first start recorded, before anybody could ask: the server that replays has begun in its own way. Rules and
/// spaces that it did not begin with are added to it.
struct Beginning {
    private var loaded: [RuleLoaded] = []
    private var active: [RuleName: RuleIdentity] = [:]
    private var spaces: [SpaceAdded] = []
    private(set) var lastLSN = LSN.none
    /// The admin's passport, with which a first start ends, was met.
    private(set) var isWhole = false

    mutating func note(_ group: RecordedGroup) throws(ReplayError) {
        for event in group.events {
            guard event.actor == .none, event.origin == .command else {
                throw ReplayError("the recording does not begin as a first start does: LSN \(event.lsn.value)")
            }
            if case .ruleLoaded(let it) = event.body { loaded.append(it) }
            if case .ruleActivated(let it) = event.body { active[it.name] = it.identity }
            if case .spaceAdded(let it) = event.body { spaces.append(it) }
            if case .passportCreated = event.body { isWhole = true }
        }
        lastLSN = group.lastLSN
    }

    /// Makes the server begin alike, and tells the translator the server's versions of the rules. Returns what
    /// differed, in words.
    func repeatMissing(
        at server: ReplayServer, _ port: any CommandPort, _ translator: Translator
    ) async throws(ReplayError) -> [String] {
        var found: [String] = []
        for rule in loaded {
            let own = server.versions[rule.name] ?? []
            let known = Translator.LoadedRule(name: rule.name, identity: rule.identity)
            if let same = own.first(where: { $0.digest == rule.identity.digest.hex }) {
                translator.learn(known, isVersion: same.version)
                if active[rule.name] != rule.identity || same.isActive { continue }
                try await activate(rule.name, same.version, port)
            } else {
                found.append("the rule \(rule.name.text) was another one: it was loaded")
                let answer = try await ReplayServer.ask(port, [Translator.load(rule.name, rule.source).words])
                let version = answer[0]["version"]?.integer.flatMap { UInt32(exactly: $0) } ?? 0
                translator.learn(known, isVersion: version)
                if active[rule.name] == rule.identity { try await activate(rule.name, version, port) }
            }
        }
        for (name, versions) in server.versions where active[name] == nil && versions.contains(where: \.isActive) {
            found.append("the server prices \(name.text) from the beginning, the recording did not")
        }
        for space in spaces where !server.spaces.contains(space.entry.id.string) {
            found.append("the space \(space.entry.id) was not there: it was added")
            _ = try await ReplayServer.ask(port, [Translator.add(space).words])
        }
        return found.sorted()
    }

    private func activate(_ name: RuleName, _ version: UInt32, _ port: any CommandPort) async throws(ReplayError) {
        _ = try await ReplayServer.ask(port, [CommandWords("RULE ACTIVATE", name.text, version).words])
    }
}
