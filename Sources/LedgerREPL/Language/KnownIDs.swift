internal import Dispatch
package import RESP
internal import Synchronization

/// Ids that were shown at this prompt, the last ones first: what completion offers where an id must stand. Shared by
/// the prompt and the thread that edits its lines.
package final class KnownIDs: Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        case user, hold, session, charge, passport, resource, space
    }

    private struct State {
        /// In the order in which they were met, the latest last.
        var ids: [Kind: [String]] = [:]
        var known: [Kind: Set<String>] = [:]
        /// The ledger's own id of a session (`s_…`) → the platform's.
        var sessions: [String: String] = [:]
    }

    private let state = Mutex(State())
    /// What was known where one came from, while one is in another world.
    private let outside = Mutex<State?>(nil)
    private let forkNames = Mutex<[String]>([])
    private static let kept = 1000

    package init() {}

    /// How users are found by the beginning of their ids; an empty text asks for some to begin with.
    private let finder = Mutex<(@Sendable (String) async -> Void)?>(nil)
    /// How long completion waits for it.
    private static let patience = DispatchTimeInterval.milliseconds(300)

    /// From now on users are looked for in this way. True the first time.
    package func search(by finder: @escaping @Sendable (String) async -> Void) -> Bool {
        self.finder.withLock { old in
            defer { old = finder }
            return old == nil
        }
    }

    package func search(for text: String) async { await finder.withLock { $0 }?(text) }

    /// The same, and where no user is known whose id begins so, the ledger is asked: keeps its thread for a moment.
    package func ids(of kind: Kind, beginning text: String) -> [String] {
        let known = ids(of: kind)
        guard kind == .user, !text.isEmpty, !known.contains(where: { $0.hasPrefixIgnoringCase(text) }),
            let finder = finder.withLock({ $0 })
        else { return known }
        let answered = DispatchSemaphore(value: 0)
        Task {
            await finder(text)
            answered.signal()
        }
        _ = answered.wait(timeout: .now() + Self.patience)
        return ids(of: kind)
    }

    /// Another world begins with what is known, and what is met in it is forgotten when it is left: such an id may
    /// name nothing, or something else, outside. Once at a time.
    package func branch() {
        let now = state.withLock { $0 }
        outside.withLock { $0 = now }
    }

    package func endBranch() {
        guard let before = outside.withLock({ $0.take() }) else { return }
        state.withLock { $0 = before }
    }

    /// The forks that were made here, the last one first.
    package var forks: [String] { forkNames.withLock { $0.reversed() } }

    /// Their connection is no more. Those that there were.
    func endForks() -> [String] {
        forkNames.withLock { names in
            defer { names = [] }
            return names
        }
    }

    /// Takes up what a command has made or ended that has no id: `FORK NEW f`, `FORK DROP f`.
    func note(_ words: [[UInt8]], answered answer: RESPValue) {
        guard answer.error == nil, words.count == 3 else { return }
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        guard texts[0].uppercased() == "FORK" else { return }
        let verb = texts[1].uppercased()
        guard verb == "NEW" || verb == "DROP" else { return }
        forkNames.withLock { names in
            names.removeAll { $0 == texts[2] }
            if verb == "NEW" { names.append(texts[2]) }
        }
    }

    /// What completion offers, the last one met first.
    package func ids(of kind: Kind) -> [String] { state.withLock { ($0.ids[kind] ?? []).reversed() } }

    package func contains(_ id: String, as kind: Kind) -> Bool {
        state.withLock { $0.known[kind]?.contains(id) ?? false }
    }

    /// The platform's id of a session whose own was shown.
    package func session(of id: String) -> String? { state.withLock { $0.sessions[id] } }

    package func add(_ id: String, as kind: Kind) {
        guard !id.isEmpty, id.utf8.count <= 64, id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else { return }
        state.withLock { state in
            if state.known[kind, default: []].insert(id).inserted {
                state.ids[kind, default: []].append(id)
                if state.ids[kind]!.count > Self.kept {
                    state.known[kind]!.remove(state.ids[kind]!.removeFirst())
                }
            } else if state.ids[kind]!.last != id {
                state.ids[kind]!.removeAll { $0 == id }
                state.ids[kind]!.append(id)
            }
        }
    }

    /// Takes up what the fields of an answer name. Reads a thousand rows at most.
    package func learn(from answer: RESPValue) {
        switch answer.plain {
        case .map(let pairs): learn(from: pairs)
        // Backwards: the first of a list is the newest, and should be offered first.
        case .array(let items), .set(let items): for item in items.prefix(Self.kept).reversed() { learn(from: item) }
        case .simple, .error, .integer, .bulk, .null, .boolean, .double, .bigNumber, .verbatim, .push, .attributed:
            break
        }
    }

    private func learn(from pairs: [RESPPair]) {
        var session: String?
        var own: String?
        for pair in pairs {
            guard let name = pair.key.string else { continue }
            guard let text = pair.value.string else {
                learn(from: pair.value)
                continue
            }
            if let kind = Kind(rawValue: name) {
                add(text, as: kind)
                if kind == .session { session = text }
            } else if name == "id" {
                // What an `id` is its letter says; the id of a user has none.
                if text.hasPrefix("h_") { add(text, as: .hold) }
                if text.hasPrefix("c_") { add(text, as: .charge) }
                if text.hasPrefix("s_") { own = text }
            }
        }
        if let session, let own { state.withLock { $0.sessions[own] = session } }
    }
}
