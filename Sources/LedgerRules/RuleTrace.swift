internal import CLua
package import LedgerCore

/// A rule asked once, line by line.
package struct RuleTrace: Sendable {
    package struct Step: Sendable, Equatable {
        /// From 1; it is about to run.
        package var line: Int
        /// What is in sight there, in the order of its declaration.
        package var locals: [Local]
    }

    package struct Local: Sendable, Equatable {
        package var name: String
        /// For people; of a table with few entries these, else that it is one.
        package var value: String
    }

    package let identity: RuleIdentity
    /// The lines of the source.
    package let source: [String]
    package let steps: [Step]
    /// There were more: what followed ran unseen.
    package let isCut: Bool
    package let outcome: Result<PriceAnswer, RuleError>

    /// What is recorded at most; further lines run all the same.
    package static let mostSteps = 1000

    /// Throws when the source does not load. Everything after that is a step, or the outcome: a rule that fails is
    /// shown up to where it did.
    package init(_ query: PriceQuery, source: String, sandbox: RuleSandbox = .rule) throws(RuleError) {
        let rule = try CompiledRule(query.rule, source: source, sandbox: sandbox)
        identity = rule.identity
        self.source = source.split(separator: "\n", omittingEmptySubsequences: false).map {
            String($0.last == "\r" ? $0.dropLast() : $0)
        }
        (outcome, steps, isCut) = try RuleVM(rule).trace(query, most: Self.mostSteps)
    }

    /// The text of a step's line.
    package func text(of step: Step) -> String {
        step.line >= 1 && step.line <= source.count ? source[step.line - 1] : ""
    }
}

extension clua_steps {
    /// What was recorded (CLua.h).
    var decoded: [RuleTrace.Step] {
        var reader = UnsafeRawBufferPointer(start: bytes, count: length)
        func take(_ count: Int) -> UnsafeRawBufferPointer {
            defer { reader = UnsafeRawBufferPointer(rebasing: reader[count...]) }
            return UnsafeRawBufferPointer(rebasing: reader[..<count])
        }
        func text() -> String { String(decoding: take(Int(take(1)[0])), as: UTF8.self) }
        return (0..<count).map { _ in
            let line = take(4).loadUnaligned(as: Int32.self)
            let locals = take(1)[0]
            return RuleTrace.Step(
                line: Int(line), locals: (0..<locals).map { _ in RuleTrace.Local(name: text(), value: text()) })
        }
    }
}
