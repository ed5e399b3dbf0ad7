internal import Dispatch
internal import LedgerCore
internal import LedgerScript
internal import RESP
internal import Synchronization

/// One run of a chunk: what it showed, and whether somebody wants it to end.
final class Trial: Sendable {
    let isCancelled = Atomic<Bool>(false)
    private let items = Mutex<[LuaSession.Item]>([])
    private let failure = Mutex<(any Error)?>(nil)
    private let calls = Atomic<Int>(0)
    private let last = Mutex<(words: [[UInt8]], answer: RESPValue)?>(nil)
    /// A command was sent and not answered.
    private let isWaiting = Atomic<Bool>(false)

    /// On the thread that the chunk is to run on.
    func run(_ vm: ScriptVM, _ call: @escaping LuaSession.Call) -> LuaSession.Run {
        let outcome = vm.run { words in self.answer(words, call) }
        let isUnknown = isWaiting.load(ordering: .relaxed)
        let end: LuaSession.Run.End
        if isCancelled.load(ordering: .relaxed) {
            end = .interrupted(isUnknown: isUnknown)
        } else {
            switch outcome {
            case .values(let values): end = .values(values)
            case .failed(let error): end = .failed(error)
            case .abandoned:
                end = failure.withLock { $0 }.map { .lost($0) } ?? .interrupted(isUnknown: isUnknown)
            }
        }
        return LuaSession.Run(
            items: items.withLock { $0 }, end: end, calls: calls.load(ordering: .relaxed), last: last.withLock { $0 })
    }

    private func answer(_ words: [[UInt8]], _ call: @escaping LuaSession.Call) -> ScriptVM.Answer {
        if let item = item(words) {
            items.withLock { $0.append(item) }
            return .value(.null)
        }
        calls.add(1, ordering: .relaxed)
        isWaiting.store(true, ordering: .relaxed)
        let answered = DispatchSemaphore(value: 0)
        let box = Box()
        Task {
            do {
                let value = try await call(words)
                box.value.withLock { $0 = .success(value) }
            } catch {
                box.value.withLock { $0 = .failure(error) }
            }
            answered.signal()
        }
        while answered.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
            if isCancelled.load(ordering: .relaxed) { return .abandon }
        }
        isWaiting.store(false, ordering: .relaxed)
        switch box.value.withLock({ $0 }) {
        case .success(let value):
            last.withLock { $0 = (words, value) }
            return .value(value)
        case .failure(let error):
            failure.withLock { $0 = error }
            return .abandon
        case nil: return .abandon
        }
    }

    private final class Box: Sendable {
        let value = Mutex<Result<RESPValue, any Error>?>(nil)
    }

    /// What the prelude asks the prompt for, which is no command of the ledger's.
    private func item(_ words: [[UInt8]]) -> LuaSession.Item? {
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        switch texts[0] {
        case "print": return .text(DisplayText.sanitized(texts.dropFirst().joined(), multiline: true) + "\n")
        case "describe", "plot", "watch": return .command(texts)
        case "series": return .series(Self.points(texts.dropFirst().joined()))
        default: return nil
        }
    }

    /// Lines of a time, which may be missing, and a value.
    private static func points(_ text: String) -> [Plot.Point] {
        text.split(separator: "\n").enumerated().compactMap { index, line in
            let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
            guard words.count == 2, let value = Money(String(words[1]), signed: true) else { return nil }
            let time = Timestamp(String(words[0]))?.nanoseconds ?? Int64(index + 1)
            return Plot.Point(time: time, value: value.nanos)
        }
    }
}
