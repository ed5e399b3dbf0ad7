internal import Dispatch
internal import LedgerCore
internal import LedgerScript
internal import RESP
internal import Synchronization

/// One run of a chunk, and whether somebody wants it to end.
final class Trial: Sendable {
    let isCancelled = Atomic<Bool>(false)
    private let call: LuaSession.Call
    private let show: LuaSession.Show
    private let failure = Mutex<(any Error)?>(nil)
    private let calls = Atomic<Int>(0)
    private let last = Mutex<(words: [[UInt8]], answer: RESPValue)?>(nil)
    /// A command was sent and not answered.
    private let isWaiting = Atomic<Bool>(false)

    init(show: @escaping LuaSession.Show, call: @escaping LuaSession.Call) { (self.show, self.call) = (show, call) }

    /// On the thread that the chunk is to run on.
    func run(_ vm: ScriptVM) -> LuaSession.Run {
        let outcome = vm.run { words in self.answer(words) }
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
        return LuaSession.Run(end: end, calls: calls.load(ordering: .relaxed), last: last.withLock { $0 })
    }

    private func answer(_ words: [[UInt8]]) -> ScriptVM.Answer {
        if let item = item(words) {
            let (show, last) = (show, last.withLock { $0 })
            return wait { await show(item, last) }.map { .value($0) } ?? .abandon
        }
        calls.add(1, ordering: .relaxed)
        isWaiting.store(true, ordering: .relaxed)
        let call = call
        guard
            let result = wait({ () async -> Result<RESPValue, any Error> in
                do { return .success(try await call(words)) } catch {
                    return .failure(error)
                }
            })
        else { return .abandon }
        isWaiting.store(false, ordering: .relaxed)
        switch result {
        case .success(let value):
            last.withLock { $0 = (words, value) }
            return .value(value)
        case .failure(let error):
            failure.withLock { $0 = error }
            return .abandon
        }
    }

    /// Keeps the chunk's thread until the work is done; nil: nobody wants the chunk any more, and it is
    /// cancelled.
    private func wait<T: Sendable>(_ work: @escaping @Sendable () async -> T) -> T? {
        let done = DispatchSemaphore(value: 0)
        let box = Box<T>()
        let task = Task {
            let value = await work()
            box.value.withLock { $0 = value }
            done.signal()
        }
        while done.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
            guard !isCancelled.load(ordering: .relaxed) else {
                task.cancel()
                return nil
            }
        }
        return box.value.withLock { $0 }
    }

    private final class Box<T: Sendable>: Sendable {
        let value = Mutex<T?>(nil)
    }

    /// What the prelude asks the prompt for, which is no command of the ledger's.
    private func item(_ words: [[UInt8]]) -> LuaSession.Item? {
        if words.count == 2, words[0].elementsEqual("show".utf8) { return .value(ScriptValue.decode(words[1])) }
        let texts = words.map { String(decoding: $0, as: UTF8.self) }
        switch texts[0] {
        case "print": return .text(DisplayText.sanitized(texts.dropFirst().joined(), multiline: true) + "\n")
        case "describe", "plot": return .command(texts)
        case "tail": return .tail(Array(texts.dropFirst()))
        case "series": return Self.series(texts.dropFirst().joined())
        case "revenue" where texts.count == 3: return .revenue(span: texts[1], parts: texts[2])
        case "enter" where texts.count == 2: return .enter(texts[1])
        case "leave" where texts.count == 1: return .leave
        case "watch" where texts.count == 4:
            return .watch(every: texts[1], text: texts[2], isVariable: texts[3] == "true")
        case "draw" where texts.count == 3: return .draw(every: texts[1], title: texts[2])
        case "frame" where texts.count == 1: return .frame
        default: return nil
        }
    }

    /// Lines of a time, which may be missing, and a value.
    private static func series(_ text: String) -> LuaSession.Item {
        var points: [Plot.Point] = []
        for (index, line) in text.split(separator: "\n").enumerated() {
            let words = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let last = words.last, let value = Money(last, signed: true) else {
                return .undrawable("row \(index + 1): '\(DisplayText.sanitized(words.last ?? ""))' is no amount")
            }
            guard let time = words[0].isEmpty ? Int64(index + 1) : Timestamp(words[0])?.nanoseconds else {
                return .undrawable("row \(index + 1): '\(DisplayText.sanitized(words[0]))' is no time")
            }
            points.append(Plot.Point(time: time, value: value.nanos))
        }
        return .series(points)
    }
}
