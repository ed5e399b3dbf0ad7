internal import CLua
package import LedgerCore

/// What rules may use: names from the closed list (`Sources/CLua/closed_list.h`) and so much work and memory per call.
///
/// The budgets bound what a rule can cost the writer: 10 ms for the worst that we know of. Lua's own count hook does
/// not run inside C functions, so three byte limits bound what one instruction can do, functions of the closed list
/// charge for the bytes they go through, and time is a second wall around the count.
package struct RuleSandbox: Hashable, Sendable {
    /// Lua instructions per load and per call.
    package var instructions: Int
    /// Milliseconds of the thread's own time per load and per call, looked at every hundred instructions.
    package var milliseconds: Int
    /// Bytes a state may keep alive.
    package var memory: Int
    /// Bytes asked for during one load or call, in sum.
    package var allocation: Int
    /// The longest text, in bytes.
    package var text: Int
    /// The largest table or stack, in bytes.
    package var block: Int

    package init(instructions: Int, milliseconds: Int, memory: Int, allocation: Int, text: Int, block: Int) {
        self.instructions = instructions
        self.milliseconds = milliseconds
        self.memory = memory
        self.allocation = allocation
        self.text = text
        self.block = block
    }

    /// For pricing rules, which run on the writer.
    package static let rule = RuleSandbox(
        instructions: 10_000, milliseconds: 5, memory: 1 << 20, allocation: 4 << 20, text: 4096, block: 128 << 10)

    /// For the map of an import, which runs in the client and sees every job of a file.
    package static let map = RuleSandbox(
        instructions: 100_000, milliseconds: 500, memory: 8 << 20, allocation: 16 << 20, text: 64 << 10, block: 2 << 20)

    /// The longest source of a rule, in bytes. Compiling is under no budget: this and ``CompileCost`` bound it.
    package static let maximumSource = 16 << 10

    /// The highest amount a one-time rule may return.
    package static let maximumAmount = Money(nanos: 1_000_000 * 1_000_000_000)

    var limits: clua_limits {
        clua_limits(
            instructions: Int32(instructions), nanoseconds: Int64(milliseconds) * 1_000_000, memory: memory,
            allocation: allocation, string: text, block: block)
    }
}
