import Testing

extension EndToEnd {
    @Suite struct Costs {
        /// The figures of the program that people run are printed by `Scripts/counts`; those of a build for debugging,
        /// which this is, must not grow.
        @Test(.enabled(if: !Workspace.isSanitized))
        func `a charge takes no more allocations and copies than it did`() async throws {
            let workspace = Workspace()
            let cost = try await workspace.run(Workspace.products + "/charge-cost", [])
            #expect(cost.end == .exit(0), "\(cost.output)\(cost.errors)")
        }
    }
}
