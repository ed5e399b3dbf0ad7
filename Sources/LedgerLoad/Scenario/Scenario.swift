/// What a load test does, as its script described it: plain data, checked.
package struct Scenario: Sendable {
    package var name: String
    /// One line for people.
    package var about: String
    package var defaults = Defaults()
    /// In order, before the load: not measured.
    var setup: [SetupStep] = []
    /// Lua scripts of a Redis server, loaded by SCRIPT LOAD.
    var scripts: [(name: String, source: String)] = []
    var mix: [Operation] = []
    var think = ThinkTime.none
    package var thresholds: [Threshold] = []
    /// The open-loop ramp; empty: one rate, or a closed loop.
    package var stages: [Stage] = []
    /// Asked before and after the load: what stands in the books of each source, in nano-dollars. For servers that have
    /// no INFO books.
    var books: [(source: String, words: [String])] = []

    /// What holds where the command line says nothing.
    package struct Defaults: Hashable, Sendable {
        package var connections: Int?
        package var pipeline: Int?
        /// Operations a second.
        package var rate: Double?
        package var arrivals: Arrivals?
        /// Nanoseconds.
        package var duration: UInt64?
        package var warmup: UInt64?
    }
}

/// When the operations of an open loop begin.
package enum Arrivals: String, Hashable, Sendable, CaseIterable {
    case constant, poisson
}

/// A part of a ramp: the rate goes from what it was to `rate` operations a second within `nanoseconds`.
package struct Stage: Hashable, Sendable {
    package var rate: Double
    package var nanoseconds: UInt64

    package init(rate: Double, nanoseconds: UInt64) {
        self.rate = rate
        self.nanoseconds = nanoseconds
    }
}

/// How long a client of the closed loop waits before its next operation, in nanoseconds.
enum ThinkTime: Hashable, Sendable {
    case none
    case constant(UInt64)
    case exponential(mean: UInt64)
}

/// One kind of operation: steps that one client sends one after the other, each when the one before is answered.
struct Operation: Sendable {
    var name: String
    var weight: Double
    /// What each run of it draws, once, before its first step.
    var variables: [Variable] = []
    var steps: [Step] = []
}

/// What is drawn anew for each operation. The same table of the script is the same variable in all steps.
enum Variable: Hashable, Sendable {
    case key(KeyDistribution)
    /// A number that no other operation of this run has.
    case unique
    /// Whole numbers, both ends included.
    case between(Int64, Int64)
}

struct Step: Sendable {
    var words: [Word] = []
    /// Commands that a function of the script made ahead; sent one after the other, in place of `words`.
    var ahead: [[[UInt8]]] = []
    /// The source whose revenue the reply's `amount` is; nil: it charges nothing that is reconciled.
    var charge: String?
    /// What it charges, where that is always the same: nano-dollars.
    var amount: Int64?
}

enum Word: Hashable, Sendable {
    case bytes([UInt8])
    case number(variable: Int, NumberFormat)
    /// A prefix, and what makes it unique over all runs.
    case unique(variable: Int, prefix: [UInt8])
    /// The variable's element of a list that the set-up kept.
    case member(list: String, variable: Int)
    /// The variable's element of these.
    case choice([[UInt8]], variable: Int)
    /// The digest of a script that was loaded.
    case digest(script: String)
}

/// `u%012d`: text around one number, filled with zeros to a width.
struct NumberFormat: Hashable, Sendable {
    var prefix: [UInt8] = []
    var width = 0
    var suffix: [UInt8] = []

    static let plain = NumberFormat()

    init() {}

    /// Nil unless there is exactly one `%d` or `%0Nd`, and no other `%`.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let start = bytes.firstIndex(of: UInt8(ascii: "%")) else { return nil }
        guard let end = bytes[start...].firstIndex(of: UInt8(ascii: "d")) else { return nil }
        let between = bytes[(start + 1)..<end]
        if !between.isEmpty {
            guard between.first == UInt8(ascii: "0"), let width = Int(String(decoding: between, as: UTF8.self)),
                1...19 ~= width
            else { return nil }
            self.width = width
        }
        prefix = Array(bytes[..<start])
        suffix = Array(bytes[(end + 1)...])
        guard !suffix.contains(UInt8(ascii: "%")) else { return nil }
    }
}

/// A command of the set-up, sent `times` times. There, a key that is picked is the number of the repetition, from 0: so
/// the same table that picks users in the mix names each of them once.
struct SetupStep: Sendable {
    var times = 1
    var variables: [Variable] = []
    var words: [Word] = []
    /// Field of the reply → list that keeps it.
    var keep: [(field: String, list: String)] = []
    /// An error code that is no failure, like EXISTS.
    var allowed: String?
}
