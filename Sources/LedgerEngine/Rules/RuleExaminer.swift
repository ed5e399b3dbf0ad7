internal import LedgerCommands
internal import LedgerCore
internal import LedgerRules
internal import LedgerStorage

/// Compiles and checks rules on a thread of its own.
///
/// A source may take milliseconds to compile and a check seconds, within all budgets; the writer would make everybody
/// wait for it. So the writer gets a verdict with RULE LOAD and RULE ACTIVATE, and decides in its own order whether it
/// still counts. One thread: rules change rarely, and a flood of them delays only itself.
final class RuleExaminer: Sendable {
    private let queue: RequestQueue<RuleRequest, RuleVerdict>
    private let thread = Lock<NamedThread?>(nil)
    /// Asks the writer and waits for the answer; nil when it does not come.
    private let ask: @Sendable (WorkItem) -> WorkResult?
    private let shadows: Shadows
    private let clock: any LedgerClock

    /// So many users' storage is looked at in one go of the writer's.
    private static let usersPerPortion = 16_384

    init(
        capacity: Int, shadows: Shadows, clock: any LedgerClock, ask: @escaping @Sendable (WorkItem) -> WorkResult?
    ) {
        queue = RequestQueue(capacity: capacity)
        self.shadows = shadows
        self.clock = clock
        self.ask = ask
    }

    func start() {
        thread.withLock {
            $0 = NamedThread.start("rules") { [self] in
                while let (request, completion) = queue.next() { completion(answer(request)) }
            }
        }
    }

    /// Answers what is queued, then ends the thread. The writer must still answer, or say no, when this is called.
    func stop() {
        queue.close()
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    func submit(_ request: RuleRequest, _ completion: @escaping @Sendable (RuleVerdict) -> Void) -> Bool {
        queue.push(request, completion)
    }

    private func answer(_ request: RuleRequest) -> RuleVerdict {
        switch request {
        case .load(let name, let source):
            guard let text = String(validating: source, as: UTF8.self) else { return Self.notText }
            do throws(RuleError) {
                return .loads(try CompiledRule(name, source: text).identity)
            } catch {
                return .refused(.rule(error.text))
            }
        case .check(let name, let source):
            guard let material = material(name, nil) else { return Self.noAnswer }
            return check(name, source, material)
        case .version(let name, let version):
            guard let material = material(name, version) else { return Self.noAnswer }
            guard let source = material.source else { return .refused(.notFound(.rule)) }
            return check(name, source, material)
        case .price(let name, let version, let questions):
            guard let material = material(name, version) else { return Self.noAnswer }
            guard let source = material.source else { return .refused(.notFound(.rule)) }
            return .priced(RuleCheck.prices(name, source: String(decoding: source, as: UTF8.self), questions))
        case .step(let query, let text): return step(query, text)
        case .shadow(let name, let version, let span): return shadow(name, version, span)
        case .shadowEnd(let name): return shadow(name) { shadows.end(name, at: $0) }
        case .shadowReport(let name): return shadow(name) { shadows.report(name, at: $0) }
        case .backtest: preconditionFailure("a back-test has a thread of its own")
        }
    }

    private func check(_ name: RuleName, _ source: [UInt8], _ material: RuleMaterial) -> RuleVerdict {
        guard let text = String(validating: source, as: UTF8.self) else { return Self.notText }
        guard let sizes = name == .storage ? sizes(of: material.users) : [] else { return Self.noAnswer }
        return .checked(
            RuleCheck(
                name, source: text, catalogue: material.catalogue, sizes: sizes, scale: material.scale))
    }

    private func shadow(_ name: RuleName, _ version: UInt32, _ span: TimeSpan?) -> RuleVerdict {
        guard let material = material(name, version) else { return Self.noAnswer }
        guard let source = material.source else { return .refused(.notFound(.rule)) }
        let compiled: CompiledRule
        do throws(RuleError) {
            compiled = try CompiledRule(name, source: String(decoding: source, as: UTF8.self))
        } catch {
            return .refused(.rule(error.text))
        }
        do throws(Rejection) {
            return .shadow(try shadows.begin(compiled, version: version, at: clock.now(), for: span))
        } catch {
            return .refused(error)
        }
    }

    private func shadow(_ name: RuleName, _ report: (Timestamp) -> ShadowReport?) -> RuleVerdict {
        report(clock.now()).map { .shadow($0) } ?? .refused(.invalid("no version shadows \(name.text)"))
    }

    private func step(_ query: PriceQuery, _ text: RuleText) -> RuleVerdict {
        switch text.lua({ material(query.rule, $0) }) {
        case .failure(let rejection): return .refused(rejection)
        case .success(let source):
            do throws(RuleError) {
                return .traced(try RuleTrace(query, source: source))
            } catch {
                return .refused(.rule(error.text))
            }
        }
    }

    private func material(_ name: RuleName, _ version: UInt32?) -> RuleMaterial? {
        guard case .ruleMaterial(let material) = ask(.ruleMaterial(name, version: version)) else { return nil }
        return material
    }

    private func sizes(of users: Int) -> [StorageSize]? {
        var sizes: Set<StorageSize> = []
        for first in stride(from: 0, to: users, by: Self.usersPerPortion) {
            guard case .storageSizes(let portion) = ask(.storageSizes(of: first..<first + Self.usersPerPortion)) else {
                return nil
            }
            sizes.formUnion(portion)
        }
        return StorageSize.thinned(sizes, to: RuleCheck.maximumSizes)
    }

    private static let notText = RuleVerdict.refused(RuleText.notText)
    private static let noAnswer = RuleVerdict.refused(RuleText.noAnswer)
}
